//! Accounts at services, custom APIs, and what an organization is registered as. No service is asked for anything: one has no
//! call to try accounts with, and at the other nobody consents.

use serde_json::json;

use super::{World, object, text};
use crate::ProofError;
use crate::caller::Person;
use crate::requests::Objects;

/// Accounts are connected with a token made by hand.
const WITH_TOKEN: &str = "fly-io";
/// Accounts are connected by consent.
const WITH_CONSENT: &str = "asana";

impl World {
    /// What an organization has of them.
    pub(super) async fn services(
        &self,
        owner: Person,
        member: Person,
        objects: &mut Objects,
    ) -> Result<(), ProofError> {
        objects.insert("service", WITH_TOKEN.to_owned());
        self.oauth_client(owner, objects).await?;
        self.custom_api(owner, objects).await?;
        self.imported_service(owner, objects).await?;
        self.account(owner, "account_id", objects).await?;
        self.account(member, "own_account_id", objects).await?;
        if let Some(colleagues) = objects.remove("own_account_id") {
            objects.insert("colleagues_account_id", colleagues);
        }
        self.account(owner, "own_account_id", objects).await?;
        let path = format!("{}/services/{WITH_CONSENT}/revocations", organization(objects)?);
        let begun = self.api(owner, "POST", &path, None).await?;
        objects.insert("service_revocation_id", text("a new revocation", &begun, "/id")?);
        Ok(())
    }

    /// A new account, under the name that its identifier has in paths.
    pub async fn account(
        &self,
        owner: Person,
        parameter: &'static str,
        objects: &mut Objects,
    ) -> Result<(), ProofError> {
        let segment = if parameter == "own_account_id" { "own-accounts" } else { "accounts" };
        let path = format!("{}/{segment}", organization(objects)?);
        let body = json!({ "service": WITH_TOKEN, "name": self.unique(), "secrets": { "token": "proof" } });
        let made = self.api(owner, "POST", &path, Some(body)).await?;
        objects.insert(parameter, text("a new account", &made, "/id")?);
        Ok(())
    }

    /// What the organization is registered as; it is not yet.
    pub async fn oauth_client(&self, owner: Person, objects: &mut Objects) -> Result<(), ProofError> {
        let path = format!("{}/oauth-clients", organization(objects)?);
        let body = json!({ "service": WITH_CONSENT, "clientId": "proof", "clientSecret": "proof" });
        let made = self.api(owner, "POST", &path, Some(body)).await?;
        objects.insert("oauth_client_id", text("a new OAuth client", &made, "/id")?);
        Ok(())
    }

    /// A new custom API, with nobody behind it: names under `invalid` are asked of nobody (RFC 6761).
    pub async fn custom_api(&self, owner: Person, objects: &mut Objects) -> Result<(), ProofError> {
        let path = format!("{}/custom-apis", organization(objects)?);
        let body = json!({
            "name": self.unique(), "baseUrl": "https://proof.invalid/", "authentication": "api_key", "value": "proof",
        });
        let made = self.api(owner, "POST", &path, Some(body)).await?;
        objects.insert("custom_api_id", text("a new custom API", &made, "/id")?);
        Ok(())
    }

    /// A new service of the organization's own; nothing is asked of it.
    pub async fn imported_service(&self, owner: Person, objects: &mut Objects) -> Result<(), ProofError> {
        let path = format!("{}/imported-services", organization(objects)?);
        let body = json!({
            "document": "openapi: 3.0.0\ninfo: { title: Proof }\npaths: {}",
            "answers": {
                "key": self.unique(), "base_url": "https://proof.acme.com", "authentication": "bearer_token",
            },
        });
        let made = self.api(owner, "POST", &path, Some(body)).await?;
        objects.insert("imported_service_id", text("a new service", &made, "/id")?);
        Ok(())
    }

    /// What a request to this path may change.
    pub(super) async fn fresh_services(
        &self,
        path: &str,
        name: &str,
        person: Person,
        objects: &mut Objects,
    ) -> Result<(), ProofError> {
        if path.contains("{account_id}") {
            self.account(Person::Owner, "account_id", objects).await?;
        }
        if path.contains("{own_account_id}") && person != Person::Outsider {
            self.account(person, "own_account_id", objects).await?;
        }
        if path.contains("{imported_service_id}") {
            self.imported_service(Person::Owner, objects).await?;
        }
        if path.contains("{custom_api_id}") {
            self.custom_api(Person::Owner, objects).await?;
        }
        if name.contains("oauth_client_by_form") {
            objects.insert("service", WITH_CONSENT.to_owned());
        }
        let has_client = ["replace_oauth_client", "delete_oauth_client", "delete_oauth_client_by_form"];
        if has_client.contains(&name) {
            self.oauth_client(Person::Owner, objects).await?;
        }
        Ok(())
    }
}

fn organization(objects: &Objects) -> Result<String, ProofError> {
    Ok(format!("/organizations/{}", object(objects, "organization_id")?))
}
