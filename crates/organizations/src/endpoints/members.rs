//! Members of an organization.

use std::sync::Arc;

use access_control::{ChangeRole, LeaveOrganization, ListMembers, Permit, RemoveMember};
use endpoint::{Answer, Call, Problem};

use super::OrganizationsApi;
use super::bodies::{MemberAnswer, RoleBody};

pub(super) async fn list(
    api: Arc<OrganizationsApi>,
    permit: Permit<ListMembers>,
    _: Call,
) -> Result<Answer, Problem> {
    let members = api.members.list(&permit).await?;
    let users: Vec<_> = members.iter().map(|member| member.user).collect();
    let mut people = api.people(&users).await?;
    let answers: Vec<_> =
        members.iter().map(|member| MemberAnswer::new(member, people.remove(&member.user))).collect();
    Ok(Answer::json(&answers))
}

pub(super) async fn change_role(
    api: Arc<OrganizationsApi>,
    permit: Permit<ChangeRole>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let user = call.path("user_id")?;
    let body: RoleBody = call.json().await?;
    api.members.change_role(&permit, call.id(), user, body.role).await?;
    Ok(Answer::no_content())
}

pub(super) async fn remove(
    api: Arc<OrganizationsApi>,
    permit: Permit<RemoveMember>,
    call: Call,
) -> Result<Answer, Problem> {
    api.members.remove(&permit, call.id(), call.path("user_id")?).await?;
    Ok(Answer::no_content())
}

pub(super) async fn leave(
    api: Arc<OrganizationsApi>,
    permit: Permit<LeaveOrganization>,
    call: Call,
) -> Result<Answer, Problem> {
    api.members.leave(&permit, call.id()).await?;
    Ok(Answer::no_content())
}
