//! The keys that sign user tokens: made on first start, kept in the vault, rotated, deleted when their last
//! token has expired.

use std::sync::Arc;

use arc_swap::ArcSwap;
use audit::{Actor, Event, Journal, Target};
use cryptography::{KeyBytes, SealError, SecretBytes};
use ids::{SecretId, SigningKeyId};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use secrets_vault::{Kind, NewValue, Owner, Vault, VaultError};
use time::{Duration, OffsetDateTime};

use crate::IdentityError;
use crate::signing_key::{LEAD, PublishedKey, SigningKey, signer};
use crate::store::{self, Store, parsed};
use crate::user_token::LIFE as USER_TOKEN_LIFE;

/// How long a key is published after its last signature: the life of a token, and some skew.
const TRAIL: Duration = Duration::seconds(USER_TOKEN_LIFE + 120);
/// The audit trail's name for making a key.
const CREATE: &str = "signing_keys.create";
/// The audit trail's name for deleting a key that signs nothing any more.
const DELETE: &str = "signing_keys.delete";
const TABLE: &str = "signing_keys";

/// Every key that signs, has signed lately, or will sign soon. Never empty.
pub struct SigningKeys {
    store: Store,
    journal: Journal,
    vault: Vault,
    keys: ArcSwap<Keys>,
}

/// Oldest first, at least one.
pub(crate) struct Keys {
    first: Arc<SigningKey>,
    all: Vec<Arc<SigningKey>>,
}

impl SigningKeys {
    /// Reads the keys; makes the first one if there is none.
    ///
    /// # Errors
    /// The store does not answer, or the vault does not open the keys.
    pub async fn open(
        store: Store,
        journal: Journal,
        vault: Vault,
        now: OffsetDateTime,
    ) -> Result<Self, IdentityError> {
        let mut keys = read(&store, &vault).await?;
        if keys.is_empty() {
            make(&journal, &vault, now, Predecessors::None).await?;
            keys = read(&store, &vault).await?;
        }
        let keys = Keys::new(keys)?;
        Ok(Self { store, journal, vault, keys: ArcSwap::from_pointee(keys) })
    }

    /// Makes another key. It is published at once and signs ten minutes later; the old one stays
    /// published until its last token has expired. `None` if another process has done so meanwhile.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn rotate(&self, now: OffsetDateTime) -> Result<Option<SigningKeyId>, IdentityError> {
        let known: Vec<SigningKeyId> = self.keys.load().all.iter().map(|key| key.id).collect();
        let made = make(&self.journal, &self.vault, now, Predecessors::Retired(&known)).await?;
        self.reload().await?;
        Ok(made)
    }

    /// Makes another key if the newest one is older than this.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn rotate_after(
        &self,
        age: Duration,
        now: OffsetDateTime,
    ) -> Result<Option<SigningKeyId>, IdentityError> {
        self.reload().await?;
        if now - self.newest_created_at() <= age {
            return Ok(None);
        }
        self.rotate(now).await
    }

    /// Deletes the keys whose last token has expired, with their private halves. Answers which those were.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn delete_ended(&self, now: OffsetDateTime) -> Result<Vec<SigningKeyId>, IdentityError> {
        let keys = self.keys.load_full();
        let ended: Vec<_> = keys.all.iter().filter(|key| !key.is_published(TRAIL, now)).collect();
        if ended.is_empty() {
            return Ok(Vec::new());
        }
        let change = self.journal.begin().await?;
        let (mut deleted, mut events) = (Vec::new(), Vec::new());
        for key in ended {
            // Another process may have been faster.
            if store::signing_keys::delete(change.transaction(), key.id).await? {
                self.vault.delete(&change, key.secret).await?;
                events.push(Event::done(Actor::System, DELETE, Target::SigningKey(key.id)));
                deleted.push(key.id);
            }
        }
        change.commit_all(events).await?;
        self.reload().await?;
        Ok(deleted)
    }

    /// Reads the keys again. Another process may have made one: it has to be known here before it signs
    /// there, which is ten minutes later.
    ///
    /// # Errors
    /// The store does not answer, or a key cannot be opened.
    pub async fn reload(&self) -> Result<(), IdentityError> {
        self.keys.store(Arc::new(Keys::new(read(&self.store, &self.vault).await?)?));
        Ok(())
    }

    /// The public keys as they are published now.
    #[must_use]
    pub fn published(&self, now: OffsetDateTime) -> Vec<PublishedKey> {
        let keys = self.keys.load();
        keys.all.iter().filter(|key| key.is_published(TRAIL, now)).map(|key| key.published()).collect()
    }

    fn newest_created_at(&self) -> OffsetDateTime {
        let keys = self.keys.load();
        keys.all.last().map_or(keys.first.created_at, |key| key.created_at)
    }

    pub(crate) fn signing(&self, now: OffsetDateTime) -> Arc<SigningKey> {
        let keys = self.keys.load();
        let chosen = keys.all.get(signer(&keys.all, now));
        Arc::clone(chosen.unwrap_or(&keys.first))
    }

    pub(crate) fn verifying(&self, id: SigningKeyId, now: OffsetDateTime) -> Option<Arc<SigningKey>> {
        let keys = self.keys.load();
        keys.all.iter().find(|key| key.id == id && key.is_published(TRAIL, now)).cloned()
    }
}

impl Keys {
    fn new(all: Vec<Arc<SigningKey>>) -> Result<Self, IdentityError> {
        let first = all.first().cloned().ok_or(IdentityError::Unreadable { table: TABLE })?;
        Ok(Self { first, all })
    }
}

async fn read(store: &Store, vault: &Vault) -> Result<Vec<Arc<SigningKey>>, IdentityError> {
    let mut keys = Vec::new();
    for row in store::signing_keys::all(&store.database).await? {
        let (id, secret) = (parsed(&row.id, TABLE)?, parsed(&row.secret_id, TABLE)?);
        let seed = match vault.open(secret, Owner::Platform, Kind::UserTokenKey).await {
            Ok(seed) => seed,
            // Its last token has expired, and another process deleted it after the row was read.
            Err(VaultError::NotFound) => continue,
            Err(error) => return Err(error.into()),
        };
        let key = SigningKey::read(id, secret, &seed, &row.public_key, row.created_at, row.retired_at);
        keys.push(Arc::new(key.ok_or(IdentityError::Unreadable { table: TABLE })?));
    }
    Ok(keys)
}

/// The keys that a new one takes over from.
enum Predecessors<'a> {
    /// It is the first.
    None,
    /// These: they sign no more as soon as the new one does.
    Retired(&'a [SigningKeyId]),
}

/// `None` if another process was faster.
async fn make(
    journal: &Journal,
    vault: &Vault,
    now: OffsetDateTime,
    predecessors: Predecessors<'_>,
) -> Result<Option<SigningKeyId>, IdentityError> {
    let (id, secret) = (SigningKeyId::generate(), SecretId::generate());
    let seed = KeyBytes::generate()?;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_bytes()).map_err(|_| SealError)?;
    vault.prepare(Owner::Platform).await?;
    let change = journal.begin().await?;
    // First, since one process at a time seals under the platform's key: the next one sees this key.
    let new = NewValue { id: secret, owner: Owner::Platform, kind: Kind::UserTokenKey };
    vault.seal(&change, new, &SecretBytes::copy_of(seed.as_bytes()), now).await?;
    let first_come = match predecessors {
        Predecessors::None => store::signing_keys::all(change.transaction()).await?.is_empty(),
        Predecessors::Retired(known) => {
            store::signing_keys::retire(change.transaction(), known, now + LEAD).await? > 0
        }
    };
    if !first_come {
        return Ok(None);
    }
    let row = store::signing_keys::Model {
        id: id.to_string(),
        public_key: pair.public_key().as_ref().to_vec(),
        secret_id: secret.to_string(),
        created_at: now,
        retired_at: None,
    };
    store::signing_keys::insert(change.transaction(), row).await?;
    change.commit(Event::done(Actor::System, CREATE, Target::SigningKey(id))).await?;
    Ok(Some(id))
}
