//! Inviting people, and accepting.

use std::sync::Arc;

use access_control::{
    AcceptInvitation, Action, CreateInvitation, ListInvitations, ManageOwners, Permit, RevokeInvitation, Role,
};
use audit::{Actor, Event, Target};
use ids::{EmailAddress, InvitationId, OrganizationId, RequestId};
use secrets_vault::Token;
use serde_json::json;
use time::OffsetDateTime;

use crate::invitation::may_invite;
use crate::{INVITATION_LIFETIME, Invitation, OrganizationError, People, Store, store};

/// The invitations of organizations.
#[derive(Clone)]
pub struct Invitations {
    store: Store,
    people: Arc<dyn People>,
}

impl std::fmt::Debug for Invitations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Invitations").finish_non_exhaustive()
    }
}

/// An invitation that was just made.
pub struct NewInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// Its secret. It is not kept, so this is the only time it can be shown.
    pub token: Token,
}

/// Where an accepted invitation led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The organization.
    pub organization: OrganizationId,
    /// What the person is there now.
    pub role: Role,
    /// Whether the person was no member before. An invitation never changes a member's role.
    pub joined: bool,
}

impl Invitations {
    /// The invitations in this store.
    #[must_use]
    pub fn new(store: Store, people: Arc<dyn People>) -> Self {
        Self { store, people }
    }

    /// Invites an e-mail address. An earlier invitation of the same address stops holding. Inviting an
    /// Owner is for Owners.
    ///
    /// # Errors
    /// Not allowed, already a member, or the store is not available.
    pub async fn create(
        &self,
        permit: &Permit<CreateInvitation>,
        request: RequestId,
        email: EmailAddress,
        role: Role,
        now: OffsetDateTime,
    ) -> Result<NewInvitation, OrganizationError> {
        let organization = permit.organization();
        let known = self.people.with_email(&email).await.map_err(OrganizationError::Neighbour)?;
        let token = Token::generate().map_err(OrganizationError::Randomness)?;
        let change = self.store.begin_locked(permit).await?;
        if role == Role::Owner {
            store::confirm(change.transaction(), &permit.also::<ManageOwners>()?).await?;
        }
        if let Some(user) = known
            && store::members::role(change.transaction(), organization, user).await?.is_some()
        {
            return Err(OrganizationError::AlreadyMember);
        }
        let replaced =
            store::invitations::revoke_for(change.transaction(), organization, &email, now).await?;
        let invitation = Invitation {
            id: InvitationId::generate(),
            organization,
            email,
            role,
            invited_by: permit.user(),
            created_at: now,
            expires_at: now + INVITATION_LIFETIME,
            accepted_at: None,
            revoked_at: None,
        };
        store::invitations::insert(change.transaction(), &invitation, token.hash()).await?;
        let event = Event::done(
            Actor::Person(permit.user()),
            CreateInvitation::NAME,
            Target::Invitation(invitation.id),
        )
        .of(organization)
        .during(request)
        .with(json!({ "after": { "email": invitation.email, "role": role }, "replaced": replaced }));
        change.commit(event).await?;
        Ok(NewInvitation { invitation, token })
    }

    /// Those that can still be accepted, newest first.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListInvitations>,
        now: OffsetDateTime,
    ) -> Result<Vec<Invitation>, OrganizationError> {
        let mut pending = store::invitations::list(self.store.database(), permit.organization()).await?;
        pending.retain(|invitation| invitation.is_open(now));
        Ok(pending)
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// No such pending invitation in this organization, or the store is not available.
    pub async fn revoke(
        &self,
        permit: &Permit<RevokeInvitation>,
        request: RequestId,
        id: InvitationId,
        now: OffsetDateTime,
    ) -> Result<(), OrganizationError> {
        let change = self.store.begin_locked(permit).await?;
        let invitation = store::invitations::find(change.transaction(), permit.organization(), id)
            .await?
            .ok_or(OrganizationError::NotFound)?;
        if !store::invitations::revoke(change.transaction(), id, now).await? {
            return Err(OrganizationError::NotFound);
        }
        let event = Event::done(Actor::Person(permit.user()), RevokeInvitation::NAME, Target::Invitation(id))
            .of(permit.organization())
            .during(request)
            .with(json!({ "before": { "email": invitation.email, "role": invitation.role } }));
        Ok(change.commit(event).await?)
    }

    /// Accepts an invitation, once, by the person whose verified e-mail address it names.
    ///
    /// It is judged as it stands now: whoever invited must still be allowed to give that role.
    ///
    /// # Errors
    /// The invitation does not hold, is for another address or another hosted domain, or the store is
    /// not available.
    pub async fn accept(
        &self,
        permit: &Permit<AcceptInvitation>,
        request: RequestId,
        token: &str,
        email: &EmailAddress,
        now: OffsetDateTime,
    ) -> Result<Accepted, OrganizationError> {
        let hash = Token::parse(token).ok_or(OrganizationError::InvitationInvalid)?.hash();
        let user = permit.user();
        let change = self.store.begin().await?;
        let transaction = change.transaction();
        let named = store::invitations::by_token(transaction, hash.clone())
            .await?
            .ok_or(OrganizationError::InvitationInvalid)?;
        let organization = named.organization;
        store::organizations::lock(transaction, organization).await?;
        // Read again: it may have been used or revoked while the lock was awaited.
        let invitation = store::invitations::by_token(transaction, hash)
            .await?
            .ok_or(OrganizationError::InvitationInvalid)?;
        if invitation.email != *email {
            return Err(OrganizationError::OtherEmail);
        }
        let inviter = store::members::role(transaction, organization, invitation.invited_by).await?;
        if !invitation.is_open(now) || !inviter.is_some_and(|role| may_invite(role, invitation.role)) {
            return Err(OrganizationError::InvitationInvalid);
        }
        let wanted = store::organizations::find(transaction, organization).await?.hosted_domain;
        if wanted.is_some_and(|domain| !domain.admits(permit.actor().hosted_domain.as_deref())) {
            return Err(OrganizationError::OtherHostedDomain);
        }
        if !store::invitations::accept(transaction, invitation.id, now).await? {
            return Err(OrganizationError::InvitationInvalid);
        }
        let before = store::members::role(transaction, organization, user).await?;
        let role = before.unwrap_or(invitation.role);
        if before.is_none() {
            store::members::insert(transaction, organization, user, role, now).await?;
        }
        let event =
            Event::done(Actor::Person(user), AcceptInvitation::NAME, Target::Invitation(invitation.id))
                .of(organization)
                .during(request)
                .with(json!({ "before": { "role": before }, "after": { "member": user, "role": role } }));
        change.commit(event).await?;
        Ok(Accepted { organization, role, joined: before.is_none() })
    }
}
