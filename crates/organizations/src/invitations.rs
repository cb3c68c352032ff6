//! Inviting people, sending the letters, and accepting.

use std::sync::Arc;

use access_control::{
    AcceptInvitation, Action, CreateInvitation, ListInvitations, ManageOwners, Permit, RevokeInvitation, Role,
};
use audit::{Actor, Change, Event, Target};
use cryptography::Token;
use ids::{EmailAddress, InvitationId, OrganizationId, RequestId, UserId};
use serde_json::json;
use time::OffsetDateTime;

use crate::invitation::may_invite;
use crate::{
    Delivery, INVITATION_LIFETIME, Invitation, InvitationLetter, Letters, OrganizationError, People, Store,
    store,
};

/// The audit trail's name for what became of a letter.
const DELIVER: &str = "invitations.deliver";

/// How many rows are read at a time while a piece of a list is filled.
const PIECE: usize = 256;

/// The invitations of organizations.
#[derive(Clone)]
pub struct Invitations {
    store: Store,
    people: Arc<dyn People>,
    letters: Arc<dyn Letters>,
    platform_origin: Arc<str>,
}

impl std::fmt::Debug for Invitations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Invitations").finish_non_exhaustive()
    }
}

/// An invitation that was just made, or made anew.
pub struct NewInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// Its secret. It is not kept, so this is the only time it can be shown.
    pub token: Token,
    /// Where it is accepted; holds the secret.
    pub link: String,
    /// What became of the letter.
    pub delivery: Delivery,
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
    /// The invitations in this store, to be accepted at `platform_origin` (`https://<host>[:port]`).
    #[must_use]
    pub fn new(
        store: Store,
        people: Arc<dyn People>,
        letters: Arc<dyn Letters>,
        platform_origin: &str,
    ) -> Self {
        Self { store, people, letters, platform_origin: Arc::from(platform_origin) }
    }

    /// Invites an e-mail address, and sends the letter. An earlier invitation of the same address stops
    /// holding. Inviting an Owner is for Owners.
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
        may_now_invite(&change, permit, role, known).await?;
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
            last_delivery: None,
        };
        store::invitations::insert(change.transaction(), &invitation, token.hash()).await?;
        let event = Event::done(
            Actor::Person(permit.user()),
            CreateInvitation::NAME,
            Target::Invitation(invitation.id),
        )
        .of(organization)
        .in_request(request)
        .with(json!({ "after": { "email": invitation.email, "role": role }, "replaced": replaced }));
        change.commit(event).await?;
        Ok(self.send(invitation, token, request).await)
    }

    /// Makes an invitation anew and sends its letter: the old link stops holding, the fourteen days begin
    /// again, and from now on the invitation is that of whoever made it anew. The e-mail address and the
    /// role stay.
    ///
    /// # Errors
    /// No such open invitation in this organization, not allowed, already a member, or the store is not
    /// available.
    pub async fn renew(
        &self,
        permit: &Permit<CreateInvitation>,
        request: RequestId,
        id: InvitationId,
        now: OffsetDateTime,
    ) -> Result<NewInvitation, OrganizationError> {
        let organization = permit.organization();
        let open = |found: Option<Invitation>| {
            found.filter(|invitation| invitation.is_open(now)).ok_or(OrganizationError::NotFound)
        };
        let named = open(store::invitations::find(self.store.database(), organization, id).await?)?;
        let known = self.people.with_email(&named.email).await.map_err(OrganizationError::Neighbour)?;
        let token = Token::generate().map_err(OrganizationError::Randomness)?;
        let change = self.store.begin_locked(permit).await?;
        let before = open(store::invitations::find(change.transaction(), organization, id).await?)?;
        may_now_invite(&change, permit, before.role, known).await?;
        let invitation = Invitation {
            invited_by: permit.user(),
            expires_at: now + INVITATION_LIFETIME,
            last_delivery: None,
            ..before.clone()
        };
        store::invitations::renew(change.transaction(), &invitation, token.hash()).await?;
        let dates = |invitation: &Invitation| {
            json!({
                "invitedBy": invitation.invited_by,
                "expiresAt": invitation.expires_at.unix_timestamp(),
            })
        };
        let event = Event::done(Actor::Person(permit.user()), CreateInvitation::NAME, Target::Invitation(id))
            .of(organization)
            .in_request(request)
            .with(json!({ "renewed": true, "before": dates(&before), "after": dates(&invitation) }));
        change.commit(event).await?;
        Ok(self.send(invitation, token, request).await)
    }

    /// Sends the letter of an invitation that was committed, and keeps what became of it. The inviter gets
    /// the link in any case, so nothing that goes wrong here takes the invitation back.
    async fn send(&self, invitation: Invitation, token: Token, request: RequestId) -> NewInvitation {
        let link = format!("{}/invitations/accept?token={}", self.platform_origin, *token.reveal());
        let delivery = match self.letter(&invitation, link.clone()).await {
            Ok(letter) => self.letters.send_invitation(&letter).await,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a letter could not be written");
                Delivery::Failed
            }
        };
        if let Err(error) = self.keep_delivery(&invitation, &token, delivery, request).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a delivery could not be recorded");
        }
        let invitation = Invitation { last_delivery: Some(delivery), ..invitation };
        NewInvitation { invitation, token, link, delivery }
    }

    async fn letter(
        &self,
        invitation: &Invitation,
        link: String,
    ) -> Result<InvitationLetter, OrganizationError> {
        let inviter = invitation.invited_by;
        let mut people = self.people.people(&[inviter]).await.map_err(OrganizationError::Neighbour)?;
        let inviter = people.remove(&inviter).ok_or(OrganizationError::Unreadable("users"))?;
        let organization = store::organizations::find(self.store.database(), invitation.organization).await?;
        Ok(InvitationLetter {
            to: invitation.email.clone(),
            organization: organization.name,
            inviter: inviter.email,
            role: invitation.role,
            link,
            expires_at: invitation.expires_at,
        })
    }

    async fn keep_delivery(
        &self,
        invitation: &Invitation,
        token: &Token,
        delivery: Delivery,
        request: RequestId,
    ) -> Result<(), OrganizationError> {
        let change = self.store.begin().await?;
        let transaction = change.transaction();
        if !store::invitations::set_delivery(transaction, invitation.id, token.hash(), delivery).await? {
            return Ok(());
        }
        let event = Event::done(Actor::System, DELIVER, Target::Invitation(invitation.id))
            .of(invitation.organization)
            .in_request(request)
            .with(json!({ "after": { "delivery": delivery.as_str() } }));
        Ok(change.commit(event).await?)
    }

    /// Those that can still be accepted, newest first: at most so many, after (older than) this one.
    ///
    /// # Errors
    /// The store is not available.
    pub async fn list(
        &self,
        permit: &Permit<ListInvitations>,
        mut after: Option<InvitationId>,
        most: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<Invitation>, OrganizationError> {
        let mut open = Vec::new();
        loop {
            let read =
                store::invitations::list(self.store.database(), permit.organization(), after, PIECE).await?;
            let last = read.len() < PIECE;
            after = read.last().map(|invitation| invitation.id);
            open.extend(read.into_iter().filter(|invitation| invitation.is_open(now)));
            if last || open.len() >= most {
                open.truncate(most);
                return Ok(open);
            }
        }
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
            .in_request(request)
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
        store::organizations::lock(transaction, organization).await.map_err(|error| match error {
            // It went with its organization while the lock was awaited.
            OrganizationError::NotFound => OrganizationError::InvitationInvalid,
            error => error,
        })?;
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
                .in_request(request)
                .with(json!({ "before": { "role": before }, "after": { "member": user, "role": role } }));
        change.commit(event).await?;
        Ok(Accepted { organization, role, joined: before.is_none() })
    }
}

/// Whether this person may give this role now, to somebody who is no member. The organization is locked.
async fn may_now_invite(
    change: &Change,
    permit: &Permit<CreateInvitation>,
    role: Role,
    known: Option<UserId>,
) -> Result<(), OrganizationError> {
    if role == Role::Owner {
        store::confirm(change.transaction(), &permit.also::<ManageOwners>()?).await?;
    }
    if let Some(user) = known
        && store::members::role(change.transaction(), permit.organization(), user).await?.is_some()
    {
        return Err(OrganizationError::AlreadyMember);
    }
    Ok(())
}
