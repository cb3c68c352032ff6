//! The server secrets of apps: issued once, recognised by a keyed hash, rotated by overlap.

use std::fmt;
use std::sync::Arc;

use access_control::{Action, ListServerSecrets, ManageServerSecrets, Permit};
use audit::{Actor, Event, Target};
use cryptography::{HashKey, RootKey};
use ids::ServerSecretId;
use serde_json::json;

use crate::store::server_secrets;
use crate::{AppError, NewServerSecret, Occasion, ServerSecret, ServerSecretText, Store};

/// The most live secrets of one environment: one in use, and its successor.
const MOST_LIVE: usize = 2;

/// The server secrets of all apps.
#[derive(Clone)]
pub struct ServerSecrets {
    store: Store,
    hash_key: Arc<HashKey>,
}

/// A secret that was just issued. Its value is not to be had again.
pub struct IssuedServerSecret {
    /// What is kept of it.
    pub secret: ServerSecret,
    /// The value, to show once.
    pub text: ServerSecretText,
}

impl fmt::Debug for ServerSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServerSecrets").finish_non_exhaustive()
    }
}

impl ServerSecrets {
    /// Server secrets in this store, recognised by a key derived from `root_key`.
    #[must_use]
    pub fn new(store: Store, root_key: &RootKey) -> Self {
        Self { store, hash_key: Arc::new(root_key.hash_key("server secrets")) }
    }

    /// The keyed hash to look a presented secret up by, unless it cannot be one.
    #[must_use]
    pub fn recognise(&self, presented: &str) -> Option<[u8; 32]> {
        Some(self.hash(&ServerSecretText::parse(presented)?))
    }

    fn hash(&self, text: &ServerSecretText) -> [u8; 32] {
        self.hash_key.hash(text.reveal().as_bytes())
    }

    /// The app's secrets that count now, without their values, oldest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListServerSecrets>,
        occasion: Occasion,
    ) -> Result<Vec<ServerSecret>, AppError> {
        let mut secrets = server_secrets::list(self.store.database(), permit.app()).await?;
        secrets.retain(|secret| secret.is_live(occasion.now));
        Ok(secrets)
    }

    /// Issues a secret. To rotate, issue a second one and revoke the first, or say at once when the
    /// first stops counting.
    ///
    /// # Errors
    /// The environment has two live ones already.
    pub async fn issue(
        &self,
        permit: &Permit<ManageServerSecrets>,
        new: NewServerSecret,
        occasion: Occasion,
    ) -> Result<IssuedServerSecret, AppError> {
        if new.expires_at.is_some_and(|end| end <= occasion.now) {
            return Err(AppError::EndPassed);
        }
        let text = ServerSecretText::generate(new.environment).map_err(AppError::Randomness)?;
        let secret = ServerSecret {
            id: ServerSecretId::generate(),
            environment: new.environment,
            issued_by: permit.user(),
            created_at: occasion.now,
            expires_at: new.expires_at,
        };
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        let mut live = 0;
        let mut ended = Vec::new();
        for mut other in server_secrets::list(change.transaction(), app.id).await? {
            if other.environment != new.environment {
                continue;
            }
            if let Some(end) = new.previous_expires_at
                && other.expires_at.is_none_or(|known| end < known)
            {
                server_secrets::expire(change.transaction(), other.id, end).await?;
                other.expires_at = Some(end);
                ended.push(other.id);
            }
            if other.is_live(occasion.now) {
                live += 1;
            } else {
                server_secrets::delete(change.transaction(), other.id).await?;
            }
        }
        if live >= MOST_LIVE {
            return Err(AppError::TooManyServerSecrets);
        }
        server_secrets::insert(change.transaction(), app.id, &secret, self.hash(&text)).await?;
        let event = event(permit, secret.id, occasion).with(json!({
            "after": { "environment": secret.environment },
            "ended": ended,
        }));
        change.commit(event).await?;
        Ok(IssuedServerSecret { secret, text })
    }

    /// Revokes a secret: it does not count from the next request on.
    ///
    /// # Errors
    /// The app has no such secret.
    pub async fn revoke(
        &self,
        permit: &Permit<ManageServerSecrets>,
        id: ServerSecretId,
        occasion: Occasion,
    ) -> Result<(), AppError> {
        let (change, app) = self.store.begin_locked(permit.app()).await?;
        let secrets = server_secrets::list(change.transaction(), app.id).await?;
        let secret = secrets.iter().find(|secret| secret.id == id).ok_or(AppError::NotFound)?;
        server_secrets::delete(change.transaction(), id).await?;
        let event = event(permit, id, occasion)
            .with(json!({ "before": { "environment": secret.environment }, "after": null }));
        change.commit(event).await?;
        Ok(())
    }
}

fn event(permit: &Permit<ManageServerSecrets>, id: ServerSecretId, occasion: Occasion) -> Event {
    let target = Target::ServerSecret(permit.app(), id);
    Event::done(Actor::Person(permit.user()), ManageServerSecrets::NAME, target)
        .of(permit.organization())
        .during(occasion.request)
}
