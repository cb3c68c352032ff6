//! What apps can ask of a service by name.

use serde::{Deserialize, Serialize};

/// A call that apps make by its name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its name: `list-contacts`.
    pub id: String,
    /// What it does, for people.
    pub name: String,
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: String,
    /// Its path below `api.base`. Parts in braces are taken from the input and percent-encoded.
    pub path: String,
    /// Members of the input that go into the query.
    #[serde(default)]
    pub query: Vec<String>,
    /// Members of the input without which it is refused.
    #[serde(default)]
    pub required: Vec<String>,
    /// What becomes of the members that are neither in the path nor in the query.
    #[serde(default)]
    pub body: ActionBody,
}

/// What becomes of the rest of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionBody {
    /// There may be none.
    #[default]
    None,
    /// It is sent as a JSON object.
    Json,
    /// It is sent as a form.
    Form,
}
