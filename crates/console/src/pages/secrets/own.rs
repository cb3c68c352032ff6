//! The page about the secrets that a person has for themselves: `/organizations/{organization_id}/own-secrets`.

use access_control::{ListOwnSecrets, Permit, ReadOrganization};
use endpoint::{Call, Problem};
use ids::OrganizationId;
use maud::html;
use secrets_vault::{NamedSecrets, OfMember, SecretScope};

use super::owned::{Around, Paged};
use crate::Console;

impl Paged for OfMember {
    const SCOPE: SecretScope = SecretScope::Personal;
    const ID: &'static str = "own_secret_id";

    fn secrets(console: &Console) -> &NamedSecrets<Self> {
        &console.own_secrets
    }

    fn base(organization: OrganizationId) -> String {
        format!("/organizations/{organization}/own-secrets")
    }

    async fn around(console: &Console, permit: &Permit<ListOwnSecrets>, _: &Call) -> Result<Around, Problem> {
        let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
        Ok(Around {
            title: format!("Your own secrets in {}", organization.name),
            before: html! {
                p { "Only you see and use them. No app gets one, and they end when you leave the organization." }
            },
            after: html! {},
        })
    }
}
