//! What a token endpoint gave.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use catalogue::Values;
use url::Url;

use crate::{Credentials, SecretText};

/// What a token endpoint gave.
#[derive(Clone, Debug)]
pub struct Granted {
    /// All of it, to be sealed in place of what was there.
    pub credentials: Credentials,
    /// How long the access token lives; none if nobody says, or if it does not end.
    pub expires_in: Option<Duration>,
    /// The scopes that the service granted, if it says.
    pub scopes: Option<BTreeSet<String>>,
    /// Values that the entry learns: from the answer, and, when an account is connected, from the redirect and discovery.
    pub learned: Values,
}

/// Where a person consents. Neither the state in the URL nor the verifier is printed.
#[derive(Clone)]
pub struct AuthorizationRequest {
    /// Where the browser goes.
    pub url: Url,
    /// What the exchange needs, kept from the browser: the proof key's verifier (RFC 7636), or temporary credentials
    /// (RFC 5849, 2.1).
    pub verifier: Option<SecretText>,
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AuthorizationRequest")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}
