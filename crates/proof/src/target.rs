//! What is asked.

use crate::CallersFile;

/// A running platform.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// The platform's origin, such as `https://vybe.example.com`.
    pub platform: String,
    /// The certificate authority to believe (PEM); without it, those of the web.
    pub authority: Option<String>,
    /// The origin of the admin listener; without it, its endpoints are not asked.
    pub admin: Option<String>,
    /// Prepared people, for a platform that does not let one sign in as anybody.
    pub callers: Option<CallersFile>,
    /// End at the first caller who is answered otherwise than declared.
    pub until_first: bool,
}
