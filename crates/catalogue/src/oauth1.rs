//! What OAuth 1.0a leaves to each service.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Template;

/// Three-legged OAuth 1.0a of a service (RFC 5849).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Oauth1 {
    /// Where temporary credentials are given (RFC 5849, 2.1).
    pub request_token_url: Template,
    /// Where people consent (2.2).
    pub authorize_url: Template,
    /// Where token credentials are given (2.3).
    pub access_token_url: Template,
    /// How requests are signed (3.4).
    #[serde(default)]
    pub signature: SignatureMethod,
    /// The realm in the `Authorization` header; may hold variables.
    pub realm: Option<String>,
    /// Further parameters of the page where people consent.
    #[serde(default)]
    pub authorize_parameters: BTreeMap<String, String>,
}

/// How requests are signed (RFC 5849, 3.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum SignatureMethod {
    /// HMAC with SHA-1.
    #[default]
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
    /// HMAC with SHA-256.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
    /// The secrets themselves, over TLS only.
    #[serde(rename = "PLAINTEXT")]
    Plaintext,
}
