//! Named groups of members, to be named by path rules.

use access_control::{Action, ListGroups, ManageGroups, Permit};
use audit::{Actor, Change, Event, Target};
use ids::{GroupId, Name, RequestId, UserId};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::{OrganizationError, Store, store};

/// A group of members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its identifier.
    pub id: GroupId,
    /// Its name, unique in the organization.
    pub name: Name,
    /// Who is in it.
    pub members: Vec<UserId>,
    /// When it was created.
    pub created_at: OffsetDateTime,
}

/// The groups of organizations.
#[derive(Clone, Debug)]
pub struct Groups {
    store: Store,
}

impl Groups {
    /// The groups in this store.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// The groups by name.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(&self, permit: &Permit<ListGroups>) -> Result<Vec<Group>, OrganizationError> {
        store::groups::list(self.store.database(), permit.organization()).await
    }

    /// At most so many groups by name, after the one of this name.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn page(
        &self,
        permit: &Permit<ListGroups>,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Group>, OrganizationError> {
        store::groups::page(self.store.database(), permit.organization(), after, most).await
    }

    /// Creates an empty group.
    ///
    /// # Errors
    /// The name is taken, or the store is not available.
    pub async fn create(
        &self,
        permit: &Permit<ManageGroups>,
        request: RequestId,
        name: Name,
    ) -> Result<Group, OrganizationError> {
        let change = self.store.begin_locked(permit).await?;
        let id = GroupId::generate();
        let event = event(permit, request, id, json!({ "after": { "name": name } }));
        let group = Group { id, name, members: Vec::new(), created_at: event.at };
        store::groups::insert(change.transaction(), permit.organization(), &group).await?;
        change.commit(event).await?;
        Ok(group)
    }

    /// Gives a group another name.
    ///
    /// # Errors
    /// No such group in this organization, the name is taken, or the store is not available.
    pub async fn rename(
        &self,
        permit: &Permit<ManageGroups>,
        request: RequestId,
        group: GroupId,
        name: Name,
    ) -> Result<(), OrganizationError> {
        let change = self.store.begin_locked(permit).await?;
        let before = store::groups::name(change.transaction(), permit.organization(), group).await?;
        if before == name {
            return Ok(());
        }
        store::groups::rename(change.transaction(), group, &name).await?;
        let detail = json!({ "before": { "name": before }, "after": { "name": name } });
        Ok(change.commit(event(permit, request, group, detail)).await?)
    }

    /// Deletes a group. Path rules that name it then name nobody by it.
    ///
    /// # Errors
    /// No such group in this organization, or the store is not available.
    pub async fn delete(
        &self,
        permit: &Permit<ManageGroups>,
        request: RequestId,
        group: GroupId,
    ) -> Result<(), OrganizationError> {
        let change = self.store.begin_locked(permit).await?;
        let name = store::groups::name(change.transaction(), permit.organization(), group).await?;
        store::groups::delete(change.transaction(), group).await?;
        Ok(change.commit(event(permit, request, group, json!({ "before": { "name": name } }))).await?)
    }

    /// Puts a member into a group.
    ///
    /// # Errors
    /// No such group or member in this organization, or the store is not available.
    pub async fn add_member(
        &self,
        permit: &Permit<ManageGroups>,
        request: RequestId,
        group: GroupId,
        user: UserId,
    ) -> Result<(), OrganizationError> {
        let change = self.store.begin().await?;
        match self.add_member_within(&change, permit, request, group, user).await? {
            Some(event) => Ok(change.commit(event).await?),
            None => Ok(()),
        }
    }

    /// [`Groups::add_member`] as a part of a change; no event if the member is in the group already.
    ///
    /// # Errors
    /// As there.
    pub async fn add_member_within(
        &self,
        change: &Change,
        permit: &Permit<ManageGroups>,
        request: RequestId,
        group: GroupId,
        user: UserId,
    ) -> Result<Option<Event>, OrganizationError> {
        let organization = permit.organization();
        store::lock(change, permit).await?;
        store::groups::name(change.transaction(), organization, group).await?;
        store::members::role(change.transaction(), organization, user)
            .await?
            .ok_or(OrganizationError::NotFound)?;
        if !store::groups::add(change.transaction(), group, user).await? {
            return Ok(None);
        }
        Ok(Some(event(permit, request, group, json!({ "after": { "member": user } }))))
    }

    /// Takes a member out of a group.
    ///
    /// # Errors
    /// No such group in this organization, nobody of that name in it, or the store is not available.
    pub async fn remove_member(
        &self,
        permit: &Permit<ManageGroups>,
        request: RequestId,
        group: GroupId,
        user: UserId,
    ) -> Result<(), OrganizationError> {
        let change = self.store.begin().await?;
        let event = self.remove_member_within(&change, permit, request, group, user).await?;
        Ok(change.commit(event).await?)
    }

    /// [`Groups::remove_member`] as a part of a change.
    ///
    /// # Errors
    /// As there.
    pub async fn remove_member_within(
        &self,
        change: &Change,
        permit: &Permit<ManageGroups>,
        request: RequestId,
        group: GroupId,
        user: UserId,
    ) -> Result<Event, OrganizationError> {
        store::lock(change, permit).await?;
        store::groups::name(change.transaction(), permit.organization(), group).await?;
        if !store::groups::remove(change.transaction(), group, user).await? {
            return Err(OrganizationError::NotFound);
        }
        Ok(event(permit, request, group, json!({ "before": { "member": user } })))
    }
}

fn event(permit: &Permit<ManageGroups>, request: RequestId, group: GroupId, detail: Value) -> Event {
    Event::done(Actor::Person(permit.user()), ManageGroups::NAME, Target::Group(group))
        .of(permit.organization())
        .in_request(request)
        .with(detail)
}
