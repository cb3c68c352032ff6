//! Minting and verifying user tokens.

use std::sync::Arc;

use access_control::Means;
use cryptography::digest;
use ids::AppId;
use revocations::OutstandingTokens;
use time::{Duration, OffsetDateTime};

use crate::{LiveSession, SessionError, Sessions, SigningKeys, token_cryptography, user_token};

/// Makes user tokens, and judges those that apps send back.
pub struct UserTokens {
    keys: Arc<SigningKeys>,
    sessions: Arc<Sessions>,
    issuer: String,
    issuer_as_json: String,
    reuse_window: i64,
    outstanding: OutstandingTokens,
}

impl UserTokens {
    /// `issuer` is the platform's origin. A token may be handed out again for the same session and app
    /// for `reuse_window`; zero signs for every request.
    #[must_use]
    pub fn new(
        keys: Arc<SigningKeys>,
        sessions: Arc<Sessions>,
        issuer: &str,
        reuse_window: Duration,
    ) -> Self {
        token_cryptography::install();
        Self {
            keys,
            sessions,
            issuer: issuer.to_owned(),
            issuer_as_json: serde_json::Value::from(issuer).to_string(),
            reuse_window: reuse_window.whole_seconds().clamp(0, user_token::LIFE / 2),
            outstanding: OutstandingTokens::living_for(Duration::seconds(user_token::LIFE)),
        }
    }

    /// Those that were made here and have not ended.
    #[must_use]
    pub fn outstanding(&self) -> &OutstandingTokens {
        &self.outstanding
    }

    /// A token for this session's person, for this app.
    #[must_use]
    pub fn mint(&self, session: &LiveSession, app: AppId, now: OffsetDateTime) -> Arc<str> {
        let issued_at = now.unix_timestamp();
        session.user_token(app, issued_at, self.reuse_window, || {
            let signed_in = session.signed_in();
            let key = self.keys.signing(now);
            let (id, user) = (signed_in.session, signed_in.user);
            self.outstanding.signed(id, user, app, issued_at);
            user_token::sign(&key, &self.issuer_as_json, id, user, app, issued_at).into()
        })
    }

    /// The live session of the person that this token names to this app.
    ///
    /// # Errors
    /// The token is not authentic, not for this app, not valid now, or its session has ended; or the
    /// store does not answer.
    pub async fn verify(
        &self,
        token: &str,
        app: AppId,
        now: OffsetDateTime,
    ) -> Result<Arc<LiveSession>, SessionError> {
        let (kid, id) = user_token::peek(token).ok_or(SessionError::Invalid)?;
        let key = self.keys.verifying(kid, now).ok_or(SessionError::Invalid)?;
        // Apps send one token many times, and checking its signature is half of the work of a short query.
        let digest = digest(token.as_bytes());
        let known = self.sessions.known(id).and_then(|session| session.authentic_token(&digest));
        let is_new = known.is_none();
        let claims = known.or_else(|| user_token::authentic(token, &key, &self.issuer).map(Arc::new));
        let claims = claims.ok_or(SessionError::Invalid)?;
        let user = claims.user(app, now.unix_timestamp()).ok_or(SessionError::Invalid)?;
        let session = self.sessions.find(id, now).await?;
        let signed_in = session.signed_in();
        // None is made for an API token, so one that names it was not made here.
        if signed_in.user != user || signed_in.means != Means::Browser {
            return Err(SessionError::Invalid);
        }
        if is_new {
            session.keep_authentic_token(digest, claims);
        }
        Ok(session)
    }
}
