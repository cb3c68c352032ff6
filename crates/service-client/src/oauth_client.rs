//! What an organization is registered as at a service.

use crate::SecretText;

/// What an organization is registered as at a service (RFC 6749, 2.2), or as a consumer (RFC 5849, 1.1).
#[derive(Clone, Debug)]
pub struct OauthClient {
    /// Its identifier, or the consumer key.
    pub client_id: String,
    /// Its secret; none for public clients.
    pub secret: Option<SecretText>,
}
