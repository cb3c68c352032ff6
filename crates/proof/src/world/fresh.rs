//! Objects that one request may change, and undoing what it did to people.

use super::{World, object};
use crate::ProofError;
use crate::caller::{AppKind, Caller, Person};
use crate::client::Reply;
use crate::declared::Endpoint;
use crate::requests::{self, Objects};

/// Endpoints that take a person into another organization.
const ACCEPTING: [&str; 2] = ["accept_invitation", "accept_invitation_by_form"];

impl World {
    /// With names nobody has used, for the next request.
    pub fn named(&self, objects: &Objects) -> Objects {
        let mut objects = objects.clone();
        objects.insert("unique", self.unique());
        objects.insert("email", self.email());
        objects
    }

    /// What this caller may change by this one request.
    pub async fn fresh(&self, endpoint: &Endpoint, caller: &Caller) -> Result<Objects, ProofError> {
        let mut objects = self.standing(caller.app)?.clone();
        let (path, name) = (endpoint.path.as_str(), endpoint.name.as_str());
        let example = requests::example(endpoint)?;
        let person = caller.person.unwrap_or(Person::Owner);
        if example.in_new_organization {
            let organization = self.organization(Person::Owner).await?;
            self.join_all(&organization).await?;
            objects.extend(organization);
        }
        if path.contains("/orphaned-apps/") {
            self.orphan(&mut objects).await?;
        } else if path.contains("{app_id}") {
            self.app(Person::Editor, caller.app, &mut objects).await?;
        }
        if path.contains("{connection_id}") {
            self.connection(Person::Owner, &mut objects).await?;
        }
        self.fresh_services(path, name, person, &mut objects).await?;
        if path.contains("{data_query_id}") {
            self.data_query(Person::Editor, &mut objects).await?;
        }
        if path.contains("{group_id}") {
            let group = self.group(Person::Owner, &objects).await?;
            objects.insert("group_id", group);
            if name == "remove_group_member" {
                self.put_into_group(Person::Owner, &objects).await?;
            }
        }
        if path.contains("{organization_secret_id}") {
            self.secret(Person::Owner, "organization_secret_id", &mut objects).await?;
        }
        if path.contains("{own_secret_id}") && person != Person::Outsider {
            self.secret(person, "own_secret_id", &mut objects).await?;
        }
        if path.contains("{invitation_id}") {
            let (invitation, _) = self.invitation(Person::Owner, &objects, &self.email(), "member").await?;
            objects.insert("invitation_id", invitation);
        }
        if path.contains("{session_id}") {
            objects.insert("session_id", self.session(person).await?.id);
        }
        if path.contains("{api_token_id}") {
            objects.insert("api_token_id", self.new_api_token(person).await?.0);
        }
        if ACCEPTING.contains(&name) {
            let email = self.session(person).await?.email;
            let (owner, organization) = self.elsewhere(person)?;
            let (_, token) = self.invitation(owner, organization, &email, "member").await?;
            objects.insert("invitation_token", token);
        }
        Ok(objects)
    }

    /// An organization that this person is not in, and its Owner.
    fn elsewhere(&self, person: Person) -> Result<(Person, &Objects), ProofError> {
        Ok(match person {
            Person::Outsider => (Person::Owner, self.standing(AppKind::Organization)?),
            _ => (Person::Outsider, &self.other),
        })
    }

    /// Undoes what a successful request did to the people.
    pub async fn restore(
        &self,
        endpoint: &Endpoint,
        caller: &Caller,
        reply: &Reply,
        objects: &Objects,
    ) -> Result<(), ProofError> {
        let Some(person) = caller.person else { return Ok(()) };
        if requests::example(endpoint)?.ends_sessions {
            self.forget(person);
        }
        if ACCEPTING.contains(&endpoint.name.as_str()) && reply.is_success() {
            let (_, organization) = self.elsewhere(person)?;
            let path = format!("/organizations/{}/leave", object(organization, "organization_id")?);
            self.api(person, "POST", &path, None).await?;
        }
        if endpoint.name == "create_organization" && reply.is_success() {
            let made = reply.json();
            let id = super::text("a new organization", &made, "/id")?;
            self.to_delete(person, &id, object(objects, "unique")?);
        }
        Ok(())
    }
}
