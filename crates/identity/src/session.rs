//! A session and how long it lives.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use access_control::{Means, SignedIn};
use arc_swap::ArcSwap;
use ids::AppId;
use time::{Duration, OffsetDateTime};
use tokio_util::sync::CancellationToken;

use crate::Person;
use crate::user_token::Claims;

/// How long sessions live. Both limits hold.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// The longest time without use; every use starts it anew.
    pub idle: Duration,
    /// The longest time since the sign-in, whatever the use.
    pub absolute: Duration,
}

impl Default for Lifetimes {
    /// 7 days idle, 30 days in all.
    fn default() -> Self {
        Self { idle: Duration::days(7), absolute: Duration::days(30) }
    }
}

impl Lifetimes {
    /// When a session ends if it is not used again. An API token has a fixed end, whatever the use.
    pub(crate) fn end(
        self,
        means: Means,
        created_at: OffsetDateTime,
        last_seen_at: OffsetDateTime,
        ends_at: OffsetDateTime,
    ) -> OffsetDateTime {
        match means {
            Means::Browser => ends_at.min(created_at + self.absolute).min(last_seen_at + self.idle),
            Means::ApiToken => ends_at,
        }
    }
}

/// The one host that a session cookie is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieHost<'a> {
    /// The platform's host.
    Platform,
    /// The app host with this label.
    App(&'a str),
}

impl CookieHost<'_> {
    /// What a cookie is sealed for; no label can spell the platform's.
    pub(crate) fn place(self) -> Vec<u8> {
        match self {
            Self::Platform => b"session cookie/platform".to_vec(),
            Self::App(label) => [b"session cookie/app/".as_slice(), label.as_bytes()].concat(),
        }
    }
}

/// A session that was live when it was last looked at. Everybody who holds one session holds the same
/// one, so that its end reaches them all.
pub struct LiveSession {
    signed_in: SignedIn,
    person: ArcSwap<Person>,
    token_hash: [u8; 32],
    user_agent: String,
    created_at: OffsetDateTime,
    ends_at: OffsetDateTime,
    /// Seconds since 1970: when it was last used.
    last_seen: AtomicI64,
    /// Seconds since 1970: the last use that the store knows of.
    last_written: AtomicI64,
    ended: CancellationToken,
    user_tokens: Mutex<Vec<ReusableToken>>,
    authentic_tokens: Mutex<Vec<AuthenticToken>>,
}

/// A user token that may be handed out again for a short while.
struct ReusableToken {
    app: AppId,
    issued_at: i64,
    text: Arc<str>,
}

/// A user token of the session that came back from an app, and whose signature was checked. By its digest: looking for it
/// says nothing of its text.
struct AuthenticToken {
    digest: Vec<u8>,
    claims: Arc<Claims>,
}

/// How many user tokens a session keeps: for reuse, and again of those that came back.
const KEPT_USER_TOKENS: usize = 16;
/// How stale the stored time of last use may be, in seconds.
const LAST_SEEN_GRAIN: i64 = 5 * 60;

/// What the store knows of a session.
pub(crate) struct SessionParts {
    pub(crate) signed_in: SignedIn,
    pub(crate) person: Person,
    pub(crate) token_hash: [u8; 32],
    pub(crate) user_agent: String,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) last_seen_at: OffsetDateTime,
    pub(crate) ends_at: OffsetDateTime,
}

impl LiveSession {
    pub(crate) fn new(parts: SessionParts) -> Self {
        let seen = parts.last_seen_at.unix_timestamp();
        Self {
            signed_in: parts.signed_in,
            person: ArcSwap::from_pointee(parts.person),
            token_hash: parts.token_hash,
            user_agent: parts.user_agent,
            created_at: parts.created_at,
            ends_at: parts.ends_at,
            last_seen: AtomicI64::new(seen),
            last_written: AtomicI64::new(seen),
            ended: CancellationToken::new(),
            user_tokens: Mutex::default(),
            authentic_tokens: Mutex::default(),
        }
    }

    /// The person and session, for decisions.
    #[must_use]
    pub fn signed_in(&self) -> &SignedIn {
        &self.signed_in
    }

    /// Who it is, for headers and pages.
    #[must_use]
    pub fn person(&self) -> Arc<Person> {
        self.person.load_full()
    }

    /// The browser, as it called itself when signing in.
    #[must_use]
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// When the person signed in.
    #[must_use]
    pub fn created_at(&self) -> OffsetDateTime {
        self.created_at
    }

    /// When it ends, whatever the use.
    #[must_use]
    pub fn ends_at(&self) -> OffsetDateTime {
        self.ends_at
    }

    /// When it was last used, to the second.
    #[must_use]
    pub fn last_seen_at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.last_seen.load(Ordering::Relaxed)).unwrap_or(self.created_at)
    }

    /// When it ends if it is not used again.
    #[must_use]
    pub fn expires_at(&self, lifetimes: Lifetimes) -> OffsetDateTime {
        lifetimes.end(self.signed_in.means, self.created_at, self.last_seen_at(), self.ends_at)
    }

    /// Cancelled when the session ends. Whoever serves a stream on it stops then.
    #[must_use]
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    pub(crate) fn is_live(&self, lifetimes: Lifetimes, now: OffsetDateTime) -> bool {
        !self.ended.is_cancelled() && now < self.expires_at(lifetimes)
    }

    /// Whether this secret, shown in this way, is the session's.
    pub(crate) fn is_proved_by(&self, means: Means, hash: &[u8]) -> bool {
        self.signed_in.means == means && cryptography::same(&self.token_hash, hash)
    }

    pub(crate) fn describe(&self, person: Person) {
        self.person.store(Arc::new(person));
    }

    /// Notes a use at another process, as far as the store knows of it.
    pub(crate) fn seen_elsewhere(&self, at: OffsetDateTime) {
        self.last_seen.fetch_max(at.unix_timestamp(), Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Notes a use. Answers `true` for the one caller who should now write it to the store.
    pub(crate) fn used(&self, now: OffsetDateTime) -> bool {
        let now = now.unix_timestamp();
        if self.last_seen.load(Ordering::Relaxed) < now {
            self.last_seen.store(now, Ordering::Relaxed);
        }
        let written = self.last_written.load(Ordering::Relaxed);
        now - written >= LAST_SEEN_GRAIN
            && self.last_written.compare_exchange(written, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The token minted for this app at most `window` seconds ago, or a new one.
    pub(crate) fn user_token(
        &self,
        app: AppId,
        now: i64,
        window: i64,
        mint: impl FnOnce() -> Arc<str>,
    ) -> Arc<str> {
        if window <= 0 {
            return mint();
        }
        let mut kept = self.user_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |token: &ReusableToken| (token.issued_at..=token.issued_at + window).contains(&now);
        if let Some(token) = kept.iter().find(|token| token.app == app && fresh(token)) {
            return Arc::clone(&token.text);
        }
        kept.retain(|token| token.app != app && fresh(token));
        if kept.len() >= KEPT_USER_TOKENS {
            kept.remove(0);
        }
        let text = mint();
        kept.push(ReusableToken { app, issued_at: now, text: Arc::clone(&text) });
        text
    }

    /// The claims of a user token whose signature was checked before. Whether they hold now is for the caller to say.
    pub(crate) fn authentic_token(&self, digest: &[u8]) -> Option<Arc<Claims>> {
        let kept = self.authentic_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|token| token.digest == digest).map(|token| Arc::clone(&token.claims))
    }

    /// Keeps the claims of a user token of this session whose signature was checked just now.
    pub(crate) fn keep_authentic_token(&self, digest: Vec<u8>, claims: Arc<Claims>) {
        let mut kept = self.authentic_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        // Calls that come together have all checked it.
        kept.retain(|token| token.digest != digest);
        if kept.len() >= KEPT_USER_TOKENS {
            kept.remove(0);
        }
        kept.push(AuthenticToken { digest, claims });
    }
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LiveSession").field("signed_in", &self.signed_in).finish_non_exhaustive()
    }
}
