//! Values that differ from account to account.

use serde::{Deserialize, Serialize};

use crate::Pattern;

/// A value that whoever connects an account is asked for, such as the name of their shop.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Its name in templates: `{shop}`.
    pub key: String,
    /// What people are asked.
    pub label: String,
    /// What the whole value has to look like. One that reaches a host admits no dot, slash, colon, `@`, `?` or `#`,
    /// unless the template's host ends in a part of its own.
    pub pattern: Pattern,
    /// An example, shown beside the question.
    pub example: Option<String>,
    /// What is taken if nothing is given.
    pub default: Option<String>,
}

/// A value that the service says, never asked from people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Learned {
    /// Its name in templates.
    pub key: String,
    /// Who says it.
    pub from: LearnedFrom,
    /// Where in the answer it is (RFC 6901); for [`LearnedFrom::Callback`], the name of the parameter.
    pub pointer: String,
    /// What the whole value has to look like.
    pub pattern: Pattern,
    /// Whether an account is usable without it.
    #[serde(default)]
    pub optional: bool,
}

/// Who says a learned value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LearnedFrom {
    /// The answer to a token request.
    TokenAnswer,
    /// The redirect that brings the code.
    Callback,
    /// A call after the account was connected: see `discovery`.
    Discovery,
}
