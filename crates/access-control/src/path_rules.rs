//! Path rules: which subjects may reach the pages below a path.
//!
//! The longest matching rule decides. Rules of the same length that both match must both allow, so
//! neither the order of the rules nor the way they were entered matters. A rule only narrows.

use std::collections::HashMap;

use ids::{GroupId, PathRuleId, UserId};
use serde::{Deserialize, Serialize};

use crate::{AppRole, MemberFacts, Method, PathPattern, RequestPath, Role};

/// Whom a rule lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRule {
    /// Its identifier.
    pub id: PathRuleId,
    /// The pages it covers.
    pub pattern: PathPattern,
    /// The methods it covers; none means all.
    pub methods: Vec<Method>,
    /// Whom it lets through; nobody else passes.
    pub subjects: Vec<Subject>,
}

impl PathRule {
    fn covers(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn allows(&self, user: UserId, member: &MemberFacts, app_role: AppRole) -> bool {
        self.subjects.iter().any(|subject| match *subject {
            Subject::User(named) => named == user,
            Subject::Group(group) => member.groups.contains(&group),
            Subject::Role(role) => member.role == role,
            Subject::AppRole(role) => app_role == role,
        })
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

    /// The rule that refuses this request, if any.
    pub(crate) fn refusal(
        &self,
        path: &RequestPath<'_>,
        method: &Method,
        user: UserId,
        member: &MemberFacts,
        app_role: AppRole,
    ) -> Option<PathRuleId> {
        let mut longest = 0;
        let mut refused_by: Option<PathRuleId> = None;
        self.visit(path, &mut |depth, rule| {
            if !rule.covers(method) || depth < longest {
                return;
            }
            if depth > longest {
                longest = depth;
                refused_by = None;
            }
            if !rule.allows(user, member, app_role) {
                refused_by = Some(refused_by.map_or(rule.id, |other| other.min(rule.id)));
            }
        });
        refused_by
    }

    /// The rule that refuses a request which has to pass every rule, if any.
    pub(crate) fn refusal_under_every_rule(
        &self,
        user: UserId,
        member: &MemberFacts,
        app_role: AppRole,
    ) -> Option<PathRuleId> {
        self.rules.iter().find(|rule| !rule.allows(user, member, app_role)).map(|rule| rule.id)
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
