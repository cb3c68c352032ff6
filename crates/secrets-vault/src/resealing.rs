//! The rotation of a holder's data key: every value is opened with the key it has and sealed with the successor,
//! while others read and write; then everything is looked at once more.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::Target;
use cryptography::SecretBytes;
use ids::{DataKeyId, SecretId};

use crate::keyring::DataKey;
use crate::rotation::{Broken, Proof, Rotation, RotationState};
use crate::rotation_work::Work;
use crate::store::{data_keys, key_rotations, sealed_values};
use crate::{Holder, VaultError, place};

/// How long to wait for values that somebody else is changing.
const OTHERS_TURN: Duration = Duration::from_millis(20);

/// The keys of a rotation.
struct Keys {
    successor: Arc<DataKey>,
    /// Those that unwrap, oldest first.
    former: Vec<Arc<DataKey>>,
    /// All former ones.
    former_ids: Vec<DataKeyId>,
}

impl Work<'_> {
    /// Works on the rotation until it ends.
    pub(crate) async fn reseal(self, holder: Holder) -> Result<Rotation, VaultError> {
        let Some(mut keys) = self.keys(holder).await? else { return self.end_without_successor().await };
        loop {
            let broken = self.reseal_all(&keys).await?;
            if !broken.is_empty() {
                let mut named = Broken::default();
                broken.iter().for_each(|id| named.add(id));
                return self.end(RotationState::Failed(named), &[]).await;
            }
            if sealed_values::count_under(self.database(), &keys.former_ids).await? > 0 {
                // Somebody was changing them just then.
                tokio::time::sleep(OTHERS_TURN).await;
                continue;
            }
            // The former keys go: what is left has to open with the successor as it is stored.
            match self.stored(holder, keys.successor.id).await? {
                Some(stored) => keys.successor = stored,
                None => return self.end_without_successor().await,
            }
            let state = self.scan(holder, &keys).await?;
            let former = keys.former_ids.clone();
            return self.end(state, &former).await;
        }
    }

    /// None, with an alarm, if there is no key to go on with.
    async fn keys(&self, holder: Holder) -> Result<Option<Keys>, VaultError> {
        let keyring = self.rotations.vault.keyring();
        let current = data_keys::current_of(self.database(), holder).await?.ok_or(VaultError::TurnLost)?;
        // The rotation's row could name a key of somebody else, or one that is about to be destroyed.
        if current.id.to_string() != self.rotation.successor {
            self.alarm_of_key(holder, current.id, "a rotation names another successor than the current key");
            return Ok(None);
        }
        let Some(successor) = self.stored(holder, current.id).await? else { return Ok(None) };
        let (mut former, mut former_ids) = (Vec::new(), Vec::new());
        for row in data_keys::former_of(self.database(), holder).await? {
            former_ids.push(row.id);
            match keyring.to_open(self.database(), row.id).await {
                Ok(key) => former.extend(key),
                // What is sealed with it is broken, and is named; without any, nothing is lost with it.
                Err(VaultError::KeyTampered(id)) => tracing::error!(key = %id, "a data key does not unwrap"),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Keys { successor, former, former_ids }))
    }

    /// The key as it is stored now, whatever this process remembers. None, with an alarm, if it does not unwrap.
    async fn stored(&self, holder: Holder, id: DataKeyId) -> Result<Option<Arc<DataKey>>, VaultError> {
        let keyring = self.rotations.vault.keyring();
        keyring.forget(id);
        match keyring.to_open(self.database(), id).await {
            Ok(key) => Ok(Some(key.ok_or(VaultError::TurnLost)?)),
            Err(VaultError::KeyTampered(_)) => {
                self.alarm_of_key(holder, id, "the data key does not unwrap where it is");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn alarm_of_key(&self, holder: Holder, id: DataKeyId, reason: &'static str) {
        self.rotations.vault.alarm(holder, Target::DataKey(id), &id.to_string(), reason);
    }

    async fn end_without_successor(self) -> Result<Rotation, VaultError> {
        let mut broken = Broken::default();
        broken.add(&self.rotation.successor);
        self.end(RotationState::Failed(broken), &[]).await
    }

    /// One pass over everything that is sealed with a former key. Answers what does not open.
    async fn reseal_all(&self, keys: &Keys) -> Result<Vec<SecretId>, VaultError> {
        let mut broken = Vec::new();
        for id in &keys.former_ids {
            let former = keys.former.iter().find(|key| key.id == *id);
            let mut after = None;
            loop {
                let began = Instant::now();
                let batch = self.rotations.limits.batch;
                let rows = sealed_values::page_under(self.database(), *id, after, batch).await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.id);
                broken.extend(self.reseal_batch(former, &keys.successor, rows).await?);
                // As long for those who write meanwhile: SQLite gives no turns to who waits.
                tokio::time::sleep(began.elapsed()).await;
            }
        }
        Ok(broken)
    }

    async fn reseal_batch(
        &self,
        former: Option<&Arc<DataKey>>,
        successor: &DataKey,
        rows: Vec<sealed_values::Row>,
    ) -> Result<Vec<SecretId>, VaultError> {
        let (mut opened, mut broken) = (Vec::new(), Vec::new());
        for row in rows {
            match former.and_then(|key| open(key, &row, key.id)) {
                Some(value) => opened.push((row, value)),
                None => {
                    self.alarm(&row);
                    broken.push(row.id);
                }
            }
        }
        let seals = i64::try_from(opened.len()).unwrap_or(i64::MAX);
        if seals > 0 && !data_keys::count_seals(self.database(), successor.id, seals).await? {
            // Or it was destroyed with its organization.
            let there = data_keys::find(self.database(), successor.id).await?.is_some();
            return Err(if there { VaultError::KeyExhausted(successor.id) } else { VaultError::TurnLost });
        }
        let mut sealed = Vec::new();
        for (row, value) in opened {
            let place = place::of_value(row.id, row.owner, row.kind, row.version, successor.id);
            let bytes = successor.key.seal(&place, value.reveal())?;
            sealed.push((row, bytes));
        }
        let step = self.rotations.vault.store().begin_step().await?;
        key_rotations::keep(&step, self.turn(), 0).await?;
        // Whoever changes one of the others right now seals it with the successor, or it comes again.
        let free: HashSet<SecretId> =
            sealed_values::lock_free(&step, sealed.iter().map(|(row, _)| row.id)).await?;
        let mut done = 0;
        for (row, bytes) in sealed {
            if free.contains(&row.id) && sealed_values::reseal(&step, &row, successor.id, bytes).await? {
                done += 1;
            }
        }
        key_rotations::keep(&step, self.turn(), done).await?;
        step.commit().await.map_err(VaultError::Store)?;
        Ok(broken)
    }

    fn alarm(&self, row: &sealed_values::Row) {
        let reason = "the sealed value opens with no key of its holder";
        self.rotations.vault.alarm(row.owner.holder(), Target::Secret(row.id), &row.id.to_string(), reason);
    }

    /// Opens everything that the holder has with the successor, and tries every former key on it.
    async fn scan(&self, holder: Holder, keys: &Keys) -> Result<RotationState, VaultError> {
        let mut proof =
            Proof { former: keys.former_ids.iter().map(ToString::to_string).collect(), ..Proof::default() };
        let (mut broken, mut after) = (Broken::default(), None);
        loop {
            let rows =
                sealed_values::page_of(self.database(), holder, after, self.rotations.limits.batch).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            for row in rows {
                if row.data_key == keys.successor.id
                    && open(&keys.successor, &row, keys.successor.id).is_some()
                {
                    proof.opened += 1;
                } else {
                    self.alarm(&row);
                    broken.add(&row.id);
                }
                for former in &keys.former {
                    proof.tried_with_former += 1;
                    // In the place it has now, and in the one it had.
                    if open(former, &row, keys.successor.id)
                        .or_else(|| open(former, &row, former.id))
                        .is_some()
                    {
                        proof.opened_with_former += 1;
                        broken.add(&row.id);
                    }
                }
            }
            self.keep().await?;
        }
        proof.left_with_former = sealed_values::count_under(self.database(), &keys.former_ids).await?;
        Ok(if broken.number > 0 { RotationState::Failed(broken) } else { RotationState::Finished(proof) })
    }
}

/// The value of a row, if this key opens it where it would be if it were sealed with that one.
fn open(key: &DataKey, row: &sealed_values::Row, sealed_with: DataKeyId) -> Option<SecretBytes> {
    let place = place::of_value(row.id, row.owner, row.kind, row.version, sealed_with);
    key.key.open(&place, &row.sealed).ok()
}
