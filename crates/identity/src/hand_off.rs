//! Carrying a session from the platform's host to an app's host, without a cookie that both can read.
//!
//! The app host sets a cookie of its own and sends the browser to the platform with that cookie's hash;
//! the platform answers with a code that only this browser, on this host, can redeem, once, within a
//! minute.

use std::sync::Arc;

use access_control::{Permit, RedeemHandOff, SignIn, SignInAge};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::{SealError, SealingKey, Token, digest};
use endpoint::Sites;
use time::{Duration, OffsetDateTime};

use crate::store::{self, Store, parsed};
use crate::{CookieHost, HAND_OFF_COOKIE, IdentityError, LiveSession, SessionError, Sessions, set_cookie};

/// How long a code is good for.
const CODE_LIFE: Duration = Duration::seconds(60);
/// How long an app host remembers that it sent a browser away, in seconds: the time to sign in.
const COOKIE_LIFE: i64 = 15 * 60;

/// Hands sessions to app hosts.
pub struct HandOff {
    store: Store,
    seal: SealingKey,
    sessions: Arc<Sessions>,
}

/// What an app host answers to a browser that has to sign in.
#[derive(Clone, Debug)]
pub struct Departure {
    /// Where the browser goes: the platform's sign-in page.
    pub location: String,
    /// The cookie that will recognise the browser when it comes back.
    pub set_cookie: String,
}

/// What an app host answers to a browser that came back.
#[derive(Clone, Debug)]
pub struct Return {
    /// The session cookie of this host.
    pub set_cookie: String,
    /// The path and query that the browser asked for at first.
    pub path: String,
}

/// Why a code is not redeemed. Which one is not said.
#[derive(Debug, thiserror::Error)]
pub enum HandOffError {
    /// Unknown, used, expired, for another host or another browser, or its session has ended.
    #[error("the code does not lead to a session on this host")]
    Refused,
    /// The session cannot be checked right now.
    #[error("sessions cannot be checked at the moment")]
    Unavailable,
    /// The store or the keys failed.
    #[error(transparent)]
    Failed(#[from] IdentityError),
}

impl HandOff {
    /// `seal` is the key for the purpose "hand-off".
    #[must_use]
    pub fn new(store: Store, seal: SealingKey, sessions: Arc<Sessions>) -> Self {
        Self { store, seal, sessions }
    }

    /// Sends a browser away from an app host to sign in. `cookie` is the value of its
    /// [`HAND_OFF_COOKIE`], if it has one: several tabs share it.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn begin(
        label: &str,
        path_and_query: &str,
        cookie: Option<&str>,
        sites: &Sites,
    ) -> Result<Departure, SealError> {
        Self::depart(label, path_and_query, cookie, None, sites)
    }

    /// Sends a browser away whose session's sign-in is too old, to sign in anew.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn begin_anew(
        label: &str,
        path_and_query: &str,
        cookie: Option<&str>,
        within: SignInAge,
        sites: &Sites,
    ) -> Result<Departure, SealError> {
        Self::depart(label, path_and_query, cookie, Some(within), sites)
    }

    fn depart(
        label: &str,
        path_and_query: &str,
        cookie: Option<&str>,
        within: Option<SignInAge>,
        sites: &Sites,
    ) -> Result<Departure, SealError> {
        let browser = match cookie.and_then(Token::parse) {
            Some(token) => token,
            None => Token::generate()?,
        };
        let target = format!("{}{path_and_query}", sites.origin_of(label));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("return_to", &target)
            .append_pair("hand_off", &URL_SAFE_NO_PAD.encode(browser.hash()));
        if let Some(age) = within {
            query.append_pair("sign_in_within", &age.minutes().to_string());
        }
        let query = query.finish();
        Ok(Departure {
            location: format!("{}/login?{query}", sites.platform_origin()),
            set_cookie: set_cookie(HAND_OFF_COOKIE, &browser.reveal(), COOKIE_LIFE),
        })
    }

    /// Makes a code for an app host, for the browser whose hash came along. `cookie` is the platform's
    /// session cookie, which was just opened. Whether the person may open the app was asked before.
    ///
    /// # Errors
    /// The store does not answer, or the hash is none.
    pub(crate) async fn issue(
        &self,
        _: &Permit<SignIn>,
        session: &LiveSession,
        cookie: &str,
        target: (&str, &str),
        browser_hash: &str,
        now: OffsetDateTime,
    ) -> Result<String, HandOffError> {
        let (label, path) = target;
        let browser_hash = URL_SAFE_NO_PAD.decode(browser_hash).map_err(|_| HandOffError::Refused)?;
        let (id, token) = self.sessions.unseal(cookie, CookieHost::Platform).ok_or(HandOffError::Refused)?;
        if browser_hash.len() != 32 || id != session.signed_in().session {
            return Err(HandOffError::Refused);
        }
        let code = Token::generate().map_err(IdentityError::from)?;
        // Sealed for the code itself, which is not stored: the table alone gives nobody a session.
        let sealed_token = self.seal.seal(&place(&code), token.as_bytes()).map_err(IdentityError::from)?;
        let row = store::hand_off_codes::Model {
            code_hash: code.hash(),
            session_id: id.to_string(),
            host_label: label.to_owned(),
            browser_hash,
            sealed_token,
            return_path: path.to_owned(),
            expires_at: now + CODE_LIFE,
        };
        store::single_use::insert::<store::hand_off_codes::Entity>(&self.store.database, row).await?;
        Ok(code.reveal().to_string())
    }

    /// Turns a code into the session cookie of the app host that it was made for.
    ///
    /// # Errors
    /// See [`HandOffError`]. The code is used up either way.
    pub async fn redeem(
        &self,
        _: &Permit<RedeemHandOff>,
        label: &str,
        code: &str,
        cookie: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<Return, HandOffError> {
        let code = Token::parse(code).ok_or(HandOffError::Refused)?;
        let row = store::single_use::take::<store::hand_off_codes::Entity>(&self.store.database, code.hash())
            .await?;
        let row = row.ok_or(HandOffError::Refused)?;
        let browser = cookie.and_then(Token::parse).ok_or(HandOffError::Refused)?;
        if row.host_label != label || row.browser_hash != browser.hash() || row.expires_at <= now {
            return Err(HandOffError::Refused);
        }
        let id = parsed(&row.session_id, "hand_off_codes")?;
        let session = self.sessions.find(id, now).await.map_err(|error| match error {
            SessionError::Invalid => HandOffError::Refused,
            SessionError::Unavailable => HandOffError::Unavailable,
        })?;
        let token = self.seal.open(&place(&code), &row.sealed_token).map_err(IdentityError::from)?;
        let token = Token::from_bytes(token.reveal()).ok_or(HandOffError::Refused)?;
        let value = self.sessions.cookie(id, &token, CookieHost::App(label)).map_err(IdentityError::from)?;
        let seconds = (session.ends_at() - now).whole_seconds();
        Ok(Return {
            set_cookie: set_cookie(endpoint::SESSION_COOKIE, &value, seconds),
            path: row.return_path,
        })
    }

    /// Deletes codes that nobody redeemed. To be run every few minutes.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn sweep(&self, now: OffsetDateTime) -> Result<(), IdentityError> {
        store::single_use::sweep::<store::hand_off_codes::Entity>(&self.store.database, now).await
    }
}

fn place(code: &Token) -> Vec<u8> {
    [b"hand-off/".as_slice(), &digest(&[b"place/".as_slice(), code.as_bytes().as_slice()].concat())].concat()
}
