//! Apps: their hosts, upstreams, access levels, grants, path rules, server secrets and agent tokens.
//!
//! Invariants:
//! - a host label belongs to one app, and is taken in the transaction that makes the app;
//! - everything an app has goes with it: a later app of the same name inherits nothing;
//! - an upstream's address is judged when it is set, and again by whoever connects ([`AddressPolicy`]);
//! - a restricted app always has somebody who may edit it;
//! - a server secret or agent token is shown once and recognised by a keyed hash; the value of a server secret stays
//!   in the vault and leaves it for a deployment only;
//! - an agent token is for one app, and goes with the membership of whoever issued it.
//!
//! This crate does not know people, organizations' tables, sessions, or how requests are forwarded.

mod agent_token;
mod agent_tokens;
mod app;
mod apps;
mod endpoints;
mod error;
mod grant;
mod grants;
mod last_uses;
mod neighbours;
mod orphaned_apps;
mod path_rule;
mod path_rules;
mod record;
mod server_secret;
mod server_secret_rotation;
mod server_secret_rotations;
mod server_secrets;
mod store;
mod upstream;

pub use agent_token::{AgentToken, AgentTokenLife, AgentTokenLifeError, AgentTokenText};
pub use agent_tokens::{AgentTokens, IssuedAgentToken};
pub use app::{App, NewApp};
pub use apps::{AppChanges, Apps, LABEL_REST, forget_organization};
pub use endpoints::AppsApi;
pub use error::AppError;
pub use grant::{Grant, NewGrant};
pub use grants::{Grants, forget_member};
pub use neighbours::{Memberships, NeighbourError, OrganizationSlugs, People, PersonName};
pub use orphaned_apps::OrphanedApps;
pub use path_rule::{NewPathRule, PathRuleError};
pub use path_rules::{AppPathRules, MOST_PATH_RULES};
pub use record::{AgentTokenRecord, AppRecord, SecretRecord};
pub use server_secret::{Grace, GraceError, NewServerSecret, ServerSecret, ServerSecretText};
pub use server_secret_rotation::{ServerSecretRotationProgress, ServerSecretRotationState};
pub use server_secret_rotations::ServerSecretRotations;
pub use server_secrets::{InjectedServerSecret, IssuedServerSecret, Rotation, ServerSecrets};
pub use store::{Store, load, load_all, lock_and_load};
pub use upstream::{UpstreamUrl, UpstreamUrlError};
