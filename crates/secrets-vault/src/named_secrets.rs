//! What all named secrets have in common, whoever they belong to.

use access_control::Action;
use audit::{Actor, Change, Event, Target};
use ids::{SecretId, UserId};
use serde_json::{Value, json};

use crate::secret::Naming;
use crate::store::secrets;
use crate::{
    NewSecret, NewSecretValue, NewValue, Occasion, Owner, Secret, SecretError, SecretScope, SecretValue,
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

/// Secrets by name, for use cases that have asked for leave.
#[derive(Clone)]
pub(crate) struct NamedSecrets {
    pub(crate) store: Store,
    pub(crate) vault: Vault,
}

/// Who acts on whose secrets, as the audit trail tells it.
#[derive(Clone, Copy)]
pub(crate) struct Author {
    pub(crate) user: UserId,
    pub(crate) owner: Owner,
    pub(crate) action: &'static str,
    pub(crate) occasion: Occasion,
}

impl Author {
    pub(crate) fn of<A: Action>(user: UserId, owner: Owner, occasion: Occasion) -> Self {
        Self { user, owner, action: A::NAME, occasion }
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
            .during(self.occasion.request)
            .with(detail);
        match organization {
            Some(organization) => event.of(organization),
            None => event,
        }
    }
}

impl NamedSecrets {
    /// The owner's secrets by identifier, from the one after `after`, at most so many.
    pub(crate) async fn list(
        &self,
        owner: Owner,
        after: Option<SecretId>,
        most: usize,
    ) -> Result<Vec<Secret>, SecretError> {
        Ok(secrets::list(self.store.database(), owner, after, most).await?)
    }

    /// One of the owner's secrets.
    pub(crate) async fn find(&self, owner: Owner, id: SecretId) -> Result<Secret, SecretError> {
        secrets::find(self.store.database(), owner, id).await?.ok_or(SecretError::NotFound)
    }

    /// Keeps a new one.
    pub(crate) async fn create(&self, author: Author, new: NewSecret) -> Result<Secret, SecretError> {
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
        self.check_limits(&change, &secret).await?;
        change.commit(author.event(&secret, None, Some(secret.version))).await?;
        Ok(secret)
    }

    /// Puts another value in the place of one.
    pub(crate) async fn replace(
        &self,
        author: Author,
        id: SecretId,
        new: NewSecretValue,
    ) -> Result<Secret, SecretError> {
        let before = self.find(author.owner, id).await?;
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
        self.check_limits(&change, &secret).await?;
        change.commit(author.event(&secret, Some(version - 1), Some(version))).await?;
        Ok(secret)
    }

    /// Deletes one with its value.
    pub(crate) async fn delete(&self, author: Author, id: SecretId) -> Result<(), SecretError> {
        let change = self.store.journal().begin().await?;
        let found = secrets::find(change.transaction(), author.owner, id).await?;
        let secret = found.ok_or(SecretError::NotFound)?;
        self.vault.delete(&change, id).await?;
        change.commit(author.event(&secret, Some(secret.version), None)).await?;
        Ok(())
    }

    /// Refuses what was just written if its owner has too much with it. Sealing has locked the organization's key, so
    /// that no other transaction adds to it at the same time.
    async fn check_limits(&self, change: &Change, secret: &Secret) -> Result<(), SecretError> {
        let held = secrets::held(change.transaction(), secret.owner, secret.environment).await?;
        let most_bytes =
            if matches!(secret.owner, Owner::Member(..)) { MOST_PERSONAL_BYTES } else { MOST_BYTES };
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
}
