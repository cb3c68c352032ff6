//! Members of an organization.

use std::sync::Arc;

use access_control::{
    ChangeRole, LeaveOrganization, ListMembers, Permit, RemoveMember, Role, TransferOwnership,
};
use endpoint::{Answer, Call, Problem};
use revocations::ReceiptAnswer;

use super::OrganizationsApi;
use super::bodies::{MemberAnswer, MembersAnswer, RoleBody};
use crate::MemberSearch;

/// How long a text that is searched for can be, in bytes.
const LONGEST_TEXT: usize = 200;

pub(super) async fn list(
    api: Arc<OrganizationsApi>,
    permit: Permit<ListMembers>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let text = call.query("query")?.filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
        return Err(Problem::invalid("invalid_query", "query is at most 200 bytes long."));
    }
    let role = call.query("role")?.map(|role| role.parse::<Role>()).transpose();
    let role =
        role.map_err(|_| Problem::invalid("invalid_role", "role is owner, admin, editor or member."))?;
    let wanted = MemberSearch { text, role };
    let mut found = api.members.search(&permit, &wanted, paging.after()?, paging.limit + 1).await?;
    let next_cursor = paging.cut(&mut found, |known| known.member.user.to_string());
    let members = found.into_iter().map(MemberAnswer::from).collect();
    Ok(Answer::json(&MembersAnswer { members, next_cursor }))
}

pub(super) async fn transfer_ownership(
    api: Arc<OrganizationsApi>,
    permit: Permit<TransferOwnership>,
    call: Call,
) -> Result<Answer, Problem> {
    api.members.transfer_ownership(&permit, call.id(), call.path("user_id")?).await?;
    Ok(Answer::no_content())
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
    let withdrawal = api.members.remove(&permit, call.id(), call.path("user_id")?).await?;
    let receipt = api.revocations.receipt(&withdrawal).await;
    // Sessions are the person's, who may belong to other organizations.
    Ok(Answer::json(&ReceiptAnswer::new(&receipt, 0, 0)))
}

pub(super) async fn leave(
    api: Arc<OrganizationsApi>,
    permit: Permit<LeaveOrganization>,
    call: Call,
) -> Result<Answer, Problem> {
    api.members.leave(&permit, call.id()).await?;
    Ok(Answer::no_content())
}
