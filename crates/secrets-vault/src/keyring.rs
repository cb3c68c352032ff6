//! The data keys, unwrapped as long as they are used.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::ConnectionTrait;
use cryptography::{KeyBytes, SealingKey};
use ids::DataKeyId;
use time::OffsetDateTime;

use crate::store::data_keys;
use crate::{Holder, MasterKeys, ProviderError, VaultError, place};

/// How many unwrapped keys are kept: about 20 MB. The next one makes room by dropping all.
const MOST_UNWRAPPED: usize = 20_000;
/// How often the current key is looked for again because it was replaced just then.
const ATTEMPTS: u32 = 5;

/// The data keys of all holders.
#[derive(Clone)]
pub struct Keyring {
    masters: MasterKeys,
    memory: Arc<Mutex<Memory>>,
}

/// What is in memory.
#[derive(Default)]
struct Memory {
    keys: HashMap<DataKeyId, Unwrapped>,
    /// Keys that were destroyed: whoever has read one's row before that puts none back.
    destroyed: HashSet<DataKeyId>,
}

/// A key in memory, and when it was used last.
struct Unwrapped {
    key: Arc<DataKey>,
    used: Instant,
}

/// A data key that seals and opens.
pub(crate) struct DataKey {
    pub(crate) id: DataKeyId,
    pub(crate) holder: Holder,
    pub(crate) key: SealingKey,
}

impl Keyring {
    /// Keys wrapped by these master keys.
    #[must_use]
    pub fn new(masters: MasterKeys) -> Self {
        Self { masters, memory: Arc::default() }
    }

    /// The master keys.
    pub(crate) fn masters(&self) -> &MasterKeys {
        &self.masters
    }

    /// The holder's current key, counting one seal with it in this transaction; the first one is made here.
    /// Until the transaction ends no other key takes over.
    pub(crate) async fn to_seal(
        &self,
        transaction: &impl ConnectionTrait,
        holder: Holder,
        now: OffsetDateTime,
    ) -> Result<Arc<DataKey>, VaultError> {
        for _ in 0..ATTEMPTS {
            if let Some(row) = data_keys::count_seal(transaction, holder).await? {
                return self.unwrap(row).await;
            }
            match data_keys::current_of(transaction, holder).await? {
                Some(row) if row.seals >= data_keys::MOST_SEALS => {
                    return Err(VaultError::KeyExhausted(row.id));
                }
                // It took over while its predecessor was waited for.
                Some(_) => {}
                None => {
                    let first = self.new_key(holder, now).await?;
                    data_keys::insert(transaction, &first).await?;
                }
            }
        }
        Err(VaultError::KeyReplaced)
    }

    /// The key with which a value was sealed; none if there is no such key any more.
    pub(crate) async fn to_open(
        &self,
        database: &impl ConnectionTrait,
        id: DataKeyId,
    ) -> Result<Option<Arc<DataKey>>, VaultError> {
        if let Some(known) = self.kept(id) {
            return Ok(Some(known));
        }
        match data_keys::find(database, id).await? {
            Some(row) => self.unwrap(row).await.map(Some),
            None => Ok(None),
        }
    }

    /// A new key for the holder, not in the store yet.
    pub(crate) async fn new_key(
        &self,
        holder: Holder,
        now: OffsetDateTime,
    ) -> Result<data_keys::Row, VaultError> {
        let id = DataKeyId::generate();
        let (place, key) = (place::of_data_key(id, holder), KeyBytes::generate()?);
        let wrapped = self.masters.current().wrap(&place, &key).await.map_err(VaultError::Provider)?;
        Ok(data_keys::Row { id, holder, wrapped, seals: 0, created_at: now })
    }

    /// Forgets an unwrapped key.
    pub(crate) fn forget(&self, id: DataKeyId) {
        self.memory().keys.remove(&id);
    }

    /// Forgets a key that is destroyed, and keeps it no more: somebody may be unwrapping it just now.
    pub(crate) fn forget_for_good(&self, id: DataKeyId) {
        let mut memory = self.memory();
        memory.keys.remove(&id);
        // Nobody has been unwrapping the older ones for so long.
        if memory.destroyed.len() >= MOST_UNWRAPPED {
            memory.destroyed.clear();
        }
        memory.destroyed.insert(id);
    }

    /// Forgets the unwrapped keys that were not used for so long: other processes destroy keys, too.
    pub fn forget_unused(&self, longest: Duration) {
        self.memory().keys.retain(|_, kept| kept.used.elapsed() < longest);
    }

    /// How many unwrapped keys are in memory.
    #[must_use]
    pub fn in_memory(&self) -> usize {
        self.memory().keys.len()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self, id: DataKeyId) -> Option<Arc<DataKey>> {
        let mut memory = self.memory();
        let kept = memory.keys.get_mut(&id)?;
        kept.used = Instant::now();
        Some(Arc::clone(&kept.key))
    }

    /// The key of a row, unwrapped once.
    pub(crate) async fn unwrap(&self, row: data_keys::Row) -> Result<Arc<DataKey>, VaultError> {
        if let Some(known) = self.kept(row.id) {
            // A row that was given to another holder after this process had unwrapped it.
            return if known.holder == row.holder { Ok(known) } else { Err(VaultError::KeyTampered(row.id)) };
        }
        let bytes = self.unwrapped_bytes(&row).await?;
        let key =
            Arc::new(DataKey { id: row.id, holder: row.holder, key: SealingKey::new(bytes.as_bytes()) });
        let mut memory = self.memory();
        if memory.keys.len() >= MOST_UNWRAPPED {
            memory.keys.clear();
        }
        if !memory.destroyed.contains(&row.id) {
            memory.keys.insert(row.id, Unwrapped { key: Arc::clone(&key), used: Instant::now() });
        }
        Ok(key)
    }

    /// The bytes of a wrapped key.
    pub(crate) async fn unwrapped_bytes(&self, row: &data_keys::Row) -> Result<KeyBytes, VaultError> {
        let Some(keeper) = self.masters.keeper(&row.wrapped.master_key) else {
            return Err(VaultError::MasterKeyUnknown {
                needed: row.wrapped.master_key.clone(),
                known: self.masters.known().await.join(", "),
                replaced: String::new(),
            });
        };
        keeper.unwrap(&place::of_data_key(row.id, row.holder), &row.wrapped).await.map_err(
            |error| match error {
                ProviderError::Refused => VaultError::KeyTampered(row.id),
                error => VaultError::Provider(error),
            },
        )
    }
}
