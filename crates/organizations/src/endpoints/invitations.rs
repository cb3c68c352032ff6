//! Invitations of an organization, and accepting one.

use std::sync::Arc;

use access_control::{AcceptInvitation, CreateInvitation, ListInvitations, Permit, RevokeInvitation};
use endpoint::{Answer, Call, Problem};

use super::OrganizationsApi;
use super::bodies::{
    AcceptBody, AcceptedAnswer, InvitationAnswer, InvitationBody, InvitationsAnswer, NewInvitationAnswer,
};

pub(super) async fn list(
    api: Arc<OrganizationsApi>,
    permit: Permit<ListInvitations>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let mut open = api.invitations.list(&permit, paging.after()?, paging.limit + 1, call.now()).await?;
    let next_cursor = paging.cut(&mut open, |invitation| invitation.id.to_string());
    let invitations = open.into_iter().map(InvitationAnswer::from).collect();
    Ok(Answer::json(&InvitationsAnswer { invitations, next_cursor }))
}

pub(super) async fn create(
    api: Arc<OrganizationsApi>,
    permit: Permit<CreateInvitation>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: InvitationBody = call.json().await?;
    let made = api.invitations.create(&permit, call.id(), body.email, body.role, call.now()).await?;
    Ok(Answer::created(&NewInvitationAnswer::from(made)))
}

pub(super) async fn resend(
    api: Arc<OrganizationsApi>,
    permit: Permit<CreateInvitation>,
    call: Call,
) -> Result<Answer, Problem> {
    let made = api.invitations.renew(&permit, call.id(), call.path("invitation_id")?, call.now()).await?;
    Ok(Answer::json(&NewInvitationAnswer::from(made)))
}

pub(super) async fn revoke(
    api: Arc<OrganizationsApi>,
    permit: Permit<RevokeInvitation>,
    call: Call,
) -> Result<Answer, Problem> {
    api.invitations.revoke(&permit, call.id(), call.path("invitation_id")?, call.now()).await?;
    Ok(Answer::no_content())
}

pub(super) async fn accept(
    api: Arc<OrganizationsApi>,
    permit: Permit<AcceptInvitation>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: AcceptBody = call.json().await?;
    let person = api.person(permit.user()).await?;
    let accepted = api.invitations.accept(&permit, call.id(), &body.token, &person.email, call.now()).await?;
    Ok(Answer::json(&AcceptedAnswer { organization_id: accepted.organization, role: accepted.role }))
}
