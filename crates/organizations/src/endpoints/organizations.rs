//! Organizations themselves.

use std::sync::Arc;

use access_control::{
    CompleteSetUp, CreateOrganization, DeleteOrganization, ListOwnOrganizations, Permit, ReadOrganization,
    Role, UpdateOrganization,
};
use endpoint::{Answer, Call, Problem};
use ids::OrganizationSlug;

use super::OrganizationsApi;
use super::bodies::{OrganizationAnswer, OrganizationBody, OrganizationChangesBody, SetUpBody};
use crate::OrganizationError;

pub(super) async fn complete_set_up(
    api: Arc<OrganizationsApi>,
    permit: Permit<CompleteSetUp>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: SetUpBody = call.json().await?;
    let created = api.set_up.create_first(&permit, call.id(), &body.code, body.slug, body.name).await?;
    Ok(Answer::created(&OrganizationAnswer::new(created, Role::Owner)))
}

pub(super) async fn create(
    api: Arc<OrganizationsApi>,
    permit: Permit<CreateOrganization>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: OrganizationBody = call.json().await?;
    let created = api.organizations.create(&permit, call.id(), body.slug, body.name).await?;
    Ok(Answer::created(&OrganizationAnswer::new(created, Role::Owner)))
}

pub(super) async fn list(
    api: Arc<OrganizationsApi>,
    permit: Permit<ListOwnOrganizations>,
    _: Call,
) -> Result<Answer, Problem> {
    let own = api.organizations.list_own(&permit).await?;
    let answers: Vec<_> =
        own.into_iter().map(|own| OrganizationAnswer::new(own.organization, own.role)).collect();
    Ok(Answer::json(&answers))
}

pub(super) async fn read(
    api: Arc<OrganizationsApi>,
    permit: Permit<ReadOrganization>,
    _: Call,
) -> Result<Answer, Problem> {
    let found = api.organizations.read(&permit).await?;
    Ok(Answer::json(&OrganizationAnswer::new(found, permit.role())))
}

pub(super) async fn update(
    api: Arc<OrganizationsApi>,
    permit: Permit<UpdateOrganization>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: OrganizationChangesBody = call.json().await?;
    let updated = api.organizations.update(&permit, call.id(), body.into()).await?;
    Ok(Answer::json(&OrganizationAnswer::new(updated, permit.role())))
}

pub(super) async fn delete(
    api: Arc<OrganizationsApi>,
    permit: Permit<DeleteOrganization>,
    call: Call,
) -> Result<Answer, Problem> {
    let repeated = call.query("slug")?.and_then(|slug| slug.parse().ok());
    let repeated: OrganizationSlug = repeated.ok_or(OrganizationError::OtherSlug)?;
    Ok(Answer::json(&api.organizations.delete(&permit, call.id(), &repeated).await?))
}
