//! What deployments get in their environment.

use std::collections::BTreeMap;

use access_control::{Action as _, AssembleEnvironment, Environment, ListAppSecrets, Permit};
use audit::{Actor, Event, Occasion, Target};
use cryptography::SecretBytes;
use ids::SecretId;
use serde_json::json;

use crate::secret::Naming;
use crate::store::{sealed_values, secret_uses, secrets};
use crate::{
    BasicCredentials, Kind, Owner, Secret, SecretError, SecretScope, SecretUse, Store, Vault, VaultError,
};

/// How often an environment is put together again because one of its secrets was deleted meanwhile.
const ATTEMPTS: u32 = 5;

/// The environments of all apps. Secrets of the app stand before those of the organization; secrets of people
/// are never in one.
#[derive(Clone)]
pub struct Environments {
    store: Store,
    vault: Vault,
}

/// A variable that the platform gives by itself.
pub struct PlatformVariable {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: SecretBytes,
}

/// The variables of one deployment, opened. They cannot be printed or serialised.
pub struct InjectedEnvironment {
    variables: BTreeMap<String, SecretBytes>,
}

/// Where a variable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableSource {
    /// The variable.
    pub variable: String,
    /// The secret that it is opened from.
    pub secret: Secret,
    /// The secret of the organization that it stands before.
    pub overrides: Option<SecretId>,
}

impl InjectedEnvironment {
    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&SecretBytes> {
        self.variables.get(name)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The variables, for whoever starts the app.
    #[must_use]
    pub fn into_variables(self) -> BTreeMap<String, SecretBytes> {
        self.variables
    }
}

impl Environments {
    /// Environments from this vault.
    #[must_use]
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault }
    }

    /// Which variables a deployment would get, by name, without values.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn preview(
        &self,
        permit: &Permit<ListAppSecrets>,
        environment: Environment,
    ) -> Result<Vec<VariableSource>, SecretError> {
        let (organization, app) = (permit.organization(), permit.app());
        let found = secrets::injected(self.store.database(), organization, app, environment).await?;
        Ok(resolve(found))
    }

    /// Opens the variables for a deployment, together with those that the platform gives, which stand before
    /// all others. That they were opened is written down first: without that nothing is answered.
    ///
    /// # Errors
    /// A value does not open; the store or the master key's provider does not answer.
    pub async fn assemble(
        &self,
        permit: &Permit<AssembleEnvironment>,
        environment: Environment,
        given: Vec<PlatformVariable>,
        occasion: Occasion,
    ) -> Result<InjectedEnvironment, SecretError> {
        let names: Vec<_> = given.iter().map(|variable| variable.name.as_str()).collect();
        let mut attempts = 1;
        let mut variables = loop {
            // A secret that is deleted meanwhile is not there: then there is another environment.
            match self.open_all(permit, environment, &names, occasion).await {
                Err(SecretError::NotFound) if attempts < ATTEMPTS => attempts += 1,
                opened => break opened?,
            }
        };
        variables.extend(given.into_iter().map(|variable| (variable.name, variable.value)));
        Ok(InjectedEnvironment { variables })
    }

    async fn open_all(
        &self,
        permit: &Permit<AssembleEnvironment>,
        environment: Environment,
        platform: &[&str],
        occasion: Occasion,
    ) -> Result<BTreeMap<String, SecretBytes>, SecretError> {
        let (organization, app) = (permit.organization(), permit.deployed_app());
        let found = secrets::injected(self.store.database(), organization, app, environment).await?;
        let (mut variables, mut uses, mut named) = (BTreeMap::new(), Vec::new(), Vec::new());
        for VariableSource { variable, secret, .. } in resolve(found) {
            if !belongs(&secret, permit) {
                return Err(
                    self.tampered(&secret, "the row of the secret says what no secret of this app can be")
                );
            }
            let (version, value) = self.open(&secret).await?;
            named.push(json!({ "id": secret.id, "variable": variable, "version": version }));
            let (injected_by, injected_at) = (permit.user(), occasion.now);
            uses.push((secret.id, SecretUse { app, version, injected_by, injected_at }));
            variables.insert(variable, value);
        }
        let change = self.store.journal().begin().await?;
        sealed_values::keep_organization(change.transaction(), Owner::Organization(organization)).await?;
        secret_uses::record(change.transaction(), &uses).await?;
        let ids: Vec<_> = uses.iter().map(|(id, _)| *id).collect();
        secrets::set_last_injected(change.transaction(), &ids, occasion.now).await?;
        let actor = Actor::Person(permit.user());
        let event = Event::done(actor, AssembleEnvironment::NAME, Target::App(app))
            .of(organization)
            .during(occasion)
            .with(json!({ "environment": environment, "secrets": named, "platform": platform }));
        change.commit(event).await?;
        Ok(variables)
    }

    /// The value as an app gets it, and its version.
    async fn open(&self, secret: &Secret) -> Result<(i64, SecretBytes), SecretError> {
        let (version, opened) = self.vault.open_version(secret.id, secret.owner, secret.kind).await?;
        let value = secret.unbound(&opened).ok_or_else(|| {
            self.tampered(
                secret,
                "the row of the secret names another variable or environment than was sealed",
            )
        })?;
        if secret.kind != Kind::BasicCredentials {
            return Ok((version, value));
        }
        let credentials = BasicCredentials::opened(&value);
        let credentials = credentials.ok_or(SecretError::Vault(VaultError::Unreadable("sealed_values")))?;
        Ok((version, credentials.joined()))
    }

    fn tampered(&self, secret: &Secret, reason: &'static str) -> SecretError {
        let (holder, id) = (secret.owner.holder(), secret.id);
        self.vault.alarm(holder, Target::Secret(id), &id.to_string(), reason);
        SecretError::Vault(VaultError::Tampered(id))
    }
}

/// Whether the row is one that could have been made for this app: of its organization or of itself, and with the
/// variable that its name gives. Whoever writes to the database could else have any secret opened for their app.
fn belongs(secret: &Secret, permit: &Permit<AssembleEnvironment>) -> bool {
    let organization = permit.organization();
    let owners = [Owner::Organization(organization), Owner::App(organization, permit.deployed_app())];
    let naming = SecretScope::of(secret.owner)
        .map(|scope| Naming::check(scope, secret.kind, &secret.name, secret.environment));
    let variable = naming.and_then(Result::ok).and_then(|naming| naming.variable);
    owners.contains(&secret.owner) && variable.is_some() && variable == secret.variable
}

/// One source for each variable: the app's before the organization's, whatever the case of their names.
fn resolve(found: Vec<Secret>) -> Vec<VariableSource> {
    let mut sources = BTreeMap::<String, VariableSource>::new();
    let (of_app, of_organization): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|secret| matches!(secret.owner, Owner::App(..)));
    for secret in of_app.into_iter().chain(of_organization) {
        let Some(variable) = secret.variable.clone() else { continue };
        match sources.entry(variable.to_ascii_uppercase()) {
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(VariableSource { variable, secret, overrides: None });
            }
            std::collections::btree_map::Entry::Occupied(mut taken) => {
                taken.get_mut().overrides = Some(secret.id);
            }
        }
    }
    sources.into_values().collect()
}
