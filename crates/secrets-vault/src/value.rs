//! Values as people send them: checked for their kind, and turned into the bytes that are sealed.
//!
//! A reason says what is wrong and never repeats any of the value.

mod api_credentials;
mod connection_string;
pub(crate) mod fields;
mod oauth_token_set;
mod ssh_private_key;

use cryptography::SecretBytes;
use time::OffsetDateTime;

use crate::{Kind, SecretError, derivations};

pub use api_credentials::BasicCredentials;
pub use connection_string::{ConnectionString, DatabaseProduct};
pub use oauth_token_set::OauthTokenSet;
pub use ssh_private_key::SshPrivateKey;

/// The largest value, in bytes.
pub const LARGEST_VALUE: usize = 65_536;
/// What a mask begins with.
const MASK: &str = "••••";
/// How many characters of a value a mask may show.
const TAIL: usize = 4;
/// The shortest value whose mask shows any of it.
const SHORTEST_WITH_TAIL: usize = 20;

/// A value as it was sent. It cannot be printed, serialised or compared.
pub enum GivenValue {
    /// One text.
    Text(SecretBytes),
    /// Several parts.
    Parts(Box<GivenParts>),
}

/// The parts of a value. Which there have to be depends on the kind.
#[derive(Default)]
pub struct GivenParts {
    /// Of basic credentials.
    pub user: Option<SecretBytes>,
    /// Of basic credentials.
    pub password: Option<SecretBytes>,
    /// Of an SSH key.
    pub private_key: Option<SecretBytes>,
    /// Of an SSH key.
    pub passphrase: Option<SecretBytes>,
    /// Of an OAuth token set.
    pub access_token: Option<SecretBytes>,
    /// Of an OAuth token set.
    pub refresh_token: Option<SecretBytes>,
    /// Of an OAuth token set.
    pub token_type: Option<String>,
    /// Of an OAuth token set: when the access token ends.
    pub expires_at: Option<OffsetDateTime>,
    /// Of an OAuth token set.
    pub scopes: Option<Vec<String>>,
}

/// What is wrong with a value. It holds nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing.
    #[error("the value is empty")]
    Empty,
    /// Too much.
    #[error("the value is larger than 65536 bytes")]
    TooLarge,
    /// What no process takes in its environment.
    #[error("the value contains a NUL character")]
    Nul,
    /// Somebody saves what they were shown instead of the value.
    #[error("this is a mask, not a value: send the value itself, or leave it as it is")]
    IsMask,
    /// A part is missing.
    #[error("a value of this kind needs {0}")]
    Missing(&'static str),
    /// A part that values of this kind do not have.
    #[error("a value of this kind has no {0}")]
    Unexpected(&'static str),
    /// Not what this kind of value looks like.
    #[error("{0}")]
    Refused(&'static str),
}

/// A value that may be kept.
pub struct SecretValue {
    pub(crate) bytes: SecretBytes,
    /// The end of it, where it may be shown.
    pub(crate) tail: Option<String>,
}

impl SecretValue {
    /// What is sealed.
    #[must_use]
    pub const fn bytes(&self) -> &SecretBytes {
        &self.bytes
    }

    /// Checks a value of this kind; those that take long, on a thread of their own, and not many at the same time.
    ///
    /// # Errors
    /// As [`SecretValue::check`].
    pub async fn check_in_turn(kind: Kind, value: GivenValue) -> Result<Self, SecretError> {
        if kind == Kind::SshPrivateKey {
            return Ok(derivations::run(move || Self::check(kind, value)).await??);
        }
        Ok(Self::check(kind, value)?)
    }

    /// Checks a value of this kind. Opening an encrypted SSH key takes up to a second.
    ///
    /// # Errors
    /// It is not acceptable, and why.
    pub fn check(kind: Kind, given: GivenValue) -> Result<Self, ValueError> {
        let bytes = match kind {
            // Every byte of it reaches the app.
            Kind::EnvironmentVariable => text(given)?,
            Kind::ApiKey => api_credentials::check_key(text(given)?)?,
            Kind::BearerToken => api_credentials::check_token(text(given)?)?,
            Kind::ConnectionString => connection_string::check(text(given)?)?,
            Kind::BasicCredentials => BasicCredentials::given(parts(given)?)?.sealed(),
            Kind::SshPrivateKey => SshPrivateKey::given(parts(given)?)?.sealed(),
            Kind::OauthTokenSet => OauthTokenSet::given(parts(given)?)?.sealed(),
            Kind::DatabaseCredentials
            | Kind::AccountCredentials
            | Kind::OauthClientSecret
            | Kind::CustomApiCredentials
            | Kind::ServerSecret
            | Kind::UserTokenKey
            | Kind::RootKey => {
                return Err(ValueError::Refused("the platform makes values of this kind itself"));
            }
        };
        if bytes.reveal().len() > LARGEST_VALUE {
            return Err(ValueError::TooLarge);
        }
        let shows_tail = matches!(kind, Kind::ApiKey | Kind::BearerToken);
        let tail = shows_tail.then(|| tail(&bytes)).flatten();
        Ok(Self { bytes, tail })
    }
}

/// What is shown of a value.
#[must_use]
pub fn mask(tail: Option<&str>) -> String {
    format!("{MASK}{}", tail.unwrap_or_default())
}

/// The last characters of a value that is long enough to show them, and has only visible ones.
fn tail(value: &SecretBytes) -> Option<String> {
    let text = value.reveal_text()?;
    let safe = text.len() >= SHORTEST_WITH_TAIL && text.bytes().all(|byte| byte.is_ascii_graphic());
    safe.then(|| text.len().checked_sub(TAIL).and_then(|start| text.get(start..)))
        .flatten()
        .map(str::to_owned)
}

fn text(given: GivenValue) -> Result<SecretBytes, ValueError> {
    match given {
        GivenValue::Text(text) => checked(text),
        GivenValue::Parts(_) => Err(ValueError::Refused("a value of this kind is one text")),
    }
}

fn parts(given: GivenValue) -> Result<GivenParts, ValueError> {
    match given {
        GivenValue::Parts(parts) => Ok(*parts),
        GivenValue::Text(_) => Err(ValueError::Refused(
            "a value of this kind is an object of parts: user and password, privateKey, or accessToken",
        )),
    }
}

/// What holds for every text of every kind.
fn checked(text: SecretBytes) -> Result<SecretBytes, ValueError> {
    let bytes = text.reveal();
    if bytes.is_empty() {
        return Err(ValueError::Empty);
    }
    if bytes.len() > LARGEST_VALUE {
        return Err(ValueError::TooLarge);
    }
    // Whoever copies a mask copies white space with it.
    if text.reveal_text().is_some_and(|text| text.trim_start().starts_with(MASK)) {
        return Err(ValueError::IsMask);
    }
    if bytes.contains(&0) {
        return Err(ValueError::Nul);
    }
    Ok(text)
}

/// A text that goes into a header: without line ends and other control characters.
fn one_line(text: SecretBytes) -> Result<SecretBytes, ValueError> {
    let text = checked(text)?;
    if text.reveal().iter().any(u8::is_ascii_control) {
        return Err(ValueError::Refused("it contains a line end or another control character"));
    }
    Ok(text)
}

impl GivenParts {
    /// Refuses parts that do not belong to a value of this kind.
    fn only(&self, names: &[&str]) -> Result<(), ValueError> {
        let given = [
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("privateKey", self.private_key.is_some()),
            ("passphrase", self.passphrase.is_some()),
            ("accessToken", self.access_token.is_some()),
            ("refreshToken", self.refresh_token.is_some()),
            ("tokenType", self.token_type.is_some()),
            ("expiresAt", self.expires_at.is_some()),
            ("scopes", self.scopes.is_some()),
        ];
        let unexpected = given.into_iter().find(|(name, is_given)| *is_given && !names.contains(name));
        unexpected.map_or(Ok(()), |(name, _)| Err(ValueError::Unexpected(name)))
    }
}
