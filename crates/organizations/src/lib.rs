//! Organizations: who belongs to one, in which role and in which groups, and how one gets in.
//!
//! Invariants:
//! - an organization always has an Owner, also when many people change roles at once: every change of
//!   members happens while the organization's row is locked, and the actor's role is read again there;
//! - an invitation is a single-use secret, kept as a hash, for one verified e-mail address;
//! - every change is committed together with its audit event.
//!
//! It knows neither sessions nor apps nor mail. What it needs of them comes in through [`People`],
//! [`Departures`] and [`Letters`].

mod endpoints;
mod error;
mod groups;
mod invitation;
mod invitation_letter;
mod invitations;
mod members;
mod neighbours;
mod organization;
mod organizations;
mod set_up;
mod store;

pub use endpoints::{OrganizationOfApp, OrganizationsApi};
pub use error::OrganizationError;
pub use groups::{Group, Groups};
pub use invitation::{INVITATION_LIFETIME, Invitation};
pub use invitation_letter::{Delivery, InvitationLetter, Letters};
pub use invitations::{Accepted, Invitations, NewInvitation};
pub use members::{KnownMember, Member, MemberSearch, Members, locked_roles};
pub use neighbours::{Departures, Gone, NeighbourError, People, PersonName};
pub use organization::{HostedDomain, Organization, OrganizationChanges, OrganizationRecord};
pub use organizations::{Organizations, OwnOrganization, SLUG_REST};
pub use set_up::SetUp;
pub use store::{Store, load, load_all, lock_organization};
