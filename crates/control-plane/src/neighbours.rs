//! What organizations and apps need of crates that they do not know.

use std::collections::HashMap;

use async_trait::async_trait;
use audit::Change;
use identity::{IdentityError, Users};
use ids::{EmailAddress, OrganizationId, UserId};
use organizations::NeighbourError;

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
