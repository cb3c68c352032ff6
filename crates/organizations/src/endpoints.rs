//! The endpoints of organizations, and the only room that knows their JSON.

mod bodies;
mod full_organization;
mod groups;
mod invitations;
mod members;
mod organizations;

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{
    AcceptInvitation, ChangeRole, CompleteSetUp, CreateInvitation, CreateOrganization, DeleteOrganization,
    Facts, LeaveOrganization, ListGroups, ListInvitations, ListMembers, ListOwnOrganizations, ManageGroups,
    ReadOrganization, RemoveMember, RevokeInvitation, TransferOwnership, UpdateOrganization,
};
use audit::SignedReceipt;
use endpoint::http::StatusCode;
use endpoint::{Endpoint, PagingParameters, Problem};
use ids::{OrganizationId, UserId};
use revocations::{ReceiptAnswer, Revocations};

use crate::{Groups, Invitations, Members, OrganizationError, Organizations, People, PersonName, SetUp};

/// Which organization the app at a host label belongs to.
pub type OrganizationOfApp = Arc<dyn Fn(&str) -> Option<OrganizationId> + Send + Sync>;

/// Everything the endpoints of organizations stand on.
#[derive(Clone)]
pub struct OrganizationsApi {
    /// Organizations.
    pub organizations: Organizations,
    /// Members.
    pub members: Members,
    /// Invitations.
    pub invitations: Invitations,
    /// Groups.
    pub groups: Groups,
    /// The first organization.
    pub set_up: SetUp,
    /// Names and addresses of people.
    pub people: Arc<dyn People>,
    /// What decisions read.
    pub facts: Arc<dyn Facts>,
    /// Where calls of apps lead.
    pub organization_of_app: OrganizationOfApp,
    /// What revocations did.
    pub revocations: Revocations,
}

impl OrganizationsApi {
    /// The endpoints, to be mounted.
    #[must_use]
    pub fn endpoints(self) -> Vec<Endpoint> {
        let api = Arc::new(self);
        let mut all = organization_endpoints(&api);
        all.extend(invitation_endpoints(&api));
        all.extend(group_endpoints(&api));
        all
    }

    async fn people(&self, users: &[UserId]) -> Result<HashMap<UserId, PersonName>, OrganizationError> {
        self.people.people(users).await.map_err(OrganizationError::Neighbour)
    }

    async fn person(&self, user: UserId) -> Result<PersonName, OrganizationError> {
        self.people(&[user]).await?.remove(&user).ok_or(OrganizationError::Unreadable("users"))
    }
}

fn organization_endpoints(api: &Arc<OrganizationsApi>) -> Vec<Endpoint> {
    vec![
        Endpoint::post("/api/v1/set-up", "complete_set_up")
            .requires::<CompleteSetUp>()
            .takes::<bodies::SetUpBody>()
            .gives::<bodies::OrganizationAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), organizations::complete_set_up),
        Endpoint::post("/api/v1/organizations", "create_organization")
            .requires::<CreateOrganization>()
            .takes::<bodies::OrganizationBody>()
            .gives::<bodies::OrganizationAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), organizations::create),
        Endpoint::get("/api/v1/organizations", "list_organizations")
            .requires::<ListOwnOrganizations>()
            .gives::<Vec<bodies::OrganizationAnswer>>(StatusCode::OK)
            .answers(Arc::clone(api), organizations::list),
        Endpoint::get("/api/v1/organizations/{organization_id}", "read_organization")
            .requires::<ReadOrganization>()
            .gives::<bodies::OrganizationAnswer>(StatusCode::OK)
            .answers(Arc::clone(api), organizations::read),
        Endpoint::patch("/api/v1/organizations/{organization_id}", "update_organization")
            .requires::<UpdateOrganization>()
            .takes::<bodies::OrganizationChangesBody>()
            .gives::<bodies::OrganizationAnswer>(StatusCode::OK)
            .answers(Arc::clone(api), organizations::update),
        Endpoint::delete("/api/v1/organizations/{organization_id}", "delete_organization")
            .requires::<DeleteOrganization>()
            .query::<bodies::DeletionParameters>()
            .gives::<SignedReceipt>(StatusCode::OK)
            .answers(Arc::clone(api), organizations::delete),
        Endpoint::get("/api/auth/organization/get-full-organization", "get_full_organization")
            .open_to_app_origins()
            .requires::<ListOwnOrganizations>()
            .query::<full_organization::Wanted>()
            .gives::<Option<full_organization::FullOrganization>>(StatusCode::OK)
            .refuses(&[StatusCode::NOT_FOUND])
            .answers(Arc::clone(api), full_organization::get),
        Endpoint::get("/api/v1/organizations/{organization_id}/members", "list_members")
            .requires::<ListMembers>()
            .query::<bodies::MemberParameters>()
            .gives::<bodies::MembersAnswer>(StatusCode::OK)
            .answers(Arc::clone(api), members::list),
        Endpoint::patch("/api/v1/organizations/{organization_id}/members/{user_id}", "change_role")
            .requires::<ChangeRole>()
            .takes::<bodies::RoleBody>()
            .gives_nothing()
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), members::change_role),
        Endpoint::delete("/api/v1/organizations/{organization_id}/members/{user_id}", "remove_member")
            .requires::<RemoveMember>()
            .gives::<ReceiptAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), members::remove),
        Endpoint::post(
            "/api/v1/organizations/{organization_id}/members/{user_id}/transfer-ownership",
            "transfer_ownership",
        )
        .requires::<TransferOwnership>()
        .gives_nothing()
        .refuses(&[StatusCode::CONFLICT])
        .answers(Arc::clone(api), members::transfer_ownership),
        Endpoint::post("/api/v1/organizations/{organization_id}/leave", "leave_organization")
            .requires::<LeaveOrganization>()
            .gives_nothing()
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), members::leave),
    ]
}

fn invitation_endpoints(api: &Arc<OrganizationsApi>) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/invitations", "list_invitations")
            .requires::<ListInvitations>()
            .query::<PagingParameters>()
            .gives::<bodies::InvitationsAnswer>(StatusCode::OK)
            .answers(Arc::clone(api), invitations::list),
        Endpoint::post("/api/v1/organizations/{organization_id}/invitations", "create_invitation")
            .requires::<CreateInvitation>()
            .takes::<bodies::InvitationBody>()
            .gives::<bodies::NewInvitationAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), invitations::create),
        Endpoint::post(
            "/api/v1/organizations/{organization_id}/invitations/{invitation_id}/resend",
            "resend_invitation",
        )
        .requires::<CreateInvitation>()
        .gives::<bodies::NewInvitationAnswer>(StatusCode::OK)
        .refuses(&[StatusCode::CONFLICT])
        .answers(Arc::clone(api), invitations::resend),
        Endpoint::delete(
            "/api/v1/organizations/{organization_id}/invitations/{invitation_id}",
            "revoke_invitation",
        )
        .requires::<RevokeInvitation>()
        .gives_nothing()
        .answers(Arc::clone(api), invitations::revoke),
        Endpoint::post("/api/v1/invitations/accept", "accept_invitation")
            .requires::<AcceptInvitation>()
            .takes::<bodies::AcceptBody>()
            .gives::<bodies::AcceptedAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::NOT_FOUND, StatusCode::CONFLICT])
            .answers(Arc::clone(api), invitations::accept),
    ]
}

fn group_endpoints(api: &Arc<OrganizationsApi>) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/groups", "list_groups")
            .requires::<ListGroups>()
            .query::<PagingParameters>()
            .gives::<bodies::GroupsAnswer>(StatusCode::OK)
            .answers(Arc::clone(api), groups::list),
        Endpoint::post("/api/v1/organizations/{organization_id}/groups", "create_group")
            .requires::<ManageGroups>()
            .takes::<bodies::GroupBody>()
            .gives::<bodies::GroupAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), groups::create),
        Endpoint::patch("/api/v1/organizations/{organization_id}/groups/{group_id}", "rename_group")
            .requires::<ManageGroups>()
            .takes::<bodies::GroupBody>()
            .gives_nothing()
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), groups::rename),
        Endpoint::delete("/api/v1/organizations/{organization_id}/groups/{group_id}", "delete_group")
            .requires::<ManageGroups>()
            .gives_nothing()
            .refuses(&[StatusCode::CONFLICT])
            .answers(Arc::clone(api), groups::delete),
        Endpoint::put(
            "/api/v1/organizations/{organization_id}/groups/{group_id}/members/{user_id}",
            "add_group_member",
        )
        .requires::<ManageGroups>()
        .gives_nothing()
        .refuses(&[StatusCode::CONFLICT])
        .answers(Arc::clone(api), groups::add_member),
        Endpoint::delete(
            "/api/v1/organizations/{organization_id}/groups/{group_id}/members/{user_id}",
            "remove_group_member",
        )
        .requires::<ManageGroups>()
        .gives_nothing()
        .answers(Arc::clone(api), groups::remove_member),
    ]
}

impl From<OrganizationError> for Problem {
    fn from(error: OrganizationError) -> Self {
        let forbidden = |code, detail: &str| Self::new(StatusCode::FORBIDDEN, code, detail);
        match error {
            OrganizationError::SlugTaken => Self::conflict(
                "slug_taken",
                "Another organization has this slug, or had it not long ago. Choose another.",
            ),
            OrganizationError::GroupNameTaken => {
                Self::conflict("group_name_taken", "Another group has this name. Choose another.")
            }
            OrganizationError::NotFound => Self::not_found(),
            OrganizationError::Refused(refusal) => refusal.into(),
            OrganizationError::LastOwner => Self::conflict(
                "last_owner",
                "An organization has at least one Owner. Make somebody else an Owner first.",
            ),
            OrganizationError::AlreadyOwner => {
                Self::conflict("already_owner", "This person is an Owner already.")
            }
            OrganizationError::OtherSlug => Self::invalid(
                "slug_mismatch",
                "Repeat the organization's slug in the query parameter slug to delete it.",
            ),
            OrganizationError::AlreadyMember => {
                Self::conflict("already_member", "This person is a member already.")
            }
            OrganizationError::InvitationInvalid => Self::new(
                StatusCode::NOT_FOUND,
                "invitation_invalid",
                "This invitation was used, was taken back, has expired or never existed. Ask for a new one.",
            ),
            OrganizationError::OtherEmail => forbidden(
                "other_email",
                "This invitation is for another e-mail address. Sign in with the address it was sent to.",
            ),
            OrganizationError::OtherHostedDomain => forbidden(
                "other_hosted_domain",
                "This organization takes only accounts of its own domain. Sign in with such an account.",
            ),
            OrganizationError::WouldLockOut => Self::invalid(
                "would_lock_out",
                "You did not sign in with an account of this domain, so this would lock you out.",
            ),
            OrganizationError::SetUpPending => forbidden(
                "set_up_pending",
                "The platform is not set up yet. Enter the set-up code from its log first.",
            ),
            OrganizationError::SetUpCodeInvalid => forbidden(
                "set_up_code_invalid",
                "This set-up code does not hold. Take the latest one from the platform's log.",
            ),
            OrganizationError::Audit(error) => error.into(),
            error @ (OrganizationError::Randomness(_) | OrganizationError::Unreadable(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "organizations failed");
                Self::internal()
            }
            error @ (OrganizationError::Neighbour(_) | OrganizationError::Store(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "organizations are not available");
                Self::unavailable()
            }
        }
    }
}
