//! What organizations and apps need of crates that they do not know.

use std::collections::HashMap;
use std::time::Instant;

use access_control::Role;
use async_trait::async_trait;
use audit::Change;
use identity::{IdentityError, Users};
use ids::{EmailAddress, OrganizationId, UserId};
use mail::{Letter, Mailer};
use organizations::{Delivery, Gone, InvitationLetter, NeighbourError};
use secrets_vault::{Destroyed, Vault};
use time::OffsetDateTime;

use crate::letter_limits::LetterLimits;

/// People as identity knows them.
pub(crate) struct KnownPeople(pub(crate) Users);

#[async_trait]
impl organizations::People for KnownPeople {
    async fn people(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, organizations::PersonName>, NeighbourError> {
        let people = self.0.people(users).await?;
        let name = |person: identity::Person| {
            let identity::Person { id, email, name, picture } = person;
            (id, organizations::PersonName { email, name, picture })
        };
        Ok(people.into_iter().map(name).collect())
    }

    async fn with_email(&self, email: &EmailAddress) -> Result<Option<UserId>, NeighbourError> {
        Ok(known(self.0.by_email(email).await)?.map(|person| person.id))
    }
}

#[async_trait]
impl apps::People for KnownPeople {
    async fn person(&self, user: UserId) -> Result<Option<apps::PersonName>, NeighbourError> {
        let person = known(self.0.person(user).await)?;
        Ok(person.map(|person| apps::PersonName { email: person.email, name: person.name }))
    }
}

fn known<T>(found: Result<T, IdentityError>) -> Result<Option<T>, NeighbourError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(IdentityError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What apps and the vault keep for a member or an organization goes with it.
pub(crate) struct Forgetting(pub(crate) Vault);

#[async_trait]
impl organizations::Departures for Forgetting {
    async fn forget_member(
        &self,
        change: &Change,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), NeighbourError> {
        Ok(apps::forget_member(change, organization, user).await?)
    }

    async fn forget_organization(
        &self,
        change: &Change,
        organization: OrganizationId,
        now: OffsetDateTime,
    ) -> Result<Gone, NeighbourError> {
        // First: the values of its apps are counted, too.
        let Destroyed { keys, values } = self.0.destroy(change, organization).await?;
        let apps = apps::forget_organization(change, organization, now).await?;
        Ok(Gone { apps, data_keys: keys, values })
    }
}

/// Who belongs to an organization, for apps.
pub(crate) struct KnownMembers;

#[async_trait]
impl apps::Memberships for KnownMembers {
    async fn locked(
        &self,
        change: &Change,
        organization: OrganizationId,
    ) -> Result<HashMap<UserId, Role>, NeighbourError> {
        Ok(organizations::locked_roles(change, organization).await?)
    }
}

/// Letters of organizations, if there is a mail server.
pub(crate) struct Post {
    pub(crate) mailer: Option<Mailer>,
    pub(crate) limits: LetterLimits,
}

#[async_trait]
impl organizations::Letters for Post {
    async fn send_invitation(&self, invitation: &InvitationLetter) -> Delivery {
        let Some(mailer) = &self.mailer else { return Delivery::NotConfigured };
        if !self.limits.admits(&invitation.to, &invitation.inviter, Instant::now()) {
            tracing::warn!(
                "a letter was not sent: too many to this address, or for this person, within an hour"
            );
            return Delivery::Failed;
        }
        let letter = Letter {
            to: invitation.to.clone(),
            subject: invitation.subject(),
            text: invitation.text(),
            html: invitation.html(),
        };
        match mailer.send(&letter).await {
            Ok(()) => Delivery::Sent,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a letter was not sent");
                Delivery::Failed
            }
        }
    }
}
