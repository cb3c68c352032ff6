//! Sealing and opening values.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::store::ConnectionTrait;
use audit::{Actor, Change, Event, Target};
use cryptography::{KeyBytes, RootKey, SecretBytes};
use ids::{DataKeyId, OrganizationId, SecretId};
use serde_json::json;
use time::OffsetDateTime;

use crate::store::{data_keys, key_rotations, sealed_values};
use crate::{Holder, Keyring, Kind, Owner, Store, VaultError, place};

/// How often a value is read again because its key was replaced between reading and opening.
const ATTEMPTS: u32 = 5;
/// The audit trail's name for making the root key.
const CREATE_ROOT: &str = "root_key.create";
/// The audit trail's name for a value that does not open.
const ALARM: &str = "vault.tampering_detected";

/// The vault. It takes no permits: those who keep values in it decide, and open only what they use.
#[derive(Clone)]
pub struct Vault {
    store: Store,
    keyring: Keyring,
    /// Values and keys that were reported already, so that one broken row does not fill the trail.
    reported: Arc<Mutex<HashSet<String>>>,
}

/// A value to keep.
#[derive(Clone, Copy, Debug)]
pub struct NewValue {
    /// Its identifier.
    pub id: SecretId,
    /// What it belongs to.
    pub owner: Owner,
    /// What it is.
    pub kind: Kind,
}

/// What was destroyed with an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destroyed {
    /// The data keys, without which nothing that was sealed with them opens again.
    pub keys: Vec<DataKeyId>,
    /// How many values were deleted.
    pub values: u64,
}

impl Vault {
    /// The vault in this store.
    #[must_use]
    pub fn new(store: Store, keyring: Keyring) -> Self {
        Self { store, keyring, reported: Arc::default() }
    }

    /// The data keys.
    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Unwraps the key that seals for this owner, before the change that seals begins: a master key that is far away
    /// keeps no transaction waiting. Only the first key of all is made, and wrapped, in the change that it first seals in.
    ///
    /// # Errors
    /// The store or the master key's provider does not answer.
    pub async fn prepare(&self, owner: Owner) -> Result<(), VaultError> {
        let holder = owner.holder();
        if let Some(row) = data_keys::current_of(self.store.database(), holder).await? {
            self.keyring.unwrap(row).await.inspect_err(|error| self.alarm_of_key(holder, error))?;
        }
        Ok(())
    }

    /// Keeps the owner's organization from going while a change is under way. Whoever locks rows of it before sealing
    /// locks it first, as its deletion does.
    ///
    /// # Errors
    /// It is gone, or the store does not answer.
    pub async fn keep_owner(&self, change: &Change, owner: Owner) -> Result<(), VaultError> {
        sealed_values::keep_organization(change.transaction(), owner).await
    }

    /// Seals a new value, within a change.
    ///
    /// # Errors
    /// The store or the master key's provider does not answer.
    pub async fn seal(
        &self,
        change: &Change,
        new: NewValue,
        value: &SecretBytes,
        now: OffsetDateTime,
    ) -> Result<(), VaultError> {
        sealed_values::keep_organization(change.transaction(), new.owner).await?;
        let row = self.sealed(change.transaction(), new, 1, value, now).await?;
        sealed_values::insert(change.transaction(), &row).await
    }

    /// Puts another value in the place of one, within a change. Answers its version.
    ///
    /// # Errors
    /// There is no such value; the store or the master key's provider does not answer.
    pub async fn replace(
        &self,
        change: &Change,
        place: NewValue,
        value: &SecretBytes,
        now: OffsetDateTime,
    ) -> Result<i64, VaultError> {
        let NewValue { id, owner, kind } = place;
        sealed_values::keep_organization(change.transaction(), owner).await?;
        let before = sealed_values::lock(change.transaction(), id, owner, kind).await?;
        let version = before.ok_or(VaultError::NotFound)?.version + 1;
        let row = self.sealed(change.transaction(), place, version, value, now).await?;
        sealed_values::update(change.transaction(), &row).await?;
        Ok(version)
    }

    /// Deletes a value, within a change.
    ///
    /// # Errors
    /// There is no such value, or the store does not answer.
    pub async fn delete(&self, change: &Change, id: SecretId) -> Result<(), VaultError> {
        sealed_values::delete(change.transaction(), id).await
    }

    /// The value, for whoever knows what it has to be.
    ///
    /// # Errors
    /// There is no such value of this owner and kind; it was changed or moved, which the audit trail then says; the
    /// store or the master key's provider does not answer.
    pub async fn open(&self, id: SecretId, owner: Owner, kind: Kind) -> Result<SecretBytes, VaultError> {
        self.open_in(self.store.database(), id, owner, kind).await
    }

    /// What [`Vault::open`] does, in a transaction or beside one.
    ///
    /// # Errors
    /// As there.
    pub async fn open_in(
        &self,
        database: &impl ConnectionTrait,
        id: SecretId,
        owner: Owner,
        kind: Kind,
    ) -> Result<SecretBytes, VaultError> {
        Ok(self.open_version_in(database, id, owner, kind).await?.1)
    }

    /// What [`Vault::open`] does, and which version it was.
    pub(crate) async fn open_version(
        &self,
        id: SecretId,
        owner: Owner,
        kind: Kind,
    ) -> Result<(i64, SecretBytes), VaultError> {
        self.open_version_in(self.store.database(), id, owner, kind).await
    }

    async fn open_version_in(
        &self,
        database: &impl ConnectionTrait,
        id: SecretId,
        owner: Owner,
        kind: Kind,
    ) -> Result<(i64, SecretBytes), VaultError> {
        let alarm = |reason| self.alarm(owner.holder(), Target::Secret(id), &id.to_string(), reason);
        let mut missing = None;
        for _ in 0..ATTEMPTS {
            let row = match sealed_values::find(database, id).await {
                Err(error @ VaultError::Unreadable(_)) => {
                    alarm("the row of the sealed value cannot be read");
                    return Err(error);
                }
                row => row?.ok_or(VaultError::NotFound)?,
            };
            if (row.owner, row.kind) != (owner, kind) {
                alarm("the row of the sealed value says that it is another's, or something else");
                return Err(VaultError::Tampered(id));
            }
            let key = match self.keyring.to_open(database, row.data_key).await {
                Ok(Some(key)) => key,
                // The store keeps a key for as long as a row names it.
                Ok(None) if missing == Some(row.data_key) => {
                    alarm("the data key of the sealed value is gone");
                    return Err(VaultError::Tampered(id));
                }
                // The value was sealed again, with the key's successor, after the row was read.
                Ok(None) => {
                    missing = Some(row.data_key);
                    continue;
                }
                Err(error @ VaultError::KeyTampered(_)) => {
                    alarm("the data key of the sealed value does not unwrap where it is");
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            let place = place::of_value(id, owner, kind, row.version, key.id);
            return match key.key.open(&place, &row.sealed) {
                Ok(value) => Ok((row.version, value)),
                Err(_) => {
                    alarm("the sealed value does not open where it is");
                    Err(VaultError::Tampered(id))
                }
            };
        }
        Err(VaultError::KeyReplaced)
    }

    /// Destroys the keys and values of an organization, within the change that deletes it. Backups that were
    /// made before still hold both.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn destroy(
        &self,
        change: &Change,
        organization: OrganizationId,
    ) -> Result<Destroyed, VaultError> {
        let holder = Holder::Organization(organization);
        // First, as every step of a rotation takes it first: one that is under way ends here.
        key_rotations::delete_of(change.transaction(), holder).await?;
        let values = sealed_values::delete_of(change.transaction(), organization).await?;
        let keys = data_keys::delete_of(change.transaction(), holder).await?;
        for key in &keys {
            self.keyring.forget_for_good(*key);
        }
        Ok(Destroyed { keys, values })
    }

    /// The root of the platform's own keys; made at the first start. Refuses to make one when the store has
    /// data keys that no configured master key unwraps.
    ///
    /// # Errors
    /// A master key is missing or wrong, or the store does not answer.
    pub async fn root_key(&self, now: OffsetDateTime) -> Result<RootKey, VaultError> {
        if let Some(known) = self.known_root_key().await? {
            return Ok(known);
        }
        let change = self.store.journal().begin().await?;
        // Looked for first: the root is the first value that it seals, in the transaction that makes it.
        let key = data_keys::current_of(change.transaction(), Holder::Platform).await?;
        if let Some(id) = sealed_values::find_root(change.transaction()).await? {
            drop(change);
            return self.open_root(id).await;
        }
        // It was here, and every session and server secret hangs on it.
        if key.is_some_and(|key| key.seals > 0) {
            return Err(VaultError::RootKeyGone);
        }
        let new = NewValue { id: SecretId::generate(), owner: Owner::Platform, kind: Kind::RootKey };
        let bytes = KeyBytes::generate()?;
        self.seal(&change, new, &SecretBytes::copy_of(bytes.as_bytes()), now).await?;
        change.commit(Event::done(Actor::System, CREATE_ROOT, Target::Secret(new.id))).await?;
        Ok(RootKey::new(bytes))
    }

    /// The root of the platform's own keys, if there was ever a start.
    ///
    /// # Errors
    /// It was there and is gone; a master key is missing or wrong; the store does not answer.
    pub async fn known_root_key(&self) -> Result<Option<RootKey>, VaultError> {
        self.check_master_keys().await?;
        let database = self.store.database();
        // Looked for first, as in `root_key`.
        let was_used =
            data_keys::of_holder(database, Holder::Platform).await?.iter().any(|key| key.seals > 0);
        match sealed_values::find_root(database).await? {
            Some(id) => self.open_root(id).await.map(Some),
            // It was here, and every session and server secret hangs on it.
            None if was_used => Err(VaultError::RootKeyGone),
            None => Ok(None),
        }
    }

    async fn open_root(&self, id: SecretId) -> Result<RootKey, VaultError> {
        let value = self.open(id, Owner::Platform, Kind::RootKey).await?;
        let bytes = KeyBytes::from_slice(value.reveal()).ok_or(VaultError::Tampered(id))?;
        Ok(RootKey::new(bytes))
    }

    async fn sealed(
        &self,
        transaction: &impl ConnectionTrait,
        new: NewValue,
        version: i64,
        value: &SecretBytes,
        now: OffsetDateTime,
    ) -> Result<sealed_values::Row, VaultError> {
        let NewValue { id, owner, kind } = new;
        let key = self.keyring.to_seal(transaction, owner.holder(), now).await;
        let key = key.inspect_err(|error| self.alarm_of_key(owner.holder(), error))?;
        let sealed = key.key.seal(&place::of_value(id, owner, kind, version, key.id), value.reveal())?;
        Ok(sealed_values::Row { id, owner, kind, version, data_key: key.id, sealed, updated_at: now })
    }

    fn alarm_of_key(&self, holder: Holder, error: &VaultError) {
        if let VaultError::KeyTampered(key) = error {
            let reason = "the data key does not unwrap where it is";
            self.alarm(holder, Target::DataKey(*key), &key.to_string(), reason);
        }
    }

    /// Says that a value opened and is not what whoever keeps it had kept: its row was given another value's place.
    /// Tells the operator and the audit trail as of a value that does not open.
    #[must_use]
    pub fn swapped(&self, id: SecretId, owner: Owner) -> VaultError {
        let reason = "the value opens and is not what was kept there";
        self.alarm(owner.holder(), Target::Secret(id), &id.to_string(), reason);
        VaultError::Tampered(id)
    }

    /// Tells the operator and the audit trail, once for each value or key and process.
    pub(crate) fn alarm(&self, holder: Holder, target: Target, id: &str, reason: &'static str) {
        if !self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()) {
            return;
        }
        tracing::error!(id, reason, "the vault was changed outside of the platform");
        let event = Event::refused(Actor::System, ALARM, target).with(json!({ "reason": reason }));
        let event = match holder {
            Holder::Organization(organization) => event.of(organization),
            Holder::Platform => event,
        };
        let journal = self.store.journal().clone();
        // Beside the request: on SQLite the caller may hold the only transaction.
        tokio::spawn(async move {
            if let Err(error) = journal.record(&event).await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the alarm is missing from the audit trail"
                );
            }
        });
    }
}
