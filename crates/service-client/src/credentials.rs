//! What proves an account.

use std::collections::BTreeMap;

use cryptography::SecretBytes;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::SecretText;

/// Secrets by the names that the entry gives them.
pub type Secrets = BTreeMap<String, SecretText>;

/// What proves an account.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Tokens that a token endpoint gave (`oauth2_code`, `oauth2_client_credentials`, `oauth2_jwt_bearer`, `two_step`).
    Tokens(Tokens),
    /// A key (`api_key`).
    ApiKey(SecretText),
    /// A token that was made by hand (`bearer_token`).
    Bearer(SecretText),
    /// User name and password (`basic`).
    Basic {
        /// The user name.
        user: String,
        /// The password; may be empty.
        password: SecretText,
    },
    /// What tokens are made with, before there is one; and keys that sign calls (`signature_v4`).
    Secrets(Secrets),
    /// Token credentials (`oauth1`; RFC 5849, 2.3).
    Oauth1 {
        /// The token.
        token: SecretText,
        /// Its secret.
        secret: SecretText,
    },
    /// Nothing (`none`).
    None,
}

/// Tokens that a token endpoint gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// What calls are made with.
    pub access: SecretText,
    /// What the next one is got with.
    pub refresh: Option<SecretText>,
    /// What the next one is got with where there is no refresh token: keys, client secrets, passwords of a login call.
    pub secrets: Secrets,
}

/// Bytes that are no credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no credentials in a form that is known")]
pub struct CredentialsError;

impl Credentials {
    /// As they are sealed.
    #[must_use]
    pub fn to_bytes(&self) -> SecretBytes {
        let mut bytes = Zeroizing::new(vec![VERSION]);
        // Maps of texts always serialize.
        let _ = serde_json::to_writer(&mut *bytes, &Sealed::of(self));
        SecretBytes::new(bytes)
    }

    /// What was sealed.
    ///
    /// # Errors
    /// It is of another version, or nothing that was sealed here.
    pub fn from_bytes(bytes: &SecretBytes) -> Result<Self, CredentialsError> {
        let [VERSION, rest @ ..] = bytes.reveal() else { return Err(CredentialsError) };
        serde_json::from_slice::<Sealed<'_>>(rest).map(Sealed::opened).map_err(|_| CredentialsError)
    }

    /// Everything that is nobody else's to see.
    pub(crate) fn hidden(&self) -> Vec<&SecretText> {
        match self {
            Self::Tokens(tokens) => std::iter::once(&tokens.access)
                .chain(&tokens.refresh)
                .chain(tokens.secrets.values())
                .collect(),
            Self::ApiKey(secret) | Self::Bearer(secret) | Self::Basic { password: secret, .. } => {
                vec![secret]
            }
            Self::Secrets(secrets) => secrets.values().collect(),
            Self::Oauth1 { token, secret } => vec![token, secret],
            Self::None => Vec::new(),
        }
    }

    /// What the next token is got with, apart from a refresh token.
    #[must_use]
    pub fn secrets(&self) -> Option<&Secrets> {
        match self {
            Self::Tokens(tokens) => Some(&tokens.secrets),
            Self::Secrets(secrets) => Some(secrets),
            Self::ApiKey(_) | Self::Bearer(_) | Self::Basic { .. } | Self::Oauth1 { .. } | Self::None => None,
        }
    }

    /// The refresh token.
    #[must_use]
    pub const fn refresh_token(&self) -> Option<&SecretText> {
        match self {
            Self::Tokens(tokens) => tokens.refresh.as_ref(),
            _ => None,
        }
    }
}

/// The first byte of the sealed form.
const VERSION: u8 = 1;

/// The sealed form.
#[derive(Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Sealed<'a> {
    Tokens {
        access: Text<'a>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        refresh: Option<Text<'a>>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        secrets: BTreeMap<String, Text<'a>>,
    },
    ApiKey {
        key: Text<'a>,
    },
    Bearer {
        token: Text<'a>,
    },
    Basic {
        user: String,
        password: Text<'a>,
    },
    Secrets {
        secrets: BTreeMap<String, Text<'a>>,
    },
    Oauth1 {
        token: Text<'a>,
        secret: Text<'a>,
    },
    None,
}

type Text<'a> = std::borrow::Cow<'a, str>;

impl<'a> Sealed<'a> {
    fn of(credentials: &'a Credentials) -> Self {
        let text = |secret: &'a SecretText| Text::Borrowed(secret.reveal());
        let texts = |secrets: &'a Secrets| {
            secrets.iter().map(|(name, secret)| (name.clone(), text(secret))).collect()
        };
        match credentials {
            Credentials::Tokens(Tokens { access, refresh, secrets }) => Self::Tokens {
                access: text(access),
                refresh: refresh.as_ref().map(text),
                secrets: texts(secrets),
            },
            Credentials::ApiKey(key) => Self::ApiKey { key: text(key) },
            Credentials::Bearer(token) => Self::Bearer { token: text(token) },
            Credentials::Basic { user, password } => {
                Self::Basic { user: user.clone(), password: text(password) }
            }
            Credentials::Secrets(secrets) => Self::Secrets { secrets: texts(secrets) },
            Credentials::Oauth1 { token, secret } => {
                Self::Oauth1 { token: text(token), secret: text(secret) }
            }
            Credentials::None => Self::None,
        }
    }

    fn opened(self) -> Credentials {
        let secret = |text: Text<'_>| SecretText::from(text.into_owned());
        let all = |texts: BTreeMap<String, Text<'_>>| {
            texts.into_iter().map(|(name, text)| (name, SecretText::from(text.into_owned()))).collect()
        };
        match self {
            Self::Tokens { access, refresh, secrets } => Credentials::Tokens(Tokens {
                access: secret(access),
                refresh: refresh.map(secret),
                secrets: all(secrets),
            }),
            Self::ApiKey { key } => Credentials::ApiKey(secret(key)),
            Self::Bearer { token } => Credentials::Bearer(secret(token)),
            Self::Basic { user, password } => Credentials::Basic { user, password: secret(password) },
            Self::Secrets { secrets } => Credentials::Secrets(all(secrets)),
            Self::Oauth1 { token, secret: of_token } => {
                Credentials::Oauth1 { token: secret(token), secret: secret(of_token) }
            }
            Self::None => Credentials::None,
        }
    }
}
