//! The people an operator has prepared, for a platform that does not let one sign in as anybody.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::ProofError;

/// What the file holds. Everything else (organizations, roles, apps, grants, tokens) the proof makes itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallersFile {
    /// Values of the cookie `__Host-vybe_session` on the platform's host, by person: `owner`, `admin`,
    /// `editor`, `member`, `outsider`; five different people. Each session that a question ends is used up;
    /// the next value takes its place.
    #[serde(default)]
    pub(crate) sessions: BTreeMap<String, Vec<String>>,
    /// The name of one of the platform's identity providers, as in its address `/login/…`.
    pub(crate) provider: Option<String>,
    /// Where the proof's own apps are served, as the platform reaches this machine, such as
    /// `http://10.0.0.5:9000`. Without it nobody gets a user token.
    pub(crate) app_server: Option<String>,
}

impl CallersFile {
    /// Reads the file's text (TOML).
    ///
    /// # Errors
    /// It is not such a file.
    pub fn read(text: &str) -> Result<Self, ProofError> {
        toml::from_str(text).map_err(|error| ProofError::Callers(error.to_string()))
    }
}
