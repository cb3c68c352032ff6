//! Sessions: beginning, opening from a cookie, listing and ending them.

use std::sync::Arc;
use std::time::Duration;

use access_control::{Action, EndOwnSession, ListOwnSessions, Means, Permit, SignIn, SignedIn};
use async_trait::async_trait;
use audit::{Actor, Announcement, Event, Follower, Journal, News, Target, Withdrawal};
use cryptography::{SealError, SealingKey, Token};
use ids::{RequestId, SessionId, UserId};
use time::OffsetDateTime;

use crate::live_sessions::LiveSessions;
use crate::session::SessionParts;
use crate::store::{self, Store};
use crate::{CookieHost, IdentityError, Lifetimes, LiveSession, Person, SessionError, session_cookie, users};

/// The longest user agent that is kept, in characters.
const LONGEST_USER_AGENT: usize = 200;
/// How long the store may take to answer before a session counts as unknown.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many sessions in memory are looked for in the store in one statement.
const COMPARED_AT_ONCE: usize = 1000;
/// How much later than its row says a session may have been used, at a process whose clock is behind.
const UNWRITTEN_USE: time::Duration = time::Duration::minutes(10);
/// How often a row is read again because a session ended meanwhile.
const READS: usize = 4;

/// Every session of this platform.
pub struct Sessions {
    store: Store,
    journal: Journal,
    seal: SealingKey,
    lifetimes: Lifetimes,
    live: LiveSessions,
}

/// One line of the list of one's own sessions.
#[derive(Clone, Debug)]
pub struct ListedSession {
    /// Its identifier, not the secret.
    pub id: SessionId,
    /// The browser, as it called itself.
    pub user_agent: String,
    /// When the person signed in.
    pub created_at: OffsetDateTime,
    /// When it was last used, at most five minutes behind.
    pub last_seen_at: OffsetDateTime,
    /// When it ends, whatever the use.
    pub ends_at: OffsetDateTime,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// Sessions that a person ended.
#[derive(Debug)]
pub struct EndedSessions {
    /// The change, of which a receipt is to be had.
    pub withdrawal: Withdrawal,
    /// How many were in browsers.
    pub in_browsers: u64,
    /// How many were API tokens.
    pub api_tokens: u64,
}

/// What a browser told about itself, for the list of sessions.
pub(crate) struct NewSession<'a> {
    pub(crate) person: Person,
    pub(crate) hosted_domain: Option<String>,
    pub(crate) authenticated_at: OffsetDateTime,
    pub(crate) user_agent: &'a str,
    pub(crate) request: RequestId,
    pub(crate) detail: serde_json::Value,
}

impl Sessions {
    /// Sessions in this store. `seal` is the key for the purpose "session cookie"; `capacity` is how
    /// many sessions nobody holds are kept in memory.
    #[must_use]
    pub fn new(
        store: Store,
        journal: Journal,
        seal: SealingKey,
        lifetimes: Lifetimes,
        capacity: usize,
    ) -> Self {
        Self { store, journal, seal, lifetimes, live: LiveSessions::new(capacity) }
    }

    /// How long sessions live.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes
    }

    /// How many sessions are in memory.
    #[must_use]
    pub fn in_memory(&self) -> usize {
        self.live.len()
    }

    /// The live session behind a cookie, without a query. `None` if the store has to be asked:
    /// [`Sessions::open`] does.
    #[must_use]
    pub fn cached(
        &self,
        cookie: &str,
        host: CookieHost<'_>,
        now: OffsetDateTime,
    ) -> Option<Result<Arc<LiveSession>, SessionError>> {
        let Some((id, token)) = self.unseal(cookie, host) else {
            return Some(Err(SessionError::Invalid));
        };
        let session = self.in_memory_now(id, now)?;
        Some(self.admit(session, Means::Browser, &token, now))
    }

    /// The live session behind a cookie of one host.
    ///
    /// # Errors
    /// There is none, or the store does not answer.
    pub async fn open(
        &self,
        cookie: &str,
        host: CookieHost<'_>,
        now: OffsetDateTime,
    ) -> Result<Arc<LiveSession>, SessionError> {
        let (id, token) = self.unseal(cookie, host).ok_or(SessionError::Invalid)?;
        self.open_by(Means::Browser, id, &token, now).await
    }

    /// The live session that this secret proves in this way.
    pub(crate) async fn open_by(
        &self,
        means: Means,
        id: SessionId,
        secret: &Token,
        now: OffsetDateTime,
    ) -> Result<Arc<LiveSession>, SessionError> {
        let session = self.load(id, now).await?;
        self.admit(session, means, secret, now)
    }

    /// Ends a session whose row is gone.
    pub(crate) fn forget(&self, id: SessionId) {
        self.live.end(id);
    }

    /// A session that is in memory.
    pub(crate) fn in_use(&self, id: SessionId) -> Option<Arc<LiveSession>> {
        self.live.get(id)
    }

    /// The live session of this identifier, for tokens that name one and are authentic themselves.
    ///
    /// # Errors
    /// There is none, or the store does not answer.
    pub async fn find(&self, id: SessionId, now: OffsetDateTime) -> Result<Arc<LiveSession>, SessionError> {
        let session = self.load(id, now).await?;
        if session.is_live(self.lifetimes, now) { Ok(session) } else { Err(SessionError::Invalid) }
    }

    /// One's own sessions in browsers, newest first.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(
        &self,
        permit: &Permit<ListOwnSessions>,
        now: OffsetDateTime,
    ) -> Result<Vec<ListedSession>, IdentityError> {
        let rows = store::sessions::of_browsers(&self.store.database, permit.user()).await?;
        let lapsed = |row: &store::sessions::Model| {
            self.lifetimes.end(Means::Browser, row.created_at, row.last_seen_at, row.ends_at) <= now
        };
        Ok(rows
            .into_iter()
            .map(|(id, row)| {
                let live = self.live.get(id);
                (id, live.map_or(row.last_seen_at, |live| live.last_seen_at()), row)
            })
            .filter(|(_, last_seen_at, row)| !lapsed(row) || *last_seen_at > row.last_seen_at)
            .map(|(id, last_seen_at, row)| ListedSession {
                id,
                user_agent: row.user_agent,
                created_at: row.created_at,
                last_seen_at,
                ends_at: row.ends_at,
                current: id == permit.actor().session,
            })
            .collect())
    }

    /// Ends one session of one's own: a browser's, or the one that asks, whatever it is.
    ///
    /// # Errors
    /// There is no such session of one's own, or the store does not answer.
    pub async fn end(
        &self,
        permit: &Permit<EndOwnSession>,
        id: SessionId,
        request: RequestId,
    ) -> Result<EndedSessions, IdentityError> {
        let means = if id == permit.actor().session { permit.actor().means } else { Means::Browser };
        let target = match means {
            Means::Browser => Target::Session(id),
            Means::ApiToken => Target::ApiToken(id),
        };
        let change = self.journal.begin().await?;
        if !store::sessions::delete(change.transaction(), id, permit.user(), means).await? {
            return Err(IdentityError::NotFound);
        }
        let event = Event::done(Actor::Person(permit.user()), EndOwnSession::NAME, target);
        let withdrawal = change.withdraw(event.in_request(request)).await?;
        self.live.end(id);
        let in_browsers = u64::from(means == Means::Browser);
        Ok(EndedSessions { withdrawal, in_browsers, api_tokens: 1 - in_browsers })
    }

    /// Ends every session of one's own, this one and all API tokens included.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn end_all(
        &self,
        permit: &Permit<EndOwnSession>,
        request: RequestId,
    ) -> Result<EndedSessions, IdentityError> {
        let change = self.journal.begin().await?;
        store::users::lock(change.transaction(), permit.user()).await?;
        let api_tokens =
            store::sessions::api_tokens_of(change.transaction(), permit.user()).await?.len() as u64;
        let ended = store::sessions::delete_all_of(change.transaction(), permit.user()).await?;
        let actor = Actor::Person(permit.user());
        let event =
            Event::done(actor, EndOwnSession::NAME, Target::SessionsOf(permit.user())).in_request(request);
        let withdrawal = change.withdraw(event).await?;
        self.live.end_all(permit.user());
        Ok(EndedSessions { withdrawal, in_browsers: ended.saturating_sub(api_tokens), api_tokens })
    }

    /// The value of a session's cookie on one host.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub(crate) fn cookie(
        &self,
        id: SessionId,
        token: &Token,
        host: CookieHost<'_>,
    ) -> Result<String, SealError> {
        session_cookie::seal(&self.seal, id, token, host)
    }

    /// Begins a session: always a new identifier and a new token, whatever the browser had before.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn begin(
        &self,
        new: NewSession<'_>,
        now: OffsetDateTime,
    ) -> Result<(SessionId, Token), IdentityError> {
        let id = SessionId::generate();
        let token = Token::generate()?;
        let user = new.person.id;
        let parts = SessionParts {
            signed_in: SignedIn {
                user,
                session: id,
                hosted_domain: new.hosted_domain.map(Into::into),
                authenticated_at: new.authenticated_at,
                means: Means::Browser,
            },
            person: new.person,
            token_hash: fixed(&token.hash()),
            user_agent: new
                .user_agent
                .chars()
                .filter(|character| !character.is_control())
                .take(LONGEST_USER_AGENT)
                .collect(),
            created_at: now,
            last_seen_at: now,
            ends_at: now + self.lifetimes.absolute,
        };
        let change = self.journal.begin().await?;
        let lapse = self.lifetimes.end(Means::Browser, now, now, parts.ends_at);
        store::sessions::insert(change.transaction(), &parts, None, lapse).await?;
        let event = Event::done(Actor::Person(user), SignIn::NAME, Target::Session(id))
            .in_request(new.request)
            .with(new.detail)
            .unannounced();
        change.commit(event).await?;
        Ok((id, token))
    }

    /// Ends the session that this browser had before it signed in anew.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn replace(
        &self,
        session: &LiveSession,
        request: RequestId,
    ) -> Result<(), IdentityError> {
        let SignedIn { user, session: id, means, .. } = *session.signed_in();
        let change = self.journal.begin().await?;
        store::sessions::delete(change.transaction(), id, user, means).await?;
        let event = Event::done(Actor::Person(user), EndOwnSession::NAME, Target::Session(id))
            .in_request(request)
            .with(serde_json::json!({ "reason": "the same browser signed in anew" }));
        change.commit(event).await?;
        self.live.end(id);
        Ok(())
    }

    /// Describes a person anew in the sessions in memory.
    pub(crate) fn describe(&self, person: &Person) {
        self.live.describe(person);
    }

    /// Deletes sessions that have lapsed, at most an hour late. To be run every few minutes: those that live are not
    /// looked at, unless the lifetimes became longer since they were used.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn sweep(&self, now: OffsetDateTime) -> Result<u64, IdentityError> {
        let mut after = (i64::MIN, String::new());
        let mut swept = 0;
        loop {
            let rows = store::sessions::page(&self.store.database, now, &after, store::SWEPT_AT_ONCE).await?;
            let Some(last) = rows.last() else { return Ok(swept) };
            after = (last.lapse_hour, last.id.clone());
            let mut lapsed = Vec::new();
            for row in rows {
                let means = store::sessions::means(&row.means)?;
                let end = self.lifetimes.end(means, row.created_at, row.last_seen_at, row.ends_at);
                if end + UNWRITTEN_USE > now {
                    continue;
                }
                let Ok(id) = row.id.parse::<SessionId>() else { continue };
                let used = self.live.get(id).is_some_and(|live| live.is_live(self.lifetimes, now));
                if !used {
                    self.live.end(id);
                    lapsed.push(row.id);
                }
            }
            if !lapsed.is_empty() {
                swept += store::sessions::delete_lapsed(&self.store.database, lapsed).await?;
            }
        }
    }

    /// What a cookie of this host holds. Says nothing about whether the session lives.
    pub(crate) fn unseal(&self, cookie: &str, host: CookieHost<'_>) -> Option<(SessionId, Token)> {
        session_cookie::open(&self.seal, cookie, host)
    }

    fn admit(
        &self,
        session: Arc<LiveSession>,
        means: Means,
        secret: &Token,
        now: OffsetDateTime,
    ) -> Result<Arc<LiveSession>, SessionError> {
        if !session.is_proved_by(means, &secret.hash()) || !session.is_live(self.lifetimes, now) {
            return Err(SessionError::Invalid);
        }
        if session.used(now) {
            self.write_last_seen(&session, now);
        }
        Ok(session)
    }

    /// Off the request's path. A row that is gone means that somebody else ended the session.
    fn write_last_seen(&self, session: &Arc<LiveSession>, now: OffsetDateTime) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let database = self.store.database.clone();
        let (session, lapse) = (Arc::clone(session), session.expires_at(self.lifetimes));
        runtime.spawn(async move {
            match store::sessions::seen(&database, session.signed_in().session, now, lapse).await {
                Ok(true) => {}
                Ok(false) => session.end(),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a session's last use was not written"
                    );
                }
            }
        });
    }

    /// One that was looked at before. It may have ended; the store is not asked.
    pub(crate) fn known(&self, id: SessionId) -> Option<Arc<LiveSession>> {
        self.live.get(id)
    }

    /// One that is in memory, if that counts. One that lapsed here may have been used at another process.
    fn in_memory_now(&self, id: SessionId, now: OffsetDateTime) -> Option<Arc<LiveSession>> {
        let session = self.live.get(id)?;
        (self.journal.currency().is_current() && session.is_live(self.lifetimes, now)).then_some(session)
    }

    async fn load(&self, id: SessionId, now: OffsetDateTime) -> Result<Arc<LiveSession>, SessionError> {
        // Without the store's answers nobody is let in anyway: this one is not waited for.
        if !self.journal.currency().is_current() {
            return Err(SessionError::Unavailable);
        }
        if let Some(session) = self.in_memory_now(id, now) {
            return Ok(session);
        }
        for _ in 0..READS {
            let epoch = self.live.epoch(id);
            let Some(parts) = self.read(id).await? else {
                self.live.end(id);
                return Err(SessionError::Invalid);
            };
            let last_seen_at = parts.last_seen_at;
            if let Some(session) = self.live.insert(id, epoch, LiveSession::new(parts)) {
                session.seen_elsewhere(last_seen_at);
                return Ok(session);
            }
        }
        Err(SessionError::Unavailable)
    }

    async fn read(&self, id: SessionId) -> Result<Option<SessionParts>, SessionError> {
        let unavailable = |error: &(dyn std::error::Error + 'static)| {
            tracing::error!(error, "a session could not be read");
            SessionError::Unavailable
        };
        let found = tokio::time::timeout(PATIENCE, store::sessions::find(&self.store.database, id)).await;
        found.map_err(|error| unavailable(&error))?.map_err(|error| unavailable(&error))
    }

    /// What another process changed.
    async fn follow(&self, change: &Announcement) {
        match change.target {
            Target::Session(id) if change.action != SignIn::NAME => self.live.end(id),
            Target::ApiToken(id) => self.live.end(id),
            Target::SessionsOf(user) => self.live.end_all(user),
            Target::User(user) if change.action == users::SUSPEND => self.live.end_all(user),
            Target::User(user) => self.describe_anew(user).await,
            _ => {}
        }
    }

    async fn describe_anew(&self, user: UserId) {
        let read = tokio::time::timeout(PATIENCE, store::users::by_id(&self.store.database, user)).await;
        match read.map(|row| row.map(|row| row.map(store::users::Model::person))) {
            Ok(Ok(Some(Ok(person)))) => self.live.describe(&person),
            // Nobody is described as they were: what is asked for next is read anew.
            _ => self.live.end_all(user),
        }
    }

    /// Ends those whose rows are gone; all of them, if that cannot be said.
    async fn compare_all(&self) {
        for ids in self.live.ids().chunks(COMPARED_AT_ONCE) {
            let read =
                tokio::time::timeout(PATIENCE, store::sessions::existing(&self.store.database, ids)).await;
            let existing = read.ok().and_then(Result::ok).unwrap_or_default();
            ids.iter().filter(|id| !existing.contains(id)).for_each(|id| self.live.end(*id));
        }
    }
}

#[async_trait]
impl Follower for Sessions {
    async fn committed(&self, event: &Event) {
        match event.target {
            Target::Session(id) if event.action != SignIn::NAME => self.live.end(id),
            Target::ApiToken(id) => self.live.end(id),
            Target::SessionsOf(user) => self.live.end_all(user),
            Target::User(user) if event.action == users::SUSPEND => self.live.end_all(user),
            _ => {}
        }
    }

    async fn announced(&self, news: News<'_>) {
        match news.changes() {
            Some(changes) => {
                for change in changes {
                    self.follow(change).await;
                }
            }
            None => self.compare_all().await,
        }
    }
}

/// A SHA-256 has 32 bytes.
pub(crate) fn fixed(hash: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    let length = bytes.len().min(hash.len());
    bytes[..length].copy_from_slice(&hash[..length]);
    bytes
}
