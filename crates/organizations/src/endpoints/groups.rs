//! Groups of an organization.

use std::sync::Arc;

use access_control::{ListGroups, ManageGroups, Permit};
use endpoint::{Answer, Call, Problem};

use super::OrganizationsApi;
use super::bodies::{GroupAnswer, GroupBody, GroupsAnswer};

pub(super) async fn list(
    api: Arc<OrganizationsApi>,
    permit: Permit<ListGroups>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let mut groups = api.groups.page(&permit, paging.after.as_deref(), paging.limit + 1).await?;
    let next_cursor = paging.cut(&mut groups, |group| group.name.to_string());
    let groups = groups.into_iter().map(GroupAnswer::from).collect();
    Ok(Answer::json(&GroupsAnswer { groups, next_cursor }))
}

pub(super) async fn create(
    api: Arc<OrganizationsApi>,
    permit: Permit<ManageGroups>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: GroupBody = call.json().await?;
    let created = api.groups.create(&permit, call.id(), body.name).await?;
    Ok(Answer::created(&GroupAnswer::from(created)))
}

pub(super) async fn rename(
    api: Arc<OrganizationsApi>,
    permit: Permit<ManageGroups>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let group = call.path("group_id")?;
    let body: GroupBody = call.json().await?;
    api.groups.rename(&permit, call.id(), group, body.name).await?;
    Ok(Answer::no_content())
}

pub(super) async fn delete(
    api: Arc<OrganizationsApi>,
    permit: Permit<ManageGroups>,
    call: Call,
) -> Result<Answer, Problem> {
    api.groups.delete(&permit, call.id(), call.path("group_id")?).await?;
    Ok(Answer::no_content())
}

pub(super) async fn add_member(
    api: Arc<OrganizationsApi>,
    permit: Permit<ManageGroups>,
    call: Call,
) -> Result<Answer, Problem> {
    api.groups.add_member(&permit, call.id(), call.path("group_id")?, call.path("user_id")?).await?;
    Ok(Answer::no_content())
}

pub(super) async fn remove_member(
    api: Arc<OrganizationsApi>,
    permit: Permit<ManageGroups>,
    call: Call,
) -> Result<Answer, Problem> {
    api.groups.remove_member(&permit, call.id(), call.path("group_id")?, call.path("user_id")?).await?;
    Ok(Answer::no_content())
}
