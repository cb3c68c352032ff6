//! The rotation of the master key: every data key is unwrapped with the master key it has and wrapped with the
//! current one. Values are not touched, and whoever has a data key in memory goes on using it.

use crate::rotation::{Broken, Proof, Rotation, RotationState};
use crate::rotation_work::Work;
use crate::store::{data_keys, key_rotations};
use crate::{ProviderError, VaultError, Wrapped, place};

impl Work<'_> {
    /// Works on the rotation until it ends.
    pub(crate) async fn rewrap(mut self) -> Result<Rotation, VaultError> {
        loop {
            // Whoever began it may have had another configuration, and a key management service may have made a new
            // version meanwhile: what wraps for this process now is what counts.
            self.rotation.successor = self.rotations.current_master().await?;
            key_rotations::set_successor(self.database(), self.turn, &self.rotation.successor).await?;
            let broken = self.rewrap_all().await?;
            if broken.number > 0 {
                return self.end(RotationState::Failed(broken), &[]).await;
            }
            let state = self.scan_keys().await?;
            // A server that was configured differently may have made a key meanwhile.
            if matches!(&state, RotationState::Finished(proof) if proof.left_with_former > 0) {
                continue;
            }
            return self.end(state, &[]).await;
        }
    }

    /// One pass over every data key that another master key wrapped. Answers what does not unwrap.
    async fn rewrap_all(&self) -> Result<Broken, VaultError> {
        let keyring = self.rotations.vault.keyring();
        let (mut broken, mut after) = (Broken::default(), None);
        loop {
            let rows = data_keys::page_not_under(
                self.database(),
                &self.rotation.successor,
                after,
                self.rotations.limits.batch,
            );
            let rows = rows.await?;
            let Some(last) = rows.last() else { return Ok(broken) };
            after = Some(last.id);
            for row in rows {
                let key = match keyring.unwrapped_bytes(&row).await {
                    Ok(key) => key,
                    Err(VaultError::KeyTampered(id)) => {
                        broken.add(&id);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let place = place::of_data_key(row.id, row.holder);
                let wrapped =
                    keyring.masters().current().wrap(&place, &key).await.map_err(VaultError::Provider)?;
                // One at a time: whoever seals counts in this row, and may hold others.
                let step = self.rotations.vault.store().begin_step().await?;
                key_rotations::keep(&step, self.turn(), 0).await?;
                let done = data_keys::rewrap(&step, &row, &wrapped).await?;
                key_rotations::keep(&step, self.turn(), u64::from(done)).await?;
                step.commit().await.map_err(VaultError::Store)?;
            }
        }
    }

    /// Unwraps every data key with the current master key, and tries every former one on it.
    async fn scan_keys(&self) -> Result<RotationState, VaultError> {
        let masters = self.rotations.vault.keyring().masters();
        let current = &self.rotation.successor;
        let (mut proof, mut broken, mut after) = (Proof::default(), Broken::default(), None);
        let mut former = Vec::new();
        // An earlier version of the current key is the same provider: it says itself which versions still unwrap.
        for provider in masters.former().filter(|provider| !provider.keeps(current)) {
            former.push((provider, provider.current().await.map_err(VaultError::Provider)?));
        }
        proof.former = former.iter().map(|(_, name)| name.clone()).collect();
        loop {
            let rows = data_keys::page(self.database(), after, self.rotations.limits.batch).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.id);
            for row in rows {
                if row.wrapped.master_key != *current {
                    continue;
                }
                let place = place::of_data_key(row.id, row.holder);
                match masters.current().unwrap(&place, &row.wrapped).await {
                    Ok(_) => proof.opened += 1,
                    Err(ProviderError::Refused) => broken.add(&row.id),
                    Err(error) => return Err(VaultError::Provider(error)),
                }
                for (provider, name) in &former {
                    proof.tried_with_former += 1;
                    let named = Wrapped { master_key: name.clone(), bytes: row.wrapped.bytes.clone() };
                    match provider.unwrap(&place, &named).await {
                        Ok(_) => {
                            proof.opened_with_former += 1;
                            broken.add(&row.id);
                        }
                        Err(ProviderError::Refused) => {}
                        Err(error) => return Err(VaultError::Provider(error)),
                    }
                }
            }
            self.keep().await?;
        }
        proof.left_with_former = data_keys::count_not_under(self.database(), current).await?;
        Ok(if broken.number > 0 { RotationState::Failed(broken) } else { RotationState::Finished(proof) })
    }
}
