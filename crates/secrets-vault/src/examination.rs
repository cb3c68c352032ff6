//! Whether the master keys are the right ones, and whether what is stored still opens.

use ids::DataKeyId;
use time::OffsetDateTime;

use crate::store::{data_keys, key_rotations, master_keys, sealed_values};
use crate::{Holder, Rotation, Store, Vault, VaultError, place};

/// How many data keys of one master key are tried until one opens.
const PROBES: u64 = 16;

/// A master key that data keys name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyInUse {
    /// Its name.
    pub name: String,
    /// How many data keys it wrapped.
    pub data_keys: i64,
}

/// A data key as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKeyState {
    /// Which.
    pub id: DataKeyId,
    /// Whose.
    pub holder: Holder,
    /// How often it sealed.
    pub seals: i64,
    /// How many values are sealed with it.
    pub values: i64,
    /// Since when another one seals.
    pub retired_at: Option<OffsetDateTime>,
}

/// What became of a value's ciphertext in the place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapTest {
    /// Two values opened where they are, and neither in the place of the other.
    Refused,
    /// One opened in the place of the other.
    Opened,
    /// There are not two values to try it with; what there is opened where it is and nowhere else.
    OneValue,
    /// There is no value.
    NoValue,
}

impl Store {
    /// The master keys that data keys name.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn master_keys_in_use(&self) -> Result<Vec<MasterKeyInUse>, VaultError> {
        let counted = data_keys::wrapping_master_keys(self.database()).await?;
        Ok(counted.into_iter().map(|(name, data_keys)| MasterKeyInUse { name, data_keys }).collect())
    }

    /// Every data key.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn data_key_states(&self) -> Result<Vec<DataKeyState>, VaultError> {
        data_keys::states(self.database()).await
    }
}

impl Vault {
    /// Whether the configured master keys are those that wrapped the data keys in the store: one is known for
    /// each, opens what names it, and opens the platform's own keys. Changes nothing.
    ///
    /// # Errors
    /// They are not, and which one is needed.
    pub async fn check_master_keys(&self) -> Result<(), VaultError> {
        let (database, masters) = (self.store().database(), self.keyring().masters());
        let wrapping = data_keys::wrapping_master_keys(database).await?;
        let missing: Vec<_> =
            wrapping.keys().filter(|name| masters.keeper(name).is_none()).cloned().collect();
        if !missing.is_empty() {
            let known = masters.known().await;
            let mut replaced = Vec::new();
            for name in known.iter().filter(|name| !wrapping.contains_key(*name)) {
                if master_keys::ever_used(database, name).await? {
                    replaced.push(name.clone());
                }
            }
            return Err(VaultError::MasterKeyUnknown {
                needed: missing.join(", "),
                known: known.join(", "),
                replaced: replaced.join(", "),
            });
        }
        for name in wrapping.keys() {
            if !self.opens_one_of(data_keys::wrapped_by(database, name, PROBES).await?).await? {
                return Err(VaultError::MasterKeyWrong(name.clone()));
            }
        }
        for row in data_keys::of_holder(database, Holder::Platform).await? {
            self.keyring().unwrapped_bytes(&row).await?;
        }
        Ok(())
    }

    /// The latest rotation of each key, where it is under way or failed.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn unfinished_rotations(&self) -> Result<Vec<Rotation>, VaultError> {
        key_rotations::unfinished(self.store().database()).await
    }

    async fn opens_one_of(&self, rows: Vec<data_keys::Row>) -> Result<bool, VaultError> {
        for row in rows {
            match self.keyring().unwrapped_bytes(&row).await {
                Ok(_) => return Ok(true),
                Err(VaultError::KeyTampered(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Whether this data key unwraps.
    ///
    /// # Errors
    /// The store or the master key's provider does not answer, or no master key is configured for it.
    pub async fn unwraps(&self, id: DataKeyId) -> Result<bool, VaultError> {
        let Some(row) = data_keys::find(self.store().database(), id).await? else {
            return Ok(true);
        };
        self.opens_one_of(vec![row]).await
    }

    /// Tries two values of the store, in memory, each where it is and in the place of the other.
    ///
    /// # Errors
    /// The store or the master key's provider does not answer, or one does not open where it is.
    pub async fn try_swap(&self) -> Result<SwapTest, VaultError> {
        let rows = sealed_values::any_two(self.store().database()).await?;
        let mut opened = false;
        for row in &rows {
            if !self.opens_at(row, row).await? {
                return Err(VaultError::Tampered(row.id));
            }
            // The same row, as if it were the next version.
            let next = sealed_values::Row { version: row.version + 1, ..row.clone() };
            opened |= self.opens_at(row, &next).await?;
            for other in rows.iter().filter(|other| other.id != row.id) {
                opened |= self.opens_at(row, other).await?;
            }
        }
        Ok(match rows.len() {
            _ if opened => SwapTest::Opened,
            0 => SwapTest::NoValue,
            1 => SwapTest::OneValue,
            _ => SwapTest::Refused,
        })
    }

    /// Whether the ciphertext of one row opens with its own key at the place of another.
    async fn opens_at(&self, row: &sealed_values::Row, at: &sealed_values::Row) -> Result<bool, VaultError> {
        let key = self.keyring().to_open(self.store().database(), row.data_key).await?;
        let key = key.ok_or(VaultError::KeyReplaced)?;
        let place = place::of_value(at.id, at.owner, at.kind, at.version, row.data_key);
        Ok(key.key.open(&place, &row.sealed).is_ok())
    }
}
