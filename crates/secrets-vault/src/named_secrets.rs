//! Named secrets, whoever they belong to.

use std::marker::PhantomData;
use std::sync::Arc;

use access_control::{Action, Facts, FactsUnavailable, Permit, Principal, ReadApp, Refusal, authorize};
use audit::{Actor, Change, Event, Occasion, Target};
use ids::{SecretId, UserId};
use serde_json::{Value, json};

use crate::secret::Naming;
use crate::secret_owner::{OfApp, OfMember, OfOrganization, SecretOwner};
use crate::store::{secret_uses, secrets};
use crate::{
    NewSecret, NewSecretValue, NewValue, Owner, Secret, SecretError, SecretScope, SecretUse, SecretValue,
    Store, Vault,
};

/// The most secrets of one owner.
const MOST: i64 = 10_000;
/// The most bytes of one owner that an environment injects: an organization's and an app's together stay far below the
/// 2 MiB that Linux gives a program at its start (`execve`), or no app of the organization could be started any more.
const MOST_INJECTED: i64 = 512 << 10;
/// The most bytes of an organization or an app.
const MOST_BYTES: i64 = 64 << 20;
/// The most bytes of one person in an organization.
const MOST_PERSONAL_BYTES: i64 = 1 << 20;

/// Secrets by name, of one kind of owner.
pub struct NamedSecrets<O> {
    store: Store,
    vault: Vault,
    facts: Arc<dyn Facts>,
    owner: PhantomData<fn() -> O>,
}

/// The secrets of all organizations. Those of their apps and members are none of these.
pub type Secrets = NamedSecrets<OfOrganization>;
/// The secrets of all apps. Whoever may not see an app has no permit for it.
pub type AppSecrets = NamedSecrets<OfApp>;
/// The secrets that people have for themselves in an organization. Nobody else sees or uses them, no deployment
/// gets them, and they end with the membership.
pub type OwnSecrets = NamedSecrets<OfMember>;

/// Who acts on whose secrets, as the audit trail tells it.
#[derive(Clone, Copy)]
struct Author {
    user: UserId,
    owner: Owner,
    action: &'static str,
    occasion: Occasion,
}

impl Author {
    fn of<O: SecretOwner>(permit: &Permit<O::Manage>, occasion: Occasion) -> Self {
        let (actor, owner) = O::managed(permit);
        Self { user: actor.user, owner, action: O::Manage::NAME, occasion }
    }

    fn scope(&self) -> Result<SecretScope, SecretError> {
        SecretScope::of(self.owner).ok_or(SecretError::NotFound)
    }

    fn event(&self, secret: &Secret, before: Option<i64>, after: Option<i64>) -> Event {
        let organization = match self.owner {
            Owner::Organization(id) | Owner::App(id, _) | Owner::Member(id, _) => Some(id),
            Owner::Platform => None,
        };
        let version =
            |version: Option<i64>| version.map_or(Value::Null, |version| json!({ "version": version }));
        let mut detail = json!({
            "name": secret.name,
            "kind": secret.kind.as_str(),
            "scope": SecretScope::of(self.owner).map(SecretScope::as_str),
            "environment": secret.environment,
            "before": version(before),
            "after": version(after),
        });
        if let (Owner::App(_, app), Some(detail)) = (self.owner, detail.as_object_mut()) {
            detail.insert("app".to_owned(), json!(app));
        }
        let event = Event::done(Actor::Person(self.user), self.action, Target::Secret(secret.id))
            .during(self.occasion)
            .with(detail);
        match organization {
            Some(organization) => event.of(organization),
            None => event,
        }
    }
}

impl<O> Clone for NamedSecrets<O> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            vault: self.vault.clone(),
            facts: Arc::clone(&self.facts),
            owner: PhantomData,
        }
    }
}

impl<O: SecretOwner> NamedSecrets<O> {
    /// Secrets in this vault.
    #[must_use]
    pub fn new(store: Store, vault: Vault, facts: Arc<dyn Facts>) -> Self {
        Self { store, vault, facts, owner: PhantomData }
    }

    /// The owner's secrets in the order in which they were made, at most so many after one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<O::List>,
        after: Option<SecretId>,
        most: usize,
    ) -> Result<Vec<Secret>, SecretError> {
        let (_, owner) = O::listed(permit);
        Ok(secrets::list(self.store.database(), owner, after, most).await?)
    }

    /// One of them.
    ///
    /// # Errors
    /// The owner has no such secret, or the store is not available.
    pub async fn find(&self, permit: &Permit<O::List>, id: SecretId) -> Result<Secret, SecretError> {
        self.of_owner(O::listed(permit).1, id).await
    }

    /// Which apps got it, the latest first; without those that the person may not see.
    ///
    /// # Errors
    /// As [`NamedSecrets::find`].
    pub async fn uses(
        &self,
        permit: &Permit<O::List>,
        id: SecretId,
        occasion: Occasion,
    ) -> Result<Vec<SecretUse>, SecretError> {
        self.find(permit, id).await?;
        let person = Principal::User(O::listed(permit).0.clone());
        let mut visible = Vec::new();
        for used in secret_uses::list(self.store.database(), id).await? {
            match authorize::<ReadApp>(Some(&person), used.app, &*self.facts, occasion.now) {
                Ok(_) => visible.push(used),
                Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => {}
                Err(Refusal::Unavailable(FactsUnavailable)) => return Err(FactsUnavailable.into()),
            }
        }
        Ok(visible)
    }

    async fn of_owner(&self, owner: Owner, id: SecretId) -> Result<Secret, SecretError> {
        secrets::find(self.store.database(), owner, id).await?.ok_or(SecretError::NotFound)
    }

    /// Keeps a new secret.
    ///
    /// # Errors
    /// Kind, name, environment or value are not acceptable; the name is taken; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<O::Manage>,
        new: NewSecret,
        occasion: Occasion,
    ) -> Result<Secret, SecretError> {
        let author = Author::of::<O>(permit, occasion);
        let NewSecret { kind, name, environment, value } = new;
        let naming = Naming::check(author.scope()?, kind, &name, environment)?;
        let value = SecretValue::check_in_turn(kind, value).await?;
        let (now, owner) = (author.occasion.now, author.owner);
        let secret = Secret {
            id: SecretId::generate(),
            owner,
            kind,
            name: naming.name,
            environment,
            variable: naming.variable,
            tail: value.tail,
            version: 1,
            created_by: author.user,
            created_at: now,
            updated_by: author.user,
            updated_at: now,
            last_injected_at: None,
        };
        self.vault.prepare(owner).await?;
        let change = self.store.journal().begin().await?;
        let sealed = secret.bound(&value.bytes);
        self.vault.seal(&change, NewValue { id: secret.id, owner, kind }, &sealed, now).await?;
        secrets::insert(change.transaction(), &secret, &naming.slot).await?;
        check_limits(&change, &secret).await?;
        change.commit(author.event(&secret, None, Some(secret.version))).await?;
        Ok(secret)
    }

    /// Puts another value in the place of one. Nothing else changes.
    ///
    /// # Errors
    /// There is no such secret; the value is not acceptable; somebody else replaced it first.
    pub async fn replace(
        &self,
        permit: &Permit<O::Manage>,
        id: SecretId,
        new: NewSecretValue,
        occasion: Occasion,
    ) -> Result<Secret, SecretError> {
        let author = Author::of::<O>(permit, occasion);
        let before = self.of_owner(author.owner, id).await?;
        let kind = before.kind;
        let value = SecretValue::check_in_turn(kind, new.value).await?;
        let sealed = before.bound(&value.bytes);
        let (now, owner) = (author.occasion.now, author.owner);
        self.vault.prepare(owner).await?;
        let change = self.store.journal().begin().await?;
        let version = self.vault.replace(&change, NewValue { id, owner, kind }, &sealed, now).await?;
        if new.expected_version.is_some_and(|expected| expected != version - 1) {
            return Err(SecretError::Changed);
        }
        let found = secrets::find(change.transaction(), owner, id).await?;
        let mut secret = found.ok_or(SecretError::NotFound)?;
        secret.version = version;
        secret.tail = value.tail;
        secret.updated_by = author.user;
        secret.updated_at = now;
        secrets::replace(change.transaction(), &secret).await?;
        check_limits(&change, &secret).await?;
        change.commit(author.event(&secret, Some(version - 1), Some(version))).await?;
        Ok(secret)
    }

    /// Deletes one with its value.
    ///
    /// # Errors
    /// There is no such secret, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<O::Manage>,
        id: SecretId,
        occasion: Occasion,
    ) -> Result<(), SecretError> {
        let author = Author::of::<O>(permit, occasion);
        let change = self.store.journal().begin().await?;
        let found = secrets::find(change.transaction(), author.owner, id).await?;
        let secret = found.ok_or(SecretError::NotFound)?;
        self.vault.delete(&change, id).await?;
        change.commit(author.event(&secret, Some(secret.version), None)).await?;
        Ok(())
    }
}

/// Refuses what was just written if its owner has too much with it. Sealing has locked the organization's key, so
/// that no other transaction adds to it at the same time.
async fn check_limits(change: &Change, secret: &Secret) -> Result<(), SecretError> {
    let held = secrets::held(change.transaction(), secret.owner, secret.environment).await?;
    let most_bytes = if matches!(secret.owner, Owner::Member(..)) { MOST_PERSONAL_BYTES } else { MOST_BYTES };
    if held.secrets > MOST {
        return Err(SecretError::TooMany);
    }
    if held.bytes > most_bytes {
        return Err(SecretError::TooManyBytes);
    }
    if secret.environment.is_some() && held.injected > MOST_INJECTED {
        return Err(SecretError::TooMuchInjected);
    }
    Ok(())
}
