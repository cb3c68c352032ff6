//! API tokens: making, listing and revoking them. Each is a session of its own, so that it is checked in
//! memory, ends with the person's account, and is revoked like a browser's session.

use std::sync::Arc;

use access_control::{Action, ListApiTokens, ManageApiTokens, Means, Permit, SignedIn};
use audit::{Actor, Change, Event, Journal, Target, Withdrawal};
use cryptography::Token;
use ids::{RequestId, SessionId, UserId};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::api_token::parse;
use crate::session::SessionParts;
use crate::sessions::fixed;
use crate::store::{self, Store};
use crate::{
    ApiToken, ApiTokenText, IdentityError, LiveSession, NewApiToken, Person, SessionError, Sessions,
};

/// The most API tokens that one person may have at a time.
const MOST_LIVE: usize = 100;

/// The API tokens of all people.
pub struct ApiTokens {
    store: Store,
    journal: Journal,
    sessions: Arc<Sessions>,
}

/// A token that was just made. Its value is not to be had again.
pub struct MadeApiToken {
    /// What is kept of it.
    pub token: ApiToken,
    /// The value, to show once.
    pub text: ApiTokenText,
}

impl ApiTokens {
    /// API tokens in this store, live as long as `sessions` says.
    #[must_use]
    pub fn new(store: Store, journal: Journal, sessions: Arc<Sessions>) -> Self {
        Self { store, journal, sessions }
    }

    /// The live session behind a token; the store is asked only if it is not in memory.
    ///
    /// # Errors
    /// There is none, or the store does not answer.
    pub async fn open(&self, text: &str, now: OffsetDateTime) -> Result<Arc<LiveSession>, SessionError> {
        let (id, secret) = parse(text).ok_or(SessionError::Invalid)?;
        self.sessions.open_by(Means::ApiToken, id, &secret, now).await
    }

    /// One's own tokens, newest first.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(
        &self,
        permit: &Permit<ListApiTokens>,
        now: OffsetDateTime,
    ) -> Result<Vec<ApiToken>, IdentityError> {
        let tokens = store::sessions::api_tokens_of(&self.store.database, permit.user()).await?;
        Ok(tokens
            .into_iter()
            .filter(|token| now < token.expires_at)
            .map(|token| match self.sessions.in_use(token.id) {
                Some(live) => ApiToken { last_seen_at: live.last_seen_at(), ..token },
                None => token,
            })
            .collect())
    }

    /// Makes a token. It stands for the sign-in of the session that makes it, and outlives that session.
    ///
    /// # Errors
    /// The person has too many, or has just ended the session, or the store does not answer.
    pub async fn make(
        &self,
        permit: &Permit<ManageApiTokens>,
        new: NewApiToken,
        request: RequestId,
        now: OffsetDateTime,
    ) -> Result<MadeApiToken, IdentityError> {
        let maker = permit.actor();
        let change = self.journal.begin().await?;
        let transaction = change.transaction();
        // Whoever ends all sessions waits for this lock, or this one for them and then finds no session.
        store::users::lock(transaction, maker.user).await?;
        let parts = store::sessions::find(transaction, maker.session).await?;
        let person = parts.ok_or(IdentityError::SignedOut)?.person;
        let others = store::sessions::api_tokens_of(transaction, maker.user).await?;
        if others.iter().filter(|other| now < other.expires_at).count() >= MOST_LIVE {
            return Err(IdentityError::TooManyApiTokens);
        }
        let made = insert(&change, person, maker, new, now).await?;
        let event = event(Actor::Person(maker.user), made.token.id, request).with(described(&made.token));
        change.commit(event).await?;
        Ok(made)
    }

    /// Makes a token for somebody who has not signed in, in place of those of the same name. For a platform
    /// that is being set up by whoever has its store anyway.
    ///
    /// # Errors
    /// There is no such person, or the store does not answer.
    pub async fn prepare(
        &self,
        user: UserId,
        new: NewApiToken,
        now: OffsetDateTime,
    ) -> Result<MadeApiToken, IdentityError> {
        let request = RequestId::generate();
        let change = self.journal.begin().await?;
        let transaction = change.transaction();
        let row = store::users::by_id(transaction, user).await?.ok_or(IdentityError::NotFound)?;
        let others = store::sessions::api_tokens_of(transaction, user).await?;
        let replaced: Vec<_> = others.into_iter().filter(|other| other.name == new.name).collect();
        for other in &replaced {
            store::sessions::delete(transaction, other.id, user, Means::ApiToken).await?;
        }
        let maker = SignedIn {
            user,
            session: SessionId::generate(),
            hosted_domain: None,
            authenticated_at: now,
            means: Means::ApiToken,
        };
        let made = insert(&change, row.person()?, &maker, new, now).await?;
        change.commit(event(Actor::System, made.token.id, request).with(described(&made.token))).await?;
        for other in replaced {
            self.sessions.forget(other.id);
        }
        Ok(made)
    }

    /// Revokes a token of one's own: it does not count from the next request on.
    ///
    /// # Errors
    /// There is no such token of one's own, or the store does not answer.
    pub async fn revoke(
        &self,
        permit: &Permit<ManageApiTokens>,
        id: SessionId,
        request: RequestId,
    ) -> Result<Withdrawal, IdentityError> {
        let change = self.journal.begin().await?;
        let tokens = store::sessions::api_tokens_of(change.transaction(), permit.user()).await?;
        let token = tokens.into_iter().find(|token| token.id == id).ok_or(IdentityError::NotFound)?;
        if !store::sessions::delete(change.transaction(), id, permit.user(), Means::ApiToken).await? {
            return Err(IdentityError::NotFound);
        }
        let event = event(Actor::Person(permit.user()), id, request)
            .with(json!({ "before": { "name": token.name }, "after": null }));
        Ok(change.withdraw(event).await?)
    }
}

/// Writes a new token that stands for the sign-in of `maker`.
async fn insert(
    change: &Change,
    person: Person,
    maker: &SignedIn,
    new: NewApiToken,
    now: OffsetDateTime,
) -> Result<MadeApiToken, IdentityError> {
    let (id, secret) = (SessionId::generate(), Token::generate()?);
    let parts = SessionParts {
        signed_in: SignedIn { session: id, means: Means::ApiToken, ..maker.clone() },
        person,
        token_hash: fixed(&secret.hash()),
        user_agent: String::new(),
        created_at: now,
        last_seen_at: now,
        ends_at: now + new.life.duration(),
    };
    store::sessions::insert(change.transaction(), &parts, Some(&new.name), parts.ends_at).await?;
    let token =
        ApiToken { id, name: new.name, created_at: now, last_seen_at: now, expires_at: parts.ends_at };
    Ok(MadeApiToken { token, text: ApiTokenText::new(id, &secret) })
}

fn event(actor: Actor, id: SessionId, request: RequestId) -> Event {
    Event::done(actor, ManageApiTokens::NAME, Target::ApiToken(id)).in_request(request)
}

fn described(made: &ApiToken) -> Value {
    json!({ "after": { "name": made.name, "expiresAt": made.expires_at.unix_timestamp() } })
}
