//! What whoever connects an account is asked for and kept sealed.

use catalogue::{Authentication, JwtBearer};

use crate::{Credentials, SecretText, Secrets};

/// A secret that whoever connects an account is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedSecret {
    /// Its name in a form, and among [`Credentials::Secrets`].
    pub name: String,
    /// What people are asked.
    pub label: String,
    /// Whether it may stay empty.
    pub optional: bool,
    /// Whether it has several lines, as private keys in PEM do.
    pub lines: bool,
    /// Whether it may be shown: names of users and keys.
    pub shown: bool,
}

/// What was given does not fit what is asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GivenError {
    /// One is missing or empty.
    #[error("{0} is missing")]
    Missing(String),
    /// One is not asked for. Its name is not repeated: somebody may have put a secret in its place.
    #[error("there is one that the service does not ask for")]
    Unknown(String),
    /// One holds characters that no header can carry, or is longer than 16 KiB.
    #[error("{0} has characters that do not belong there, or is too long")]
    Unfit(String),
    /// Accounts of this service are connected at the service.
    #[error("accounts of this service are connected at the service itself")]
    AtTheService,
}

/// The longest secret, in bytes.
const LONGEST: usize = 16 * 1024;

/// What whoever connects an account is asked for. None where people consent at the service.
#[must_use]
pub fn asked_secrets(authentication: &Authentication) -> Vec<AskedSecret> {
    let asked = |name: &str, label: &str| AskedSecret {
        name: name.to_owned(),
        label: label.to_owned(),
        optional: false,
        lines: false,
        shown: false,
    };
    let shown = |name: &str, label: &str| AskedSecret { shown: true, ..asked(name, label) };
    match authentication {
        Authentication::Oauth2Code(_) | Authentication::Oauth1(_) | Authentication::None => Vec::new(),
        Authentication::Oauth2ClientCredentials(_) => {
            vec![shown("client_id", "Client ID"), asked("client_secret", "Client secret")]
        }
        Authentication::Oauth2JwtBearer(grant) => vec![
            AskedSecret {
                optional: !names_client(grant),
                ..shown("client_id", "Client ID or e-mail address of the service account")
            },
            AskedSecret { lines: true, ..asked("private_key", "Private key (PEM), or shared secret") },
            AskedSecret { optional: true, ..shown("key_id", "Key ID") },
        ],
        Authentication::ApiKey => vec![asked("api_key", "API key")],
        Authentication::BearerToken => vec![asked("token", "Token")],
        Authentication::Basic { user_label, password_label } => {
            let mut both = vec![shown("user", user_label)];
            if let Some(label) = password_label {
                both.push(AskedSecret { optional: true, ..asked("password", label) });
            } else {
                // Services that take a key as the user name.
                both = vec![asked("user", user_label)];
            }
            both
        }
        Authentication::TwoStep(two_step) => {
            two_step.secrets.iter().map(|(name, label)| asked(name, label)).collect()
        }
        Authentication::SignatureV4 { .. } => vec![
            shown("access_key_id", "Access key ID"),
            asked("secret_access_key", "Secret access key"),
            AskedSecret { optional: true, ..asked("session_token", "Session token") },
        ],
    }
}

impl Credentials {
    /// What was given, in the form that fits the kind. Where a token is made from it first, [`ServiceClient::refresh`]
    /// makes it.
    ///
    /// [`ServiceClient::refresh`]: crate::ServiceClient::refresh
    ///
    /// # Errors
    /// Something is missing, not asked for, or cannot be sent.
    pub fn given(authentication: &Authentication, mut given: Secrets) -> Result<Self, GivenError> {
        if authentication.needs_client() {
            return Err(GivenError::AtTheService);
        }
        let asked = asked_secrets(authentication);
        if let Some(unknown) = given.keys().find(|name| !asked.iter().any(|one| one.name == **name)) {
            return Err(GivenError::Unknown(unknown.clone()));
        }
        given.retain(|_, secret| !secret.is_empty());
        for one in &asked {
            match given.get(&one.name) {
                None if !one.optional => return Err(GivenError::Missing(one.name.clone())),
                Some(secret) if !fits(secret.reveal(), one.lines) => {
                    return Err(GivenError::Unfit(one.name.clone()));
                }
                _ => {}
            }
        }
        let mut take = |name: &str| given.remove(name).unwrap_or_else(|| SecretText::from(""));
        Ok(match authentication {
            Authentication::ApiKey => Self::ApiKey(take("api_key")),
            Authentication::BearerToken => Self::Bearer(take("token")),
            Authentication::Basic { .. } => {
                Self::Basic { user: take("user").reveal().to_owned(), password: take("password") }
            }
            Authentication::None => Self::None,
            _ => Self::Secrets(given),
        })
    }
}

/// Whether an assertion, or what is sent with it, names the client.
fn names_client(grant: &JwtBearer) -> bool {
    grant
        .claims
        .values()
        .chain(grant.token_request.parameters.values())
        .any(|text| text.contains("{client_id}"))
}

fn fits(text: &str, lines: bool) -> bool {
    let line_end = |character: char| lines && matches!(character, '\n' | '\r');
    text.len() <= LONGEST && text.chars().all(|character| !character.is_control() || line_end(character))
}
