//! Names of things: identifiers, slugs, host labels and e-mail addresses.
//!
//! Parsed once, valid afterwards. An identifier is never a capability: knowing one opens nothing.
//! This crate knows no database, no HTTP and no decision.

mod email;
mod identifier;
mod slug;

pub use email::{EmailAddress, EmailAddressError};
pub use identifier::{
    AppId, AuditEventId, DecisionId, GroupId, IdentifierError, InvitationId, OrganizationId, PathRuleId,
    RequestId, ServerSecretId, SessionId, SigningKeyId, UserId,
};
pub use slug::{AppSlug, HostLabel, OrganizationSlug, SlugError};
