//! How an account of a service is proved.

use serde::{Deserialize, Serialize};

use crate::{ClientCredentials, JwtBearer, Oauth1, Oauth2Code, TwoStep};

/// How an account of a service is proved. What is sent with a call is in `api.credential`, except for the kinds that sign
/// each call.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Authentication {
    /// A person consents at the service (RFC 6749, 4.1).
    Oauth2Code(Box<Oauth2Code>),
    /// A client proves itself (RFC 6749, 4.4).
    Oauth2ClientCredentials(ClientCredentials),
    /// A signed assertion is exchanged (RFC 7523, 2.1).
    Oauth2JwtBearer(JwtBearer),
    /// A key, put where `api.credential` says as `{api_key}`.
    ApiKey,
    /// A token that was made by hand, put where `api.credential` says as `{token}`.
    BearerToken,
    /// User name and password (RFC 7617). The labels say what the service calls them.
    Basic {
        /// What the service calls the user name.
        #[serde(default = "user_name")]
        user_label: String,
        /// What the service calls the password; none if it stays empty.
        password_label: Option<String>,
    },
    /// A call that gives a token for the others.
    TwoStep(TwoStep),
    /// Three-legged OAuth 1.0a (RFC 5849).
    Oauth1(Oauth1),
    /// Each request is signed (AWS Signature Version 4).
    SignatureV4 {
        /// The service's name in the credential scope; may hold variables.
        signing_service: String,
        /// The region in the credential scope; may hold variables.
        region: String,
    },
    /// Nothing.
    None,
}

impl Authentication {
    /// Its name, everywhere.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Oauth2Code(_) => "oauth2_code",
            Self::Oauth2ClientCredentials(_) => "oauth2_client_credentials",
            Self::Oauth2JwtBearer(_) => "oauth2_jwt_bearer",
            Self::ApiKey => "api_key",
            Self::BearerToken => "bearer_token",
            Self::Basic { .. } => "basic",
            Self::TwoStep(_) => "two_step",
            Self::Oauth1(_) => "oauth1",
            Self::SignatureV4 { .. } => "signature_v4",
            Self::None => "none",
        }
    }

    /// Whether an organization needs a client of its own at the service before accounts can be connected.
    #[must_use]
    pub const fn needs_client(&self) -> bool {
        matches!(self, Self::Oauth2Code(_) | Self::Oauth1(_))
    }
}

fn user_name() -> String {
    "User name".to_owned()
}
