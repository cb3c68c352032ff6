//! The page about the secrets of an organization: `/organizations/{organization_id}/secrets`.

use access_control::{ListSecrets, Permit, ReadOrganization};
use endpoint::{Call, Problem};
use ids::OrganizationId;
use maud::html;
use secrets_vault::{NamedSecrets, OfOrganization, SecretScope};

use super::owned::{Around, Paged};
use crate::Console;

impl Paged for OfOrganization {
    const SCOPE: SecretScope = SecretScope::Organization;
    const ID: &'static str = "organization_secret_id";

    fn secrets(console: &Console) -> &NamedSecrets<Self> {
        &console.secrets
    }

    fn base(organization: OrganizationId) -> String {
        format!("/organizations/{organization}/secrets")
    }

    async fn around(console: &Console, permit: &Permit<ListSecrets>, _: &Call) -> Result<Around, Problem> {
        let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
        Ok(Around {
            title: format!("Secrets of {}", organization.name),
            before: html! {
                p { "Apps of this organization use them; nobody sees a value again. An app's own variable stands over one of the same name here." }
            },
            after: html! {},
        })
    }
}
