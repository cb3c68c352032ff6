//! The custom APIs of organizations: made, looked at, changed and deleted; and opened for calls.

use std::fmt;
use std::sync::Arc;

use access_control::{
    Action, Facts, InOrganization, ListCustomApis, ManageCustomApis, Permit, UsableBy, VisibleApps,
};
use audit::{Actor, Event, Occasion, Target};
use catalogue::Service;
use ids::{CustomApiId, OrganizationId, SecretId};
use secrets_vault::{Vault, VaultError};
use serde_json::{Value, json};
use service_client::Credentials;
use time::OffsetDateTime;

use crate::alarms::Alarms;
use crate::custom_api::{CustomApi, CustomApiDefinition};
use crate::custom_api_credentials::{GivenCredential, OpenedCustomApi};
use crate::store::{ConnectionTrait, custom_apis};
use crate::{CustomApiError, Store};

/// The most custom APIs of one organization.
const MOST: u64 = 1_000;

/// The audit trail's name for a custom API that is not what was sealed.
const ALARM: &str = "custom_apis.tampering_detected";

/// How often a custom API is read again because somebody changed it meanwhile.
const ATTEMPTS: u32 = 5;

/// The custom APIs of all organizations.
#[derive(Clone)]
pub struct CustomApis {
    store: Store,
    vault: Vault,
    facts: Arc<dyn Facts>,
    alarms: Alarms,
}

/// A description of a custom API.
#[derive(Debug)]
pub struct GivenCustomApi {
    /// What it is.
    pub definition: CustomApiDefinition,
    /// What proves its calls; nothing keeps what is stored.
    pub credential: GivenCredential,
}

/// A custom API that calls can be made with.
pub(crate) struct UnlockedCustomApi {
    pub api: CustomApi,
    pub service: Service,
    pub credentials: Credentials,
}

impl fmt::Debug for CustomApis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CustomApis").finish_non_exhaustive()
    }
}

impl CustomApis {
    /// Custom APIs in this store.
    #[must_use]
    pub fn new(store: Store, vault: Vault, facts: Arc<dyn Facts>) -> Self {
        let alarms = Alarms::new(store.journal().clone());
        Self { store, vault, facts, alarms }
    }

    /// The organization's custom APIs in the order in which they were made, at most so many after one. Of the apps that may
    /// use them, those that the person may see.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListCustomApis>,
        after: Option<CustomApiId>,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<CustomApi>, CustomApiError> {
        let found = custom_apis::list(self.store.database(), permit.organization(), after, most).await?;
        found.into_iter().map(|api| self.shown(permit, api, now)).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is no such custom API, or the store is not available.
    pub async fn find(
        &self,
        permit: &Permit<ListCustomApis>,
        id: CustomApiId,
        now: OffsetDateTime,
    ) -> Result<CustomApi, CustomApiError> {
        let found = custom_apis::find(self.store.database(), permit.organization(), id).await?;
        self.shown(permit, found.ok_or(CustomApiError::NotFound)?, now)
    }

    /// Makes one.
    ///
    /// # Errors
    /// The description is not acceptable; the name is taken; there are too many.
    pub async fn create(
        &self,
        permit: &Permit<ManageCustomApis>,
        given: GivenCustomApi,
        occasion: Occasion,
    ) -> Result<CustomApi, CustomApiError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let GivenCustomApi { mut definition, credential } = given;
        definition.check()?;
        let usable_by = self.visible_apps(permit, now).given(definition.usable_by, None)?;
        definition.usable_by = usable_by.ok_or(CustomApiError::UnknownApp)?;
        let credentials =
            credential.read(definition.authentication)?.ok_or(CustomApiError::CredentialsNeeded)?;
        let api = CustomApi {
            id: CustomApiId::generate(),
            organization,
            definition,
            version: 1,
            credentials: SecretId::generate(),
            created_by: permit.user(),
            created_at: now,
            updated_by: permit.user(),
            updated_at: now,
        };
        let sealed = OpenedCustomApi::sealed(&api.definition, &credentials)?;
        self.vault.prepare(api.owner()).await?;
        let change = self.store.journal().begin().await?;
        self.vault.seal(&change, api.place(), &sealed, now).await?;
        custom_apis::insert(change.transaction(), &api).await?;
        // Sealing has locked the organization, so that no other transaction adds one at the same time.
        if custom_apis::count(change.transaction(), organization).await? > MOST {
            return Err(CustomApiError::TooMany);
        }
        change.commit(event(permit, occasion, None, Some(&api))).await?;
        self.shown(permit, api, now)
    }

    /// Puts another definition in the place of one. Credentials that are left out stay, if base URL and kind stay, too.
    /// Whoever does not see all apps that may use it gives them again if it shall be used for more.
    ///
    /// # Errors
    /// There is no such custom API; the description is not acceptable; credentials are missing for another place; somebody
    /// else changed it first.
    pub async fn update(
        &self,
        permit: &Permit<ManageCustomApis>,
        id: CustomApiId,
        given: GivenCustomApi,
        expected_version: Option<i64>,
        occasion: Occasion,
    ) -> Result<CustomApi, CustomApiError> {
        let (organization, now) = (permit.organization(), occasion.now);
        let GivenCustomApi { mut definition, credential } = given;
        definition.check()?;
        let given = credential.read(definition.authentication)?;
        let seen = custom_apis::find(self.store.database(), organization, id).await?;
        let seen = seen.ok_or(CustomApiError::NotFound)?;
        let before = Some(&seen.definition.usable_by);
        let usable_by = self.visible_apps(permit, now).given(definition.usable_by, before)?;
        definition.usable_by = usable_by.ok_or(CustomApiError::UnknownApp)?;
        self.vault.prepare(seen.owner()).await?;
        let change = self.store.journal().begin().await?;
        self.vault.keep_owner(&change, seen.owner()).await?;
        let before = custom_apis::lock(change.transaction(), organization, id).await?;
        let before = before.ok_or(CustomApiError::NotFound)?;
        if expected_version.is_some_and(|expected| expected != before.version)
            || before.definition.usable_by != seen.definition.usable_by
        {
            return Err(CustomApiError::Changed);
        }
        let credentials = match given {
            Some(credentials) => credentials,
            None => {
                // Read from what is sealed, not from the table: whoever writes there could name another place as the
                // known one.
                let stored = self.unlock_in(change.transaction(), &before).await?;
                if !definition.is_same_place(&stored.definition) {
                    return Err(CustomApiError::CredentialsNeeded);
                }
                // Whoever gave them gave them to these apps, of which the person does not even see all.
                if definition.gives_more_than(&before.definition)
                    && !self.visible_apps(permit, now).sees_all(&before.definition.usable_by)?
                {
                    return Err(CustomApiError::CredentialsNeededForMore);
                }
                stored.credentials
            }
        };
        let sealed = OpenedCustomApi::sealed(&definition, &credentials)?;
        let version = self.vault.replace(&change, before.place(), &sealed, now).await?;
        let mut after = CustomApi { definition, version, ..before.clone() };
        (after.updated_by, after.updated_at) = (permit.user(), now);
        custom_apis::update(change.transaction(), &after).await?;
        change.commit(event(permit, occasion, Some(&before), Some(&after))).await?;
        self.alarms.forget(&id);
        self.shown(permit, after, now)
    }

    /// Deletes one with its credentials. Calls that are under way go on to their end.
    ///
    /// # Errors
    /// There is no such custom API, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageCustomApis>,
        id: CustomApiId,
        occasion: Occasion,
    ) -> Result<(), CustomApiError> {
        let change = self.store.journal().begin().await?;
        let found = custom_apis::find(change.transaction(), permit.organization(), id).await?;
        let before = found.ok_or(CustomApiError::NotFound)?;
        self.vault.delete(&change, before.credentials).await?;
        change.commit(event(permit, occasion, Some(&before), None)).await?;
        Ok(())
    }

    /// One of the organization's, without its credentials.
    pub(crate) async fn of(
        &self,
        organization: OrganizationId,
        id: CustomApiId,
    ) -> Result<Option<CustomApi>, CustomApiError> {
        Ok(custom_apis::find(self.store.database(), organization, id).await?)
    }

    /// The same with what calls are made with, if it is what was sealed.
    pub(crate) async fn unlock(&self, mut api: CustomApi) -> Result<UnlockedCustomApi, CustomApiError> {
        for _ in 0..ATTEMPTS {
            match self.unlock_in(self.store.database(), &api).await {
                Ok(OpenedCustomApi { definition, credentials }) => {
                    let service = definition.to_service().ok_or_else(|| self.tampered(&api, &["baseUrl"]))?;
                    return Ok(UnlockedCustomApi { api, service, credentials });
                }
                Err(CustomApiError::Changed) => {
                    let again = self.of(api.organization, api.id).await?;
                    api = again.ok_or(CustomApiError::NotFound)?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(CustomApiError::Changed)
    }

    async fn unlock_in(
        &self,
        database: &impl ConnectionTrait,
        api: &CustomApi,
    ) -> Result<OpenedCustomApi, CustomApiError> {
        let place = api.place();
        let value = self.vault.open_in(database, place.id, place.owner, place.kind).await;
        let value = value.map_err(|error| match error {
            VaultError::Tampered(_) => CustomApiError::Tampered(api.id),
            error => error.into(),
        })?;
        let opened = OpenedCustomApi::read(&value).ok_or_else(|| self.tampered(api, &["credentials"]))?;
        let differences = api.definition.differences(&opened.definition);
        if differences.is_empty() {
            return Ok(opened);
        }
        // The row may have been read before a change, and the sealed value after it.
        match custom_apis::find(database, api.organization, api.id).await? {
            None => Err(CustomApiError::NotFound),
            Some(again) if again.version != api.version => Err(CustomApiError::Changed),
            Some(_) => Err(self.tampered(api, &differences)),
        }
    }

    fn tampered(&self, api: &CustomApi, differs: &[&'static str]) -> CustomApiError {
        self.alarms.raise(ALARM, Target::CustomApi(api.id), &api.id, api.organization, differs);
        CustomApiError::Tampered(api.id)
    }

    fn shown<A: Action<Scope = InOrganization>>(
        &self,
        permit: &Permit<A>,
        mut api: CustomApi,
        now: OffsetDateTime,
    ) -> Result<CustomApi, CustomApiError> {
        api.definition.usable_by = self.visible_apps(permit, now).shown(api.definition.usable_by)?;
        Ok(api)
    }

    fn visible_apps<A: Action<Scope = InOrganization>>(
        &self,
        permit: &Permit<A>,
        now: OffsetDateTime,
    ) -> VisibleApps<'_> {
        VisibleApps::of(permit, &*self.facts, now)
    }
}

/// What the audit trail says of a change.
fn event(
    permit: &Permit<ManageCustomApis>,
    occasion: Occasion,
    before: Option<&CustomApi>,
    after: Option<&CustomApi>,
) -> Event {
    let described = |api: Option<&CustomApi>| api.map_or(Value::Null, described);
    let id = after.or(before).map(|api| api.id);
    let target = id.map_or(Target::Organization(permit.organization()), Target::CustomApi);
    Event::done(Actor::Person(permit.user()), ManageCustomApis::NAME, target)
        .of(permit.organization())
        .during(occasion)
        .with(json!({ "before": described(before), "after": described(after) }))
}

fn described(api: &CustomApi) -> Value {
    let CustomApiDefinition { name, base_url, authentication, headers, usable_by, from_pages } =
        &api.definition;
    let apps = match usable_by {
        UsableBy::EveryApp => Value::Null,
        UsableBy::Apps(apps) => json!(apps),
    };
    json!({
        "version": api.version,
        "name": name,
        "baseUrl": base_url,
        "authentication": authentication.as_str(),
        // Their values may be somebody's data, and the trail keeps what it has.
        "headers": headers.keys().collect::<Vec<_>>(),
        "apps": apps,
        "fromPages": from_pages,
    })
}
