//! An organization for whoever signs in and belongs to none.

use std::sync::Arc;

use access_control::{Action as _, CreateOrganization, Facts, Principal, SignIn, SignedIn, authorize};
use async_trait::async_trait;
use audit::{Actor, Event, Follower, News, Target};
use identity::Users;
use ids::RequestId;
use organizations::{NeighbourError, OrganizationError, Organizations, PersonName};

/// Gives whoever signs in and belongs to no organization one of their own.
pub(crate) struct PersonalOrganizations {
    pub(crate) organizations: Organizations,
    pub(crate) users: Users,
    pub(crate) facts: Arc<dyn Facts>,
}

#[async_trait]
impl Follower for PersonalOrganizations {
    async fn committed(&self, event: &Event) {
        if let (Actor::Person(user), SignIn::NAME, Target::Session(session)) =
            (event.actor, event.action, event.target)
        {
            let signed_in = SignedIn {
                user,
                session,
                hosted_domain: None,
                authenticated_at: clock::now(),
                means: access_control::Means::Browser,
            };
            if let Err(error) = self.establish(signed_in, event.request).await {
                // The person is signed in all the same; the next sign-in tries again.
                tracing::error!(error = &*error, %user, "a personal organization could not be made");
            }
        }
    }

    /// The process that let a person in makes the organization.
    async fn announced(&self, _: News<'_>) {}
}

impl PersonalOrganizations {
    async fn establish(&self, person: SignedIn, request: Option<RequestId>) -> Result<(), NeighbourError> {
        let user = person.user;
        let principal = Principal::User(person);
        let now = clock::now();
        let permit = authorize::<CreateOrganization>(Some(&principal), (), &*self.facts, now)?;
        let known = self.users.person(user).await?;
        let name = PersonName { email: known.email, name: known.name, picture: known.picture };
        let request = request.unwrap_or_else(RequestId::generate);
        match self.organizations.create_personal(&permit, request, &name).await {
            // Before the first set-up there are no organizations at all.
            Ok(_) | Err(OrganizationError::SetUpPending) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
