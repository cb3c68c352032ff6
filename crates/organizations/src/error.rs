//! What can go wrong with organizations.

use access_control::Refusal;
use audit::AuditError;
use cryptography::SealError;

use crate::NeighbourError;

/// Why a use case of this crate did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OrganizationError {
    /// Another organization has this slug, or had it not long ago.
    #[error("the slug is taken")]
    SlugTaken,
    /// Another group of the organization has this name.
    #[error("the name of the group is taken")]
    GroupNameTaken,
    /// There is no such thing in this organization.
    #[error("not found in this organization")]
    NotFound,
    /// The actor's role does not allow it, or no longer does.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It would leave the organization without an Owner.
    #[error("an organization has at least one owner")]
    LastOwner,
    /// The person who would become an Owner is one.
    #[error("an owner already")]
    AlreadyOwner,
    /// The slug that was repeated is another organization's.
    #[error("the repeated slug is another one")]
    OtherSlug,
    /// The person who would be invited is a member.
    #[error("already a member")]
    AlreadyMember,
    /// Unknown, expired, used or revoked. Which one is not said.
    #[error("the invitation does not hold")]
    InvitationInvalid,
    /// The invitation names another e-mail address.
    #[error("the invitation is for another e-mail address")]
    OtherEmail,
    /// The organization takes only people of a hosted domain, and the person did not sign in there.
    #[error("the organization wants sign-ins of another hosted domain")]
    OtherHostedDomain,
    /// The new hosted domain is not the one the person signed in with: the change would lock them out.
    #[error("the hosted domain is not the one you signed in with")]
    WouldLockOut,
    /// The set-up code was printed and not used yet; until then nobody makes an organization.
    #[error("the platform is not set up yet")]
    SetUpPending,
    /// The set-up code is wrong, or was used.
    #[error("the set-up code does not hold")]
    SetUpCodeInvalid,
    /// The system has no random numbers.
    #[error("no random numbers")]
    Randomness(#[source] SealError),
    /// Those who know people or apps did not answer.
    #[error("a neighbour did not answer")]
    Neighbour(#[source] NeighbourError),
    /// The store did not answer or refused.
    #[error("the store is not available")]
    Store(#[source] sea_orm::DbErr),
    /// A row holds what this version cannot read.
    #[error("a row of {0} cannot be read")]
    Unreadable(&'static str),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}
