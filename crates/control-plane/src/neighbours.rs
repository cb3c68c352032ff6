//! What organizations and apps need of crates that they do not know.

use std::collections::HashMap;

use access_control::Action as _;
use access_control::{CreateOrganization, Facts, Principal, SignIn, SignedIn, authorize};
use async_trait::async_trait;
use audit::{Actor, Change, Event, Follower, Target};
use identity::{IdentityError, Users};
use ids::{EmailAddress, OrganizationId, RequestId, UserId};
use organizations::{NeighbourError, OrganizationError, Organizations};
use time::OffsetDateTime;

/// People as identity knows them.
pub(crate) struct KnownPeople(pub(crate) Users);

#[async_trait]
impl organizations::People for KnownPeople {
    async fn people(
        &self,
        users: &[UserId],
    ) -> Result<HashMap<UserId, organizations::PersonName>, NeighbourError> {
        let mut found = HashMap::with_capacity(users.len());
        for user in users {
            if let Some(person) = known(self.0.person(*user).await)? {
                let name = organizations::PersonName {
                    email: person.email,
                    name: person.name,
                    picture: person.picture,
                };
                found.insert(*user, name);
            }
        }
        Ok(found)
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

/// What apps keep for a member goes with the membership.
pub(crate) struct AppsForget;

#[async_trait]
impl organizations::Departures for AppsForget {
    async fn forget_member(
        &self,
        change: &Change,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), NeighbourError> {
        Ok(apps::forget_member(change, organization, user).await?)
    }
}

/// Gives whoever signs in and belongs to no organization one of their own.
pub(crate) struct PersonalOrganizations {
    pub(crate) organizations: Organizations,
    pub(crate) users: Users,
    pub(crate) facts: std::sync::Arc<dyn Facts>,
}

#[async_trait]
impl Follower for PersonalOrganizations {
    async fn committed(&self, event: &Event) {
        if let (Actor::Person(user), SignIn::NAME, Target::Session(session)) =
            (event.actor, event.action, event.target)
        {
            let signed_in =
                SignedIn { user, session, hosted_domain: None, authenticated_at: OffsetDateTime::now_utc() };
            if let Err(error) = self.establish(signed_in, event.request).await {
                // The person is signed in all the same; the next sign-in tries again.
                tracing::error!(error = &*error, %user, "a personal organization could not be made");
            }
        }
    }
}

impl PersonalOrganizations {
    async fn establish(&self, person: SignedIn, request: Option<RequestId>) -> Result<(), NeighbourError> {
        let user = person.user;
        let principal = Principal::User(person);
        let now = OffsetDateTime::now_utc();
        let permit = authorize::<CreateOrganization>(Some(&principal), (), &*self.facts, now)?;
        let known = self.users.person(user).await?;
        let name = organizations::PersonName { email: known.email, name: known.name, picture: known.picture };
        let request = request.unwrap_or_else(RequestId::generate);
        match self.organizations.create_personal(&permit, request, &name).await {
            // Before the first set-up there are no organizations at all.
            Ok(_) | Err(OrganizationError::SetUpPending) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
