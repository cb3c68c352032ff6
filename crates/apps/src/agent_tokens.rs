//! The agent tokens of apps: issued once for one app, recognised by a keyed hash, dead within a day.

use std::fmt;
use std::sync::Arc;

use access_control::{Action, IdentifyAgent, ListAgentTokens, ManageAgentTokens, Permit};
use audit::{Actor, Event, Occasion, Target};
use cryptography::{HashKey, RootKey};
use ids::AgentTokenId;
use serde_json::json;

use crate::store::agent_tokens;
use crate::{AgentToken, AgentTokenLife, AgentTokenText, AppError, Store};

/// The most live tokens of one app.
const MOST_LIVE: usize = 100;

/// The agent tokens of all apps.
#[derive(Clone)]
pub struct AgentTokens {
    store: Store,
    hash_key: Arc<HashKey>,
}

/// A token that was just issued. Its value is not to be had again.
pub struct IssuedAgentToken {
    /// What is kept of it.
    pub token: AgentToken,
    /// The value, to show once.
    pub text: AgentTokenText,
}

impl fmt::Debug for AgentTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AgentTokens").finish_non_exhaustive()
    }
}

impl AgentTokens {
    /// Agent tokens in this store, recognised by a key derived from `root_key`.
    #[must_use]
    pub fn new(store: Store, root_key: &RootKey) -> Self {
        Self { store, hash_key: Arc::new(root_key.hash_key("agent tokens")) }
    }

    /// The keyed hash to look a presented token up by, unless it cannot be one.
    #[must_use]
    pub fn recognise(&self, presented: &str) -> Option<[u8; 32]> {
        Some(self.hash(&AgentTokenText::parse(presented)?))
    }

    fn hash(&self, text: &AgentTokenText) -> [u8; 32] {
        self.hash_key.hash(text.reveal().as_bytes())
    }

    /// The app's tokens that have not expired, without their values, oldest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListAgentTokens>,
        occasion: Occasion,
    ) -> Result<Vec<AgentToken>, AppError> {
        let mut tokens = agent_tokens::list(self.store.database(), permit.app()).await?;
        tokens.retain(|token| token.is_live(occasion.now));
        Ok(tokens)
    }

    /// Issues a token for the app. It is worth what its issuer may do, and no more than this app.
    ///
    /// # Errors
    /// The app has as many live ones as it can have.
    pub async fn issue(
        &self,
        permit: &Permit<ManageAgentTokens>,
        life: AgentTokenLife,
        occasion: Occasion,
    ) -> Result<IssuedAgentToken, AppError> {
        let text = AgentTokenText::generate().map_err(AppError::Randomness)?;
        let token = AgentToken {
            id: AgentTokenId::generate(),
            issued_by: permit.actor().clone(),
            created_at: occasion.now,
            expires_at: occasion.now + life.duration(),
        };
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        let mut live = 0;
        for other in agent_tokens::list(change.transaction(), app.id).await? {
            if other.is_live(occasion.now) {
                live += 1;
            } else {
                agent_tokens::delete(change.transaction(), other.id).await?;
            }
        }
        if live >= MOST_LIVE {
            return Err(AppError::TooManyAgentTokens);
        }
        agent_tokens::insert(change.transaction(), &app, &token, self.hash(&text)).await?;
        let after = json!({ "expiresAt": token.expires_at.unix_timestamp() });
        change.commit(event(permit, token.id, occasion).with(json!({ "after": after }))).await?;
        Ok(IssuedAgentToken { token, text })
    }

    /// Revokes a token: it does not count from the next request on.
    ///
    /// # Errors
    /// The app has no such token.
    pub async fn revoke(
        &self,
        permit: &Permit<ManageAgentTokens>,
        id: AgentTokenId,
        occasion: Occasion,
    ) -> Result<(), AppError> {
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        let tokens = agent_tokens::list(change.transaction(), app.id).await?;
        let token = tokens.iter().find(|token| token.id == id).ok_or(AppError::NotFound)?;
        agent_tokens::delete(change.transaction(), id).await?;
        let before = json!({ "issuedBy": token.issued_by.user });
        let event = event(permit, id, occasion).with(json!({ "before": before, "after": null }));
        change.commit(event).await?;
        Ok(())
    }

    /// The token that a call came with.
    ///
    /// # Errors
    /// It is gone since, or the store is not available.
    pub async fn presented(&self, permit: &Permit<IdentifyAgent>) -> Result<AgentToken, AppError> {
        let agent = permit.agent();
        let tokens = agent_tokens::list(self.store.database(), agent.app).await?;
        tokens.into_iter().find(|token| token.id == agent.token).ok_or(AppError::NotFound)
    }
}

fn event(permit: &Permit<ManageAgentTokens>, id: AgentTokenId, occasion: Occasion) -> Event {
    let target = Target::AgentToken(permit.app(), id);
    Event::done(Actor::Person(permit.user()), ManageAgentTokens::NAME, target)
        .of(permit.organization())
        .during(occasion)
}
