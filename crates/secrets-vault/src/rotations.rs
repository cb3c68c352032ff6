//! Rotating keys: who starts it, and what is known of it. What it takes is in [`crate::rotation_work`].

use std::sync::Arc;
use std::time::Duration;

use access_control::{Action, Permit, ReadOrganizationKey, RotateOrganizationKey};
use audit::{Actor, Event, Occasion, Target};
use ids::{DataKeyId, KeyRotationId};
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::rotation::{Broken, Proof, Rotation, RotationState, Subject};
use crate::store::{ConnectionTrait, data_keys, key_rotations, sealed_values};
use crate::{Holder, Vault, VaultError};

/// How many rotations are listed.
const MOST_LISTED: u64 = 100;
/// How long the start of a rotation waits for its end: small organizations are done when it answers.
const MOMENT: Duration = Duration::from_secs(5);
/// How long after the end of a rotation people start no other: each reads and writes all values of the organization.
const REST: time::Duration = time::Duration::minutes(1);
/// The audit trail's name for a rotation that the platform or its operator starts.
const START: &str = "key_rotation.start";
/// The audit trail's name for the end of a rotation.
const FINISH: &str = "key_rotation.finish";

/// When and how keys are rotated.
#[derive(Clone, Copy, Debug)]
pub struct RotationLimits {
    /// How often a key seals before it is replaced without being asked: a quarter of the bound of NIST SP
    /// 800-38D, so that whoever seals meanwhile stays far below it.
    pub seals: i64,
    /// How old a key becomes before it is replaced without being asked, if it ever is.
    pub age: Option<time::Duration>,
    /// How many values are sealed again in one transaction.
    pub batch: u64,
    /// How long a process has a rotation to itself after its last step. Then it counts as dead.
    pub lease: time::Duration,
}

impl Default for RotationLimits {
    fn default() -> Self {
        Self { seals: 1 << 30, age: None, batch: 100, lease: time::Duration::seconds(5) }
    }
}

/// The rotations of all keys in the vault.
#[derive(Clone)]
pub struct KeyRotations {
    pub(crate) vault: Vault,
    pub(crate) limits: RotationLimits,
    /// Told of rotations that this process starts.
    pub(crate) started: Arc<Notify>,
}

/// A holder's current key, and what there is besides it.
#[derive(Clone, Debug)]
pub struct KeyInUse {
    /// Whose it is.
    pub holder: Holder,
    /// The key.
    pub id: DataKeyId,
    /// The master key that wrapped it.
    pub master_key: String,
    /// Since when it seals.
    pub created_at: OffsetDateTime,
    /// How often it has sealed.
    pub seals: i64,
    /// How often it can; a successor takes over long before.
    pub most_seals: i64,
    /// Retired keys that are not destroyed yet.
    pub former: Vec<DataKeyId>,
    /// How many values are still sealed with those.
    pub values_under_former: u64,
}

impl KeyRotations {
    /// Rotations in this vault.
    #[must_use]
    pub fn new(vault: Vault, limits: RotationLimits) -> Self {
        Self { vault, limits, started: Arc::default() }
    }

    /// Starts the rotation of the organization's key, and waits a moment for its end.
    ///
    /// # Errors
    /// One is under way or has ended well within the last minute, or the store or the master key's provider does not
    /// answer.
    pub async fn start(
        &self,
        permit: &Permit<RotateOrganizationKey>,
        occasion: Occasion,
    ) -> Result<Rotation, VaultError> {
        let organization = permit.organization();
        let event = |id| {
            Event::done(Actor::Person(permit.user()), RotateOrganizationKey::NAME, Target::KeyRotation(id))
                .of(organization)
                .during(occasion)
        };
        let holder = Holder::Organization(organization);
        let since = Some(occasion.now - REST);
        // Before the master key is asked for anything; what counts is looked at once more when this one is there.
        check_rest(self.vault.store().database(), holder, since).await?;
        let begun = self.begin_holder(holder, occasion.now, since, event).await?;
        // A task of its own: it goes on when the client leaves, and after this moment.
        let (rotations, id) = (self.clone(), begun.id);
        let working = tokio::spawn(async move { rotations.work(id).await });
        match tokio::time::timeout(MOMENT, working).await {
            Ok(Ok(Ok(Some(ended)))) => Ok(ended),
            Ok(Ok(Err(error))) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the rotation waits for another process"
                );
                Ok(begun)
            }
            _ => Ok(key_rotations::find(self.vault.store().database(), begun.id).await?.unwrap_or(begun)),
        }
    }

    /// The latest rotations of the organization's key, newest first.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(&self, permit: &Permit<ReadOrganizationKey>) -> Result<Vec<Rotation>, VaultError> {
        let subject = Subject::KeyOf(Holder::Organization(permit.organization()));
        key_rotations::latest(self.vault.store().database(), subject, MOST_LISTED).await
    }

    /// One of them.
    ///
    /// # Errors
    /// The organization has no such rotation, or the store does not answer.
    pub async fn find(
        &self,
        permit: &Permit<ReadOrganizationKey>,
        id: KeyRotationId,
    ) -> Result<Rotation, VaultError> {
        let subject = Subject::KeyOf(Holder::Organization(permit.organization()));
        let found = key_rotations::find(self.vault.store().database(), id).await?;
        found.filter(|rotation| rotation.subject == subject).ok_or(VaultError::NotFound)
    }

    /// The organization's key, if anything was ever sealed with one.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn key(&self, permit: &Permit<ReadOrganizationKey>) -> Result<Option<KeyInUse>, VaultError> {
        self.key_of(Holder::Organization(permit.organization())).await
    }

    /// The holder's key, for the operator.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn key_of(&self, holder: Holder) -> Result<Option<KeyInUse>, VaultError> {
        let database = self.vault.store().database();
        let Some(row) = data_keys::current_of(database, holder).await? else { return Ok(None) };
        let former: Vec<_> =
            data_keys::former_of(database, holder).await?.into_iter().map(|row| row.id).collect();
        let values_under_former = sealed_values::count_under(database, &former).await?;
        Ok(Some(KeyInUse {
            holder,
            id: row.id,
            master_key: row.wrapped.master_key,
            created_at: row.created_at,
            seals: row.seals,
            most_seals: data_keys::MOST_SEALS,
            former,
            values_under_former,
        }))
    }

    /// Starts a rotation for the operator or the platform itself; nobody works on it yet.
    ///
    /// # Errors
    /// One is under way, or the store or the master key's provider does not answer.
    pub async fn begin(&self, subject: Subject, now: OffsetDateTime) -> Result<Rotation, VaultError> {
        let event = |id| Event::done(Actor::System, START, Target::KeyRotation(id));
        match subject {
            Subject::KeyOf(Holder::Organization(organization)) => {
                let event = |id| event(id).of(organization);
                self.begin_holder(Holder::Organization(organization), now, None, event).await
            }
            Subject::KeyOf(Holder::Platform) => self.begin_holder(Holder::Platform, now, None, event).await,
            Subject::MasterKey => {
                let successor = self.current_master().await?;
                let change = self.vault.store().journal().begin().await?;
                let mut rotation = begun(subject, successor, now);
                rotation.total =
                    data_keys::count_not_under(change.transaction(), &rotation.successor).await?;
                key_rotations::insert(change.transaction(), &rotation).await?;
                let detail = json!({ "subject": subject.to_string(), "successor": rotation.successor });
                change.commit(event(rotation.id).with(detail)).await?;
                self.started.notify_one();
                Ok(rotation)
            }
        }
    }

    /// The rotation of this subject that is under way.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn under_way(&self, subject: Subject) -> Result<Option<Rotation>, VaultError> {
        key_rotations::running_of(self.vault.store().database(), subject).await
    }

    /// Every rotation that is under way, oldest first.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn all_under_way(&self) -> Result<Vec<Rotation>, VaultError> {
        key_rotations::running(self.vault.store().database()).await
    }

    /// A rotation, for whoever started it.
    ///
    /// # Errors
    /// It is gone with its organization, or the store does not answer.
    pub async fn look_at(&self, id: KeyRotationId) -> Result<Rotation, VaultError> {
        let found = key_rotations::find(self.vault.store().database(), id).await?;
        found.ok_or(VaultError::NotFound)
    }

    /// Everybody who has a data key.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn holders(&self) -> Result<Vec<Holder>, VaultError> {
        data_keys::holders(self.vault.store().database()).await
    }

    /// The name of the master key that wraps now.
    ///
    /// # Errors
    /// Its provider does not answer.
    pub async fn current_master(&self) -> Result<String, VaultError> {
        self.vault.keyring().masters().current().current().await.map_err(VaultError::Provider)
    }

    /// Starts what has to be rotated although nobody asked: keys that have sealed often, or are old.
    ///
    /// # Errors
    /// The store or the master key's provider does not answer.
    pub async fn begin_due(&self, now: OffsetDateTime) -> Result<Vec<Rotation>, VaultError> {
        let made_before = self.limits.age.map(|age| now - age);
        let mut begun = Vec::new();
        for key in data_keys::due(self.vault.store().database(), self.limits.seals, made_before).await? {
            match self.begin(Subject::KeyOf(key.holder), now).await {
                Ok(rotation) => {
                    tracing::info!(holder = %key.holder, seals = key.seals, "a key is due to be rotated");
                    begun.push(rotation);
                }
                // Another process was faster.
                Err(VaultError::RotationUnderWay) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(begun)
    }

    /// The successor seals from here on: whoever sealed with the key before has ended, and whoever comes finds the
    /// successor. Not if another one has ended well since the instant given.
    async fn begin_holder(
        &self,
        holder: Holder,
        now: OffsetDateTime,
        unless_since: Option<OffsetDateTime>,
        event: impl Fn(KeyRotationId) -> Event,
    ) -> Result<Rotation, VaultError> {
        // Before the transaction, since the master key may be far away.
        let successor = self.vault.keyring().new_key(holder, now).await?;
        let subject = Subject::KeyOf(holder);
        let mut rotation = begun(subject, successor.id.to_string(), now);
        let change = self.vault.store().journal().begin().await?;
        key_rotations::insert(change.transaction(), &rotation).await?;
        check_rest(change.transaction(), holder, unless_since).await?;
        data_keys::retire(change.transaction(), holder, now).await?;
        if !data_keys::insert(change.transaction(), &successor).await? {
            return Err(VaultError::KeyReplaced);
        }
        let former = data_keys::former_of(change.transaction(), holder).await?;
        let former: Vec<_> = former.iter().map(|key| key.id).collect();
        rotation.total = sealed_values::count_under(change.transaction(), &former).await?;
        key_rotations::set_total(change.transaction(), rotation.id, rotation.total).await?;
        let detail = json!({
            "subject": subject.to_string(), "successor": successor.id, "former": former, "values": rotation.total,
        });
        change.commit(event(rotation.id).with(detail)).await?;
        self.started.notify_one();
        Ok(rotation)
    }
}

/// Refuses if a rotation of the holder's key has ended well since then.
async fn check_rest(
    database: &impl ConnectionTrait,
    holder: Holder,
    since: Option<OffsetDateTime>,
) -> Result<(), VaultError> {
    let Some(since) = since else { return Ok(()) };
    if key_rotations::finished_since(database, Subject::KeyOf(holder), since).await? {
        return Err(VaultError::RotatedJustNow);
    }
    Ok(())
}

/// What the audit trail is told of an end.
pub(crate) fn end_event(rotation: &Rotation, state: &RotationState) -> Event {
    let target = Target::KeyRotation(rotation.id);
    let subject = rotation.subject.to_string();
    let event = match state {
        RotationState::Failed(Broken { number, first }) => Event::refused(Actor::System, FINISH, target)
            .with(json!({ "subject": subject, "broken": number, "first": first })),
        RotationState::Finished(proof) => Event::done(Actor::System, FINISH, target)
            .with(json!({ "subject": subject, "successor": rotation.successor, "proof": proof })),
        RotationState::Running => Event::done(Actor::System, FINISH, target)
            .with(json!({ "subject": subject, "proof": Proof::default() })),
    };
    match rotation.subject {
        Subject::KeyOf(Holder::Organization(organization)) => event.of(organization),
        _ => event,
    }
}

fn begun(subject: Subject, successor: String, now: OffsetDateTime) -> Rotation {
    Rotation {
        id: KeyRotationId::generate(),
        subject,
        state: RotationState::Running,
        successor,
        total: 0,
        done: 0,
        started_at: now,
        finished_at: None,
        leased_until: now,
    }
}
