//! Members: finding them, changing their roles, handing ownership over, removing them, leaving.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{
    Action, ChangeRole, LeaveOrganization, ListMembers, ManageOwners, Permit, RemoveMember, Role,
    TransferOwnership,
};
use audit::{Actor, Change, Event, Target, Withdrawal};
use ids::{EmailAddress, OrganizationId, RequestId, UserId};
use serde_json::json;
use time::OffsetDateTime;

use crate::{Departures, OrganizationError, People, PersonName, Store, store};

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: UserId,
    /// What the person is here.
    pub role: Role,
    /// Since when.
    pub created_at: OffsetDateTime,
}

/// Which members are looked for.
#[derive(Clone, Debug, Default)]
pub struct MemberSearch {
    /// A part of the name or the e-mail address, in any case. Compared here and not in the store, so that
    /// no character of it is a pattern and both stores agree about letters.
    pub text: Option<String>,
    /// Their role.
    pub role: Option<Role>,
}

/// A member, and who that is.
#[derive(Clone, Debug)]
pub struct KnownMember {
    /// The member.
    pub member: Member,
    /// The person, unless nobody knows.
    pub person: Option<PersonName>,
}

impl MemberSearch {
    fn finds(&self, member: &KnownMember) -> bool {
        let Some(text) = &self.text else { return true };
        let text = text.to_lowercase();
        member.person.as_ref().is_some_and(|person| {
            person.email.as_str().contains(&text) || person.name.to_lowercase().contains(&text)
        })
    }
}

/// How many members are read at a time while a piece of a list is filled.
const PIECE: usize = 256;

/// The members of organizations.
#[derive(Clone)]
pub struct Members {
    store: Store,
    people: Arc<dyn People>,
    departures: Arc<dyn Departures>,
}

impl std::fmt::Debug for Members {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Members").finish_non_exhaustive()
    }
}

impl Members {
    /// The members in this store.
    #[must_use]
    pub fn new(store: Store, people: Arc<dyn People>, departures: Arc<dyn Departures>) -> Self {
        Self { store, people, departures }
    }

    /// Everybody, in the order of joining.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(&self, permit: &Permit<ListMembers>) -> Result<Vec<Member>, OrganizationError> {
        store::members::list(self.store.database(), permit.organization()).await
    }

    /// Members that a person looks for, in the order of their identifiers, with who they are: at most so
    /// many, after this one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn search(
        &self,
        permit: &Permit<ListMembers>,
        wanted: &MemberSearch,
        mut after: Option<UserId>,
        most: usize,
    ) -> Result<Vec<KnownMember>, OrganizationError> {
        let mut found = Vec::new();
        loop {
            let piece = store::members::page(
                self.store.database(),
                permit.organization(),
                wanted.role,
                after,
                // Without a text everybody read is somebody found.
                if wanted.text.is_some() { PIECE } else { most },
            );
            let members = piece.await?;
            let last = wanted.text.is_none() || members.len() < PIECE;
            after = members.last().map(|member| member.user);
            let users: Vec<_> = members.iter().map(|member| member.user).collect();
            let mut people = self.people.people(&users).await.map_err(OrganizationError::Neighbour)?;
            let known = members.into_iter().map(|member| {
                let person = people.remove(&member.user);
                KnownMember { member, person }
            });
            found.extend(known.filter(|member| wanted.finds(member)));
            if last || found.len() >= most {
                found.truncate(most);
                return Ok(found);
            }
        }
    }

    /// Makes another member an Owner and oneself an Admin, in one change.
    ///
    /// # Errors
    /// No such member, an Owner already, not an Owner oneself any more, or the store is not available.
    pub async fn transfer_ownership(
        &self,
        permit: &Permit<TransferOwnership>,
        request: RequestId,
        user: UserId,
    ) -> Result<(), OrganizationError> {
        let organization = permit.organization();
        let change = self.store.begin_locked(permit).await?;
        let before = role_of(&change, organization, user).await?;
        if before == Role::Owner {
            return Err(OrganizationError::AlreadyOwner);
        }
        store::members::set_role(change.transaction(), organization, user, Role::Owner).await?;
        store::members::set_role(change.transaction(), organization, permit.user(), Role::Admin).await?;
        let event = Event::done(Actor::Person(permit.user()), TransferOwnership::NAME, Target::Member(user))
            .of(organization)
            .in_request(request)
            .with(json!({
                "before": { "role": before, "ownRole": Role::Owner },
                "after": { "role": Role::Owner, "ownRole": Role::Admin },
            }));
        Ok(change.commit(event).await?)
    }

    /// Gives a member another role. Making an Owner, or changing one, is for Owners.
    ///
    /// # Errors
    /// No such member, not allowed, the last Owner, or the store is not available.
    pub async fn change_role(
        &self,
        permit: &Permit<ChangeRole>,
        request: RequestId,
        user: UserId,
        role: Role,
    ) -> Result<(), OrganizationError> {
        let change = self.store.begin().await?;
        match self.change_role_within(&change, permit, request, user, role).await? {
            Some(event) => Ok(change.commit(event).await?),
            None => Ok(()),
        }
    }

    /// [`Members::change_role`] as a part of a change; no event if the member has this role already.
    ///
    /// # Errors
    /// As there.
    pub async fn change_role_within(
        &self,
        change: &Change,
        permit: &Permit<ChangeRole>,
        request: RequestId,
        user: UserId,
        role: Role,
    ) -> Result<Option<Event>, OrganizationError> {
        let organization = permit.organization();
        store::lock(change, permit).await?;
        let before = role_of(change, organization, user).await?;
        if before == Role::Owner || role == Role::Owner {
            store::confirm(change.transaction(), &permit.also::<ManageOwners>()?).await?;
        }
        if before == role {
            return Ok(None);
        }
        keep_an_owner(change, organization, before).await?;
        store::members::set_role(change.transaction(), organization, user, role).await?;
        let event = Event::done(Actor::Person(permit.user()), ChangeRole::NAME, Target::Member(user))
            .of(organization)
            .in_request(request)
            .with(json!({ "before": { "role": before }, "after": { "role": role } }));
        Ok(Some(event))
    }

    /// Ends a membership. Removing an Owner is for Owners.
    ///
    /// # Errors
    /// No such member, not allowed, the last Owner, or the store is not available.
    pub async fn remove(
        &self,
        permit: &Permit<RemoveMember>,
        request: RequestId,
        user: UserId,
    ) -> Result<Withdrawal, OrganizationError> {
        let people = self.people.people(&[user]).await.map_err(OrganizationError::Neighbour)?;
        let email = people.get(&user).map(|person| &person.email);
        let change = self.store.begin().await?;
        let event = self.remove_within(&change, permit, request, user, email).await?;
        Ok(change.withdraw(event).await?)
    }

    /// [`Members::remove`] as a part of a change. `email` is the person's address: it is looked up before
    /// a change begins.
    ///
    /// # Errors
    /// As there.
    pub async fn remove_within(
        &self,
        change: &Change,
        permit: &Permit<RemoveMember>,
        request: RequestId,
        user: UserId,
        email: Option<&EmailAddress>,
    ) -> Result<Event, OrganizationError> {
        let organization = permit.organization();
        store::lock(change, permit).await?;
        let role = role_of(change, organization, user).await?;
        if role == Role::Owner {
            store::confirm(change.transaction(), &permit.also::<ManageOwners>()?).await?;
        }
        let event = Event::done(Actor::Person(permit.user()), RemoveMember::NAME, Target::Member(user))
            .of(organization)
            .in_request(request);
        // Otherwise a link that was sent earlier would undo the removal.
        if let Some(email) = email {
            store::invitations::revoke_for(change.transaction(), organization, email, event.at).await?;
        }
        self.end(change, organization, user, role, event).await
    }

    /// Ends one's own membership.
    ///
    /// # Errors
    /// The last Owner cannot leave, or the store is not available.
    pub async fn leave(
        &self,
        permit: &Permit<LeaveOrganization>,
        request: RequestId,
    ) -> Result<(), OrganizationError> {
        let user = permit.user();
        let change = self.store.begin_locked(permit).await?;
        let role = role_of(&change, permit.organization(), user).await?;
        let event = Event::done(Actor::Person(user), LeaveOrganization::NAME, Target::Member(user))
            .of(permit.organization())
            .in_request(request);
        let event = self.end(&change, permit.organization(), user, role, event).await?;
        Ok(change.commit(event).await?)
    }

    async fn end(
        &self,
        change: &Change,
        organization: OrganizationId,
        user: UserId,
        role: Role,
        event: Event,
    ) -> Result<Event, OrganizationError> {
        keep_an_owner(change, organization, role).await?;
        self.departures
            .forget_member(change, organization, user)
            .await
            .map_err(OrganizationError::Neighbour)?;
        store::members::delete(change.transaction(), organization, user).await?;
        Ok(event.with(json!({ "before": { "role": role } })))
    }
}

async fn role_of(
    change: &Change,
    organization: OrganizationId,
    user: UserId,
) -> Result<Role, OrganizationError> {
    store::members::role(change.transaction(), organization, user).await?.ok_or(OrganizationError::NotFound)
}

/// Refuses to take `role` from somebody if that leaves no Owner. The organization is locked.
async fn keep_an_owner(
    change: &Change,
    organization: OrganizationId,
    role: Role,
) -> Result<(), OrganizationError> {
    if role == Role::Owner && store::members::owners(change.transaction(), organization).await? < 2 {
        return Err(OrganizationError::LastOwner);
    }
    Ok(())
}

/// The members of an organization with their roles, as they stay until the change ends; nobody when there is
/// no such organization. For those who decide about what belongs to members.
///
/// # Errors
/// The store is not available.
pub async fn locked_roles(
    change: &Change,
    organization: OrganizationId,
) -> Result<HashMap<UserId, Role>, OrganizationError> {
    match store::organizations::lock(change.transaction(), organization).await {
        Ok(()) => store::members::roles(change.transaction(), organization).await,
        Err(OrganizationError::NotFound) => Ok(HashMap::new()),
        Err(error) => Err(error),
    }
}
