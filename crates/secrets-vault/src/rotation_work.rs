//! Working on rotations that are under way, by one process at a time, from rows alone: whoever takes one over
//! needs to know nothing of whoever worked on it before.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ids::{KeyRotationId, LeaseId};
use tokio::task::JoinSet;

use crate::rotation::{Rotation, RotationState, Subject};
use crate::rotations::end_event;
use crate::store::key_rotations::{self, Turn};
use crate::store::{DatabaseConnection, data_keys};
use crate::{KeyRotations, VaultError};

/// How often is looked for rotations that other processes started or left.
const POLL: Duration = Duration::from_secs(2);
/// How often is looked for keys that are due, in polls.
const POLLS_PER_ROUND: u32 = 150;
/// How many rotations a process works on at once, so that a large organization does not hold up the others.
const AT_ONCE: usize = 4;
/// How long a key that nobody uses stays unwrapped in memory: as long, at most, does a process keep a key that
/// another one destroyed.
const LONGEST_UNUSED: Duration = Duration::from_secs(600);

/// One process's work on one rotation.
pub(crate) struct Work<'a> {
    pub(crate) rotations: &'a KeyRotations,
    pub(crate) rotation: Rotation,
    pub(crate) turn: Turn,
}

impl KeyRotations {
    /// Works on a rotation until it ends. `None` if another process has it to itself, or it has ended.
    ///
    /// # Errors
    /// The store or the master key's provider does not answer; the rotation waits for whoever comes next.
    pub async fn work(&self, id: KeyRotationId) -> Result<Option<Rotation>, VaultError> {
        let database = self.vault.store().database();
        let now = clock::now();
        let turn = Turn { rotation: id, lease: LeaseId::generate(), until: now + self.limits.lease };
        if !key_rotations::claim(database, turn, now).await? {
            return Ok(None);
        }
        let rotation = key_rotations::find(database, id).await?.ok_or(VaultError::TurnLost)?;
        let work = Work { rotations: self, rotation, turn };
        let worked = match work.rotation.subject {
            Subject::KeyOf(holder) => work.reseal(holder).await,
            Subject::MasterKey => work.rewrap().await,
        };
        if worked.is_err() {
            // The lease would end by itself, a little later.
            let _ = key_rotations::release(database, turn).await;
        }
        worked.map(Some)
    }

    /// Works on rotations of data keys, whoever started them, starts those that are due, and forgets keys that nobody
    /// uses, until it is dropped. Rotations of the master key are left to the operator's command, which knows the
    /// configuration that they are for.
    pub async fn run(self) {
        let mut working = JoinSet::new();
        let under_work = Arc::<Mutex<HashSet<KeyRotationId>>>::default();
        let mut polls = 0;
        loop {
            if polls % POLLS_PER_ROUND == 0 {
                self.vault.keyring().forget_unused(LONGEST_UNUSED);
                warn(self.begin_due(clock::now()).await);
            }
            polls = polls.wrapping_add(1);
            while working.try_join_next().is_some() {}
            let free = AT_ONCE.saturating_sub(working.len());
            for rotation in warn(self.waiting().await).unwrap_or_default().into_iter().take(free) {
                let (rotations, under_work) = (self.clone(), Arc::clone(&under_work));
                if !locked(&under_work).insert(rotation.id) {
                    continue;
                }
                working.spawn(async move {
                    warn(rotations.work(rotation.id).await);
                    locked(&under_work).remove(&rotation.id);
                });
            }
            let _ = tokio::time::timeout(POLL, self.started.notified()).await;
        }
    }

    /// Rotations of data keys that no process works on.
    async fn waiting(&self) -> Result<Vec<Rotation>, VaultError> {
        let now = clock::now();
        let mut waiting = self.all_under_way().await?;
        waiting.retain(|rotation| rotation.subject != Subject::MasterKey && rotation.leased_until <= now);
        Ok(waiting)
    }
}

impl Work<'_> {
    pub(crate) fn database(&self) -> &DatabaseConnection {
        self.rotations.vault.store().database()
    }

    /// The turn, from now on.
    pub(crate) fn turn(&self) -> Turn {
        Turn { until: clock::now() + self.rotations.limits.lease, ..self.turn }
    }

    /// Keeps the turn while something is looked at.
    pub(crate) async fn keep(&self) -> Result<(), VaultError> {
        key_rotations::keep(self.database(), self.turn(), 0).await
    }

    /// Ends the rotation, and destroys the former data keys if it succeeded.
    pub(crate) async fn end(
        mut self,
        state: RotationState,
        former: &[ids::DataKeyId],
    ) -> Result<Rotation, VaultError> {
        let now = clock::now();
        let change = self.rotations.vault.store().journal().begin().await?;
        key_rotations::end(change.transaction(), self.turn, &state, now).await?;
        if matches!(state, RotationState::Finished(_)) {
            // The store refuses while a value is sealed with one.
            for key in former {
                data_keys::destroy(change.transaction(), *key).await?;
            }
        }
        change.commit(end_event(&self.rotation, &state)).await?;
        if matches!(state, RotationState::Finished(_)) {
            former.iter().for_each(|key| self.rotations.vault.keyring().forget_for_good(*key));
        }
        if let RotationState::Failed(broken) = &state {
            tracing::error!(
                subject = %self.rotation.subject, number = broken.number, first = ?broken.first,
                "a key was not rotated: these open neither with it nor with its successor; nothing was destroyed"
            );
        }
        self.rotation.state = state;
        self.rotation.finished_at = Some(now);
        let ended = key_rotations::find(self.database(), self.rotation.id).await?;
        Ok(ended.unwrap_or(self.rotation))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn warn<T>(result: Result<T, VaultError>) -> Option<T> {
    result
        .map_err(|error| {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the rotation of a key waits for the next round"
            );
        })
        .ok()
}
