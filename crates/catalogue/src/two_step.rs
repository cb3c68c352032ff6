//! A login call that gives a token for the others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Lifetime, Template};

/// A call that gives a token for the others.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TwoStep {
    /// Where it goes, always by POST.
    pub url: Template,
    /// What is asked from whoever connects, and kept sealed: name in the templates and label.
    pub secrets: BTreeMap<String, String>,
    /// How the body is written.
    #[serde(default)]
    pub body: TwoStepBody,
    /// What it holds; values may hold variables and the secrets' names in braces.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Further headers; values as in the body.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Where the token is in the answer (RFC 6901).
    pub token: String,
    /// Where its lifetime in seconds is.
    pub expires_in: Option<String>,
    /// How long tokens live; `lifetime.reuse` has no meaning here.
    #[serde(default)]
    pub lifetime: Lifetime,
}

/// How the body of the login call is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TwoStepBody {
    /// As a JSON object.
    #[default]
    Json,
    /// As a form.
    Form,
}
