//! Path rules: which subjects may reach the pages below a path.
//!
//! The longest matching rule decides. Rules of the same length that both match must both allow, so
//! neither the order of the rules nor the way they were entered matters. A rule only narrows.

use std::collections::HashMap;

use ids::{GroupId, PathRuleId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use time::OffsetDateTime;

use crate::{AppRole, MemberFacts, Method, PathPattern, RequestPath, Role, SignInAge, SignedIn};

/// Whom a rule lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Subject {
    /// One person.
    User(UserId),
    /// Everybody in a group.
    Group(GroupId),
    /// Everybody with this role in the organization.
    Role(Role),
    /// Everybody with this role in the app.
    AppRole(AppRole),
}

/// One rule of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathRule {
    /// Its identifier.
    pub id: PathRuleId,
    /// The pages it covers.
    pub pattern: PathPattern,
    /// The methods it covers; none means all.
    pub methods: Vec<Method>,
    /// Whom it lets through; nobody else passes.
    pub subjects: Vec<Subject>,
    /// How long ago those may have signed in; none means that it does not matter.
    pub sign_in_within: Option<SignInAge>,
}

/// Why a rule refuses somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleRefusal {
    /// It does not name the person.
    NotNamed(PathRuleId),
    /// It does, and the sign-in is too old.
    SignInTooOld(PathRuleId),
}

impl RuleRefusal {
    pub(crate) const fn rule(self) -> PathRuleId {
        match self {
            Self::NotNamed(rule) | Self::SignInTooOld(rule) => rule,
        }
    }

    /// The one to tell of two: signing in again does not help whom another rule keeps out. Of two alike
    /// the lower identifier, so that it does not depend on the order of the rules.
    fn graver(self, other: Self) -> Self {
        let rank = |refusal: Self| (matches!(refusal, Self::SignInTooOld(_)), refusal.rule());
        if rank(self) <= rank(other) { self } else { other }
    }
}

/// Who asks a rule.
#[derive(Clone, Copy)]
pub(crate) struct Visitor<'a> {
    pub(crate) viewer: &'a SignedIn,
    pub(crate) member: &'a MemberFacts,
    pub(crate) app_role: AppRole,
    pub(crate) now: OffsetDateTime,
}

impl PathRule {
    fn covers(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn refusal(&self, visitor: Visitor<'_>) -> Option<RuleRefusal> {
        let Visitor { viewer, member, app_role, now } = visitor;
        let named = self.subjects.iter().any(|subject| match *subject {
            Subject::User(user) => user == viewer.user,
            Subject::Group(group) => member.groups.contains(&group),
            Subject::Role(role) => member.role == role,
            Subject::AppRole(role) => app_role == role,
        });
        if !named {
            return Some(RuleRefusal::NotNamed(self.id));
        }
        let recent = self.sign_in_within.is_none_or(|age| age.covers(viewer.authenticated_at, now));
        (!recent).then_some(RuleRefusal::SignInTooOld(self.id))
    }
}

/// All rules of an app, arranged by segment so that looking one up does not depend on their number.
#[derive(Clone, Debug, Default)]
pub struct PathRules {
    rules: Vec<PathRule>,
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literal: HashMap<Box<str>, Node>,
    any: Option<Box<Node>>,
    rules: Vec<usize>,
}

impl PathRules {
    /// Arranges the rules.
    #[must_use]
    pub fn new(mut rules: Vec<PathRule>) -> Self {
        // A fixed order, so that which of several refusing rules is named does not depend on the store.
        rules.sort_by_key(|rule| rule.id);
        let mut root = Node::default();
        for (index, rule) in rules.iter().enumerate() {
            let mut node = &mut root;
            for segment in rule.pattern.segments() {
                node = match segment {
                    Some(literal) => node.literal.entry(literal.clone()).or_default(),
                    None => &mut **node.any.get_or_insert_default(),
                };
            }
            node.rules.push(index);
        }
        Self { rules, root }
    }

    /// The rules, ordered by identifier.
    #[must_use]
    pub fn as_slice(&self) -> &[PathRule] {
        &self.rules
    }

    /// The refusal of this request, if any.
    pub(crate) fn refusal(
        &self,
        path: &RequestPath<'_>,
        method: &Method,
        visitor: Visitor<'_>,
    ) -> Option<RuleRefusal> {
        let mut longest = 0;
        let mut refused: Option<RuleRefusal> = None;
        self.visit(path, &mut |depth, rule| {
            if !rule.covers(method) || depth < longest {
                return;
            }
            if depth > longest {
                longest = depth;
                refused = None;
            }
            if let Some(refusal) = rule.refusal(visitor) {
                refused = Some(refused.map_or(refusal, |other| other.graver(refusal)));
            }
        });
        refused
    }

    /// The refusal of a request that has to pass every rule, if any.
    pub(crate) fn refusal_under_every_rule(&self, visitor: Visitor<'_>) -> Option<RuleRefusal> {
        self.rules.iter().filter_map(|rule| rule.refusal(visitor)).reduce(RuleRefusal::graver)
    }

    /// The rules that decide for this request: the longest that match.
    pub(crate) fn deciding(&self, path: &RequestPath<'_>, method: &Method) -> Vec<PathRuleId> {
        let mut longest = 0;
        let mut found = Vec::new();
        self.visit(path, &mut |depth, rule| {
            if !rule.covers(method) || depth < longest {
                return;
            }
            if depth > longest {
                longest = depth;
                found.clear();
            }
            found.push(rule.id);
        });
        found.sort_unstable();
        found
    }

    /// Shows every rule whose pattern covers the path, with the pattern's length.
    fn visit<'a>(&'a self, path: &'a RequestPath<'_>, found: &mut impl FnMut(usize, &'a PathRule)) {
        if !self.rules.is_empty() {
            self.descend(&self.root, path.segments(), 0, found);
        }
    }

    fn descend<'a>(
        &'a self,
        node: &'a Node,
        mut rest: impl Iterator<Item = &'a str> + Clone,
        depth: usize,
        found: &mut impl FnMut(usize, &'a PathRule),
    ) {
        for &index in &node.rules {
            found(depth, &self.rules[index]);
        }
        let Some(segment) = rest.next() else { return };
        if let Some(next) = node.literal.get(segment) {
            self.descend(next, rest.clone(), depth + 1, found);
        }
        if let Some(next) = &node.any {
            self.descend(next, rest, depth + 1, found);
        }
    }
}
