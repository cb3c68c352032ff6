//! Path rules: which subjects may reach the pages below a path.
//!
//! The longest matching rule decides. Rules of the same length that both match must both allow, so
//! neither the order of the rules nor the way they were entered matters. A rule only narrows.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use ids::{GroupId, PathRuleId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{AppRole, MemberFacts, RequestPath, RequestPathError, Role};

/// An HTTP method, upper case. HEAD is judged as GET.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method(MethodName);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum MethodName {
    Known(&'static str),
    Other(Box<str>),
}

/// A text that is no HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an HTTP method: use letters such as GET or POST")]
pub struct MethodError;

impl Method {
    const KNOWN: [&'static str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];

    /// The method as it is judged.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            MethodName::Known(name) => name,
            MethodName::Other(name) => name,
        }
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        // RFC 9110, section 9.3.2: HEAD is GET without the content.
        let judged = if text == "HEAD" { "GET" } else { text };
        if let Some(known) = Self::KNOWN.into_iter().find(|known| *known == judged) {
            return Ok(Self(MethodName::Known(known)));
        }
        let plain = |byte: u8| byte.is_ascii_uppercase() || byte == b'-';
        if judged.is_empty() || judged.len() > 20 || !judged.bytes().all(plain) {
            return Err(MethodError);
        }
        Ok(Self(MethodName::Other(judged.into())))
    }
}

impl Serialize for Method {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Method {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

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

/// A path prefix on a segment boundary; `*` stands for exactly one segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PathPattern {
    text: String,
    segments: Vec<Option<Box<str>>>,
}

/// Why a text is no path pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathPatternError {
    /// Not a plain path.
    #[error("not a path: {0}")]
    Path(#[from] RequestPathError),
    /// `*` next to other characters.
    #[error("`*` stands for one whole segment: write /reports/*/edit, not /reports/a*")]
    Wildcard,
    /// Too long.
    #[error("a path pattern has at most 64 segments")]
    TooLong,
}

impl FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        // The same reading as a request's, so that a rule and a request spelled alike are alike.
        let path = RequestPath::parse(text)?;
        let mut segments = Vec::new();
        for segment in path.segments() {
            segments.push(match segment {
                "*" => None,
                literal if literal.contains('*') => return Err(PathPatternError::Wildcard),
                literal => Some(literal.into()),
            });
        }
        if segments.len() > 64 {
            return Err(PathPatternError::TooLong);
        }
        let mut text = String::new();
        for segment in path.segments() {
            text.push('/');
            text.push_str(segment);
        }
        if text.is_empty() {
            text.push('/');
        }
        Ok(Self { text, segments })
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Serialize for PathPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for PathPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
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
            for segment in &rule.pattern.segments {
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
