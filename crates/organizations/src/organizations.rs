//! Creating, reading, changing and deleting organizations.

use std::sync::Arc;

use access_control::{
    Action, CreateOrganization, DeleteOrganization, ListOwnOrganizations, ManageOwners, Permit,
    ReadOrganization, Role, UpdateOrganization,
};
use audit::{Actor, Change, Destruction, Event, Receipts, SignedReceipt, Target};
use ids::{Name, OrganizationId, OrganizationSlug, RequestId, UserId};
use serde_json::json;
use time::Duration;

use crate::{
    Departures, HostedDomain, Organization, OrganizationChanges, OrganizationError, PersonName, Store, store,
};

/// How often a free slug is looked for before giving up.
const SLUG_ATTEMPTS: u32 = 50;

/// For how long nobody can take the slug of a deleted organization, so that links and bookmarks of its
/// hosts lead to nobody else meanwhile.
pub const SLUG_REST: Duration = Duration::days(90);

/// The organizations.
#[derive(Clone)]
pub struct Organizations {
    store: Store,
    departures: Arc<dyn Departures>,
    receipts: Arc<Receipts>,
}

impl std::fmt::Debug for Organizations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Organizations").finish_non_exhaustive()
    }
}

/// An organization and what the asking person is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnOrganization {
    /// The organization.
    pub organization: Organization,
    /// The person's role in it.
    pub role: Role,
}

impl Organizations {
    /// The organizations in this store; `receipts` signs what was destroyed with one.
    #[must_use]
    pub fn new(store: Store, departures: Arc<dyn Departures>, receipts: Arc<Receipts>) -> Self {
        Self { store, departures, receipts }
    }

    /// Creates an organization; the person becomes its Owner.
    ///
    /// # Errors
    /// The slug is taken, the platform is not set up, or the store is not available.
    pub async fn create(
        &self,
        permit: &Permit<CreateOrganization>,
        request: RequestId,
        slug: OrganizationSlug,
        name: Name,
    ) -> Result<Organization, OrganizationError> {
        let change = self.store.begin().await?;
        if store::set_up::is_pending(change.transaction()).await?
            && !store::organizations::any_exists(change.transaction()).await?
        {
            return Err(OrganizationError::SetUpPending);
        }
        establish(change, CreateOrganization::NAME, permit.user(), request, slug, name).await
    }

    /// Creates the organization that everybody begins with, unless the person is a member of one. Its
    /// slug is made of the e-mail address.
    ///
    /// # Errors
    /// The platform is not set up, or the store is not available.
    pub async fn create_personal(
        &self,
        permit: &Permit<CreateOrganization>,
        request: RequestId,
        person: &PersonName,
    ) -> Result<Option<Organization>, OrganizationError> {
        let name = person.name.parse().or_else(|_| person.email.as_str().parse());
        let name: Name = name.map_err(|_| OrganizationError::Unreadable("users"))?;
        for attempt in 1..=SLUG_ATTEMPTS {
            // Asked before each attempt: a second tab of the same person tries the same slugs in the same
            // order, so it is held up at the slug that the first one got.
            if !store::organizations::of_user(self.store.database(), permit.user()).await?.is_empty() {
                return Ok(None);
            }
            let Some(slug) = personal_slug(person.email.as_str(), attempt) else { continue };
            if store::organizations::slug_exists(self.store.database(), &slug).await? {
                continue;
            }
            match self.create(permit, request, slug, name.clone()).await {
                Err(OrganizationError::SlugTaken) => {}
                created => return created.map(Some),
            }
        }
        Err(OrganizationError::SlugTaken)
    }

    /// The organization.
    ///
    /// # Errors
    /// It does not exist any more, or the store is not available.
    pub async fn read(&self, permit: &Permit<ReadOrganization>) -> Result<Organization, OrganizationError> {
        store::organizations::find(self.store.database(), permit.organization()).await
    }

    /// The organizations of the person, oldest first. One that wants sign-ins of another hosted domain
    /// is left out: it is as invisible here as anywhere.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list_own(
        &self,
        permit: &Permit<ListOwnOrganizations>,
    ) -> Result<Vec<OwnOrganization>, OrganizationError> {
        let signed = permit.actor().hosted_domain.as_deref();
        let all = store::organizations::of_user(self.store.database(), permit.user()).await?;
        Ok(all
            .into_iter()
            .filter(|(organization, _)| admits(organization.hosted_domain.as_ref(), signed))
            .map(|(organization, role)| OwnOrganization { organization, role })
            .collect())
    }

    /// Changes the name, the hosted domain or the use of personal accounts. The hosted domain is for Owners: whoever sets it shuts out
    /// everybody of another one, Owners included.
    ///
    /// # Errors
    /// Not allowed, the person signed in with another hosted domain than the new one and would be locked out at once,
    /// or the store is not available.
    pub async fn update(
        &self,
        permit: &Permit<UpdateOrganization>,
        request: RequestId,
        changes: OrganizationChanges,
    ) -> Result<Organization, OrganizationError> {
        let change = self.store.begin_locked(permit).await?;
        let before = store::organizations::find(change.transaction(), permit.organization()).await?;
        let after = Organization {
            name: changes.name.unwrap_or_else(|| before.name.clone()),
            hosted_domain: changes.hosted_domain.unwrap_or_else(|| before.hosted_domain.clone()),
            personal_accounts_in_apps: changes
                .personal_accounts_in_apps
                .unwrap_or(before.personal_accounts_in_apps),
            ..before.clone()
        };
        if before.hosted_domain != after.hosted_domain {
            store::confirm(change.transaction(), &permit.also::<ManageOwners>()?).await?;
        }
        if !admits(after.hosted_domain.as_ref(), permit.actor().hosted_domain.as_deref()) {
            return Err(OrganizationError::WouldLockOut);
        }
        if before == after {
            return Ok(after);
        }
        store::organizations::update(change.transaction(), &after).await?;
        let event = Event::done(
            Actor::Person(permit.user()),
            UpdateOrganization::NAME,
            Target::Organization(after.id),
        )
        .of(after.id)
        .in_request(request)
        .with(json!({ "before": settings(&before), "after": settings(&after) }));
        change.commit(event).await?;
        Ok(after)
    }
}

impl Organizations {
    /// Deletes an organization with everything it has: apps, members, invitations, groups, and the keys without which
    /// nothing of its sealed values opens, as the receipt says. What happened in it stays in the audit trail, and its
    /// slug at rest for [`SLUG_REST`].
    ///
    /// # Errors
    /// The repeated slug is another one, the person is no Owner any more, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<DeleteOrganization>,
        request: RequestId,
        repeated: &OrganizationSlug,
    ) -> Result<SignedReceipt, OrganizationError> {
        let id = permit.organization();
        let change = self.store.begin_locked(permit).await?;
        let transaction = change.transaction();
        let before = store::organizations::find(transaction, id).await?;
        if before.slug != *repeated {
            return Err(OrganizationError::OtherSlug);
        }
        let members = store::members::list(transaction, id).await?.len() as u64;
        let event =
            Event::done(Actor::Person(permit.user()), DeleteOrganization::NAME, Target::Organization(id))
                .of(id)
                .in_request(request);
        let gone = self
            .departures
            .forget_organization(&change, id, event.at)
            .await
            .map_err(OrganizationError::Neighbour)?;
        store::organizations::delete(transaction, id).await?;
        store::retired_slugs::insert(transaction, &before.slug, event.at).await?;
        let detail = json!({
            "before": { "slug": before.slug, "name": before.name, "members": members, "apps": gone.apps },
            "destroyed": { "dataKeys": gone.data_keys, "values": gone.values },
        });
        let destruction = Destruction {
            organization: id,
            slug: before.slug,
            data_keys: gone.data_keys,
            values: gone.values,
            apps: gone.apps,
            members,
        };
        let event = event.with(detail);
        let receipt = self.receipts.issue(&event, destruction);
        change.commit(event).await?;
        Ok(receipt)
    }
}

/// Makes an organization with its first Owner, and commits.
pub(crate) async fn establish(
    change: Change,
    action: &'static str,
    owner: UserId,
    request: RequestId,
    slug: OrganizationSlug,
    name: Name,
) -> Result<Organization, OrganizationError> {
    let id = OrganizationId::generate();
    let event =
        Event::done(Actor::Person(owner), action, Target::Organization(id)).of(id).in_request(request);
    let organization = Organization {
        id,
        slug,
        name,
        hosted_domain: None,
        personal_accounts_in_apps: true,
        created_at: event.at,
    };
    if let Some(retired_at) =
        store::retired_slugs::retired_at(change.transaction(), &organization.slug).await?
    {
        if event.at < retired_at + SLUG_REST {
            return Err(OrganizationError::SlugTaken);
        }
        store::retired_slugs::delete(change.transaction(), &organization.slug).await?;
    }
    store::organizations::insert(change.transaction(), &organization).await?;
    store::members::insert(change.transaction(), id, owner, Role::Owner, event.at).await?;
    let detail = json!({ "after": { "slug": organization.slug, "name": organization.name, "owner": owner } });
    change.commit(event.with(detail)).await?;
    Ok(organization)
}

fn admits(wanted: Option<&HostedDomain>, signed: Option<&str>) -> bool {
    wanted.is_none_or(|domain| domain.admits(signed))
}

fn settings(organization: &Organization) -> serde_json::Value {
    json!({
        "name": organization.name,
        "hostedDomain": organization.hosted_domain.as_ref().map(HostedDomain::as_str),
        "personalAccountsInApps": organization.personal_accounts_in_apps,
    })
}

/// The local part of the address, as far as a slug can hold it, and a number from the second attempt on.
fn personal_slug(email: &str, attempt: u32) -> Option<OrganizationSlug> {
    let local = email.split('@').next().unwrap_or_default().split('+').next().unwrap_or_default();
    let mut base = String::new();
    for character in local.chars() {
        if character.is_ascii_alphanumeric() {
            base.push(character.to_ascii_lowercase());
        } else if !base.is_empty() && !base.ends_with('-') {
            base.push('-');
        }
        if base.len() == 24 {
            break;
        }
    }
    let base = base.trim_end_matches('-');
    let base = if base.is_empty() { "personal" } else { base };
    let text = if attempt == 1 { base.to_owned() } else { format!("{base}-{attempt}") };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_personal_slug_is_made_of_the_local_part() {
        let check = |email: &str, attempt: u32, slug: Option<&str>| {
            assert_eq!(personal_slug(email, attempt).as_ref().map(OrganizationSlug::as_str), slug, "{email}");
        };
        check("Ada.Lovelace+x@example.com", 1, Some("ada-lovelace"));
        check("ada__b@example.com", 2, Some("ada-b-2"));
        check("_@example.com", 1, Some("personal"));
        check("admin@example.com", 1, None);
        check("admin@example.com", 2, Some("admin-2"));
        check("a.very.long.local.part.that.does.not.end@example.com", 1, Some("a-very-long-local-part-t"));
    }
}
