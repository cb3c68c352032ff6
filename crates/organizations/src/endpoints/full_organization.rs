//! The organization as apps that run on the platform ask for it from the browser. The shape is that of
//! better-auth's `getFullOrganization`, whose client these apps carry; `null` means none is active.

use std::sync::Arc;

use access_control::{
    ListMembers, ListOwnOrganizations, Permit, Principal, ReadOrganization, Role, authorize,
};
use endpoint::{Answer, Call, Instant, Problem};
use ids::{EmailAddress, Name, OrganizationId, OrganizationSlug, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use super::OrganizationsApi;

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FullOrganization {
    id: OrganizationId,
    name: Name,
    slug: OrganizationSlug,
    logo: Option<String>,
    metadata: Option<String>,
    created_at: Instant,
    members: Vec<FullMember>,
    /// Always empty: open invitations are nothing for app code.
    #[schemars(with = "[(); 0]")]
    invitations: [(); 0],
}

/// What the query may ask for.
#[derive(JsonSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "a description")]
pub(super) struct Wanted {
    organization_id: Option<String>,
    organization_slug: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FullMember {
    /// A membership has no identifier of its own: one person is one member.
    id: UserId,
    organization_id: OrganizationId,
    user_id: UserId,
    role: Role,
    created_at: Instant,
    user: FullUser,
}

#[derive(Serialize, JsonSchema)]
struct FullUser {
    id: UserId,
    name: String,
    email: EmailAddress,
    image: Option<String>,
}

pub(super) async fn get(
    api: Arc<OrganizationsApi>,
    permit: Permit<ListOwnOrganizations>,
    call: Call,
) -> Result<Answer, Problem> {
    let Some(id) = active(&api, &permit, &call).await? else {
        return Ok(Answer::json(&serde_json::Value::Null));
    };
    let person = Principal::User(permit.actor().clone());
    let read = authorize::<ReadOrganization>(Some(&person), id, &*api.facts, call.now())?;
    let list: Permit<ListMembers> = read.also()?;
    let organization = api.organizations.read(&read).await?;
    let members = api.members.list(&list).await?;
    let users: Vec<_> = members.iter().map(|member| member.user).collect();
    let mut people = api.people(&users).await?;
    let members = members
        .into_iter()
        .filter_map(|member| {
            let person = people.remove(&member.user)?;
            Some(FullMember {
                id: member.user,
                organization_id: id,
                user_id: member.user,
                role: member.role,
                created_at: member.created_at.into(),
                user: FullUser {
                    id: member.user,
                    name: person.name,
                    email: person.email,
                    image: person.picture,
                },
            })
        })
        .collect();
    Ok(Answer::json(&FullOrganization {
        id,
        name: organization.name,
        slug: organization.slug,
        logo: None,
        metadata: None,
        created_at: organization.created_at.into(),
        members,
        invitations: [],
    }))
}

/// The organization of the app whose page calls; on the platform's own pages the one that is asked for,
/// else the person's oldest.
async fn active(
    api: &OrganizationsApi,
    permit: &Permit<ListOwnOrganizations>,
    call: &Call,
) -> Result<Option<OrganizationId>, Problem> {
    let id = call.query("organizationId")?;
    let slug = call.query("organizationSlug")?;
    let own = api.organizations.list_own(permit).await?;
    let mut candidates: Vec<_> = own.into_iter().map(|own| own.organization).collect();
    if let Some(label) = call.app_origin() {
        // An app learns of no other organization of the person.
        let organization = (api.organization_of_app)(label).ok_or_else(Problem::not_found)?;
        candidates.retain(|candidate| candidate.id == organization);
    }
    if id.is_none() && slug.is_none() {
        return Ok(candidates.first().map(|candidate| candidate.id));
    }
    let asked = candidates.into_iter().find(|candidate| {
        id.as_ref().is_none_or(|id| *id == candidate.id.to_string())
            && slug.as_ref().is_none_or(|slug| slug == candidate.slug.as_str())
    });
    asked.map(|found| Some(found.id)).ok_or_else(Problem::not_found)
}
