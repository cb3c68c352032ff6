//! Names of things: identifiers, slugs, host labels, names that people read, domain names and e-mail
//! addresses.
//!
//! Parsed once, valid afterwards. An identifier is never a capability: knowing one opens nothing.
//! This crate knows no database, no HTTP and no decision.

mod domain_name;
mod email;
mod identifier;
mod name;
mod schema;
mod slug;
mod text;

pub use domain_name::{DomainName, DomainNameError};
pub use email::{EmailAddress, EmailAddressError};
pub use identifier::{
    AccountId, AgentTokenId, AppId, AuditEventId, ConnectionId, CustomApiId, DataKeyId, DataQueryId,
    DecisionId, GroupId, IdentifierError, ImportedServiceId, InvitationId, KeyRotationId, LeaseId,
    OauthClientId, OrganizationId, PathRuleId, QueryRecordId, ReplicaId, RequestId, SecretId, ServerSecretId,
    ServiceCallId, ServiceRevocationId, SessionId, SigningKeyId, UserId,
};
pub use name::{Name, NameError};
pub use slug::{AppSlug, HostLabel, OrganizationSlug, SlugError};
