//! The kinds of values.

use std::str::FromStr;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal;)*) => {
        /// What a value is. A value of one kind opens as no other.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// Its name, everywhere.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// An environment variable of apps.
    EnvironmentVariable "environment_variable";
    /// A key that a service takes in a header of its own.
    ApiKey "api_key";
    /// A token that a service takes as `Authorization: Bearer` (RFC 6750).
    BearerToken "bearer_token";
    /// A user name and password (RFC 7617).
    BasicCredentials "basic_credentials";
    /// The address of a database, with its credentials.
    ConnectionString "connection_string";
    /// A private key for SSH, perhaps with its passphrase.
    SshPrivateKey "ssh_private_key";
    /// Access and refresh token of an account at a service (RFC 6749).
    OauthTokenSet "oauth_token_set";
    /// What opens a connection to a database, with the definition of the connection that it may be used for.
    DatabaseCredentials "database_credentials";
    /// What proves an account at a service, with the service and the values that it may be used for.
    AccountCredentials "account_credentials";
    /// What an organization proves itself with at a service, with the service that it is for.
    OauthClientSecret "oauth_client_secret";
    /// What a custom API is called with, with the place that it may be sent to.
    CustomApiCredentials "custom_api_credentials";
    /// What an app proves itself with.
    ServerSecret "server_secret";
    /// The private half of a key that signs user tokens.
    UserTokenKey "user_token_key";
    /// What the platform's own keys are derived from.
    RootKey "root_key";
}

/// A text that names no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a kind of secret")]
pub struct KindError;

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(KindError)
    }
}
