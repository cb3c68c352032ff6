//! The keys that sign user tokens: made on first start, sealed in the store, rotated.

use std::sync::Arc;

use arc_swap::ArcSwap;
use audit::{Actor, Event, Journal, Target};
use cryptography::{SealError, SealingKey};
use ids::SigningKeyId;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use time::{Duration, OffsetDateTime};

use crate::IdentityError;
use crate::signing_key::{LEAD, PublishedKey, SigningKey, signer};
use crate::store::{self, Store, parsed};
use crate::user_token::LIFE as USER_TOKEN_LIFE;

/// How long a key is published after its last signature: the life of a token, and some skew.
const TRAIL: Duration = Duration::seconds(USER_TOKEN_LIFE + 120);
/// The audit trail's name for making a key.
const CREATE: &str = "signing_keys.create";

/// Every key that signs, has signed lately, or will sign soon. Never empty.
pub struct SigningKeys {
    store: Store,
    journal: Journal,
    seal: SealingKey,
    keys: ArcSwap<Keys>,
}

/// Oldest first, at least one.
pub(crate) struct Keys {
    first: Arc<SigningKey>,
    all: Vec<Arc<SigningKey>>,
}

impl SigningKeys {
    /// Reads the keys; makes the first one if there is none. `seal` is the key for the purpose
    /// "signing key".
    ///
    /// # Errors
    /// The store does not answer, or the keys were sealed with another master key.
    pub async fn open(
        store: Store,
        journal: Journal,
        seal: SealingKey,
        now: OffsetDateTime,
    ) -> Result<Self, IdentityError> {
        let mut keys = read(&store, &seal).await?;
        if keys.is_empty() {
            make(&journal, &seal, now, Predecessors::None).await?;
            keys = read(&store, &seal).await?;
        }
        let keys = Keys::new(keys)?;
        Ok(Self { store, journal, seal, keys: ArcSwap::from_pointee(keys) })
    }

    /// Makes another key. It is published at once and signs ten minutes later; the old one stays
    /// published until its last token has expired. `None` if another process has done so meanwhile.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn rotate(&self, now: OffsetDateTime) -> Result<Option<SigningKeyId>, IdentityError> {
        let known: Vec<SigningKeyId> = self.keys.load().all.iter().map(|key| key.id).collect();
        let made = make(&self.journal, &self.seal, now, Predecessors::Retired(&known)).await?;
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

    /// Reads the keys again. Another process may have made one: it has to be known here before it signs
    /// there, which is ten minutes later.
    async fn reload(&self) -> Result<(), IdentityError> {
        self.keys.store(Arc::new(Keys::new(read(&self.store, &self.seal).await?)?));
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
        let first = all.first().cloned().ok_or(IdentityError::Unreadable { table: "signing_keys" })?;
        Ok(Self { first, all })
    }
}

async fn read(store: &Store, seal: &SealingKey) -> Result<Vec<Arc<SigningKey>>, IdentityError> {
    let rows = store::signing_keys::all(&store.database).await?;
    rows.into_iter()
        .map(|row| {
            let id: SigningKeyId = parsed(&row.id, "signing_keys")?;
            let pkcs8 = seal.open(&place(id), &row.sealed_private_key)?;
            SigningKey::read(id, &pkcs8, row.created_at, row.retired_at)
                .filter(|key| key.pair.public_key().as_ref() == row.public_key)
                .map(Arc::new)
                .ok_or(IdentityError::Unreadable { table: "signing_keys" })
        })
        .collect()
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
    seal: &SealingKey,
    now: OffsetDateTime,
    predecessors: Predecessors<'_>,
) -> Result<Option<SigningKeyId>, IdentityError> {
    let id = SigningKeyId::generate();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| SealError)?;
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).map_err(|_| SealError)?;
    let change = journal.begin().await?;
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
        sealed_private_key: seal.seal(&place(id), pkcs8.as_ref())?,
        created_at: now,
        retired_at: None,
    };
    store::signing_keys::insert(change.transaction(), row).await?;
    change.commit(Event::done(Actor::System, CREATE, Target::SigningKey(id))).await?;
    Ok(Some(id))
}

fn place(id: SigningKeyId) -> Vec<u8> {
    format!("signing key/{id}").into_bytes()
}
