//! The decision: who may do what, at organization, app and path level.
//!
//! Pure: no I/O, no async, no clock, no HTTP. Facts come in through [`Facts`], time is an argument.
//! Invariants:
//! - a [`Permit`] is made only by [`authorize`], after the table in `action.rs` said yes;
//! - [`decide`] and [`explain`] run the same walk, so they cannot disagree;
//! - the path that is judged is the path that is forwarded ([`RequestPath`]).

mod action;
mod authorize;
mod decide;
mod facts;
mod grounds;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod level;
mod method;
mod path_pattern;
mod path_rules;
mod permit;
mod principal;
mod refusal;
mod request_path;
mod role;
mod sign_in_age;
mod usable_by;
mod visible_apps;

pub use action::*;
pub use authorize::{Check, authorize};
pub use decide::{AppRequest, Decision, Explanation, Reason, Step, decide, explain};
pub use facts::{AppFacts, Facts, FactsUnavailable, GrantFacts, MemberFacts, OrganizationFacts};
pub use grounds::{
    AgentGrounds, AppCaller, AppGrounds, ByPerson, CredentialGrounds, FromAppGrounds, OrganizationGrounds,
    WithinOrganization,
};
pub use level::{AppLevel, AppRole};
pub use method::{Method, MethodError};
pub use path_pattern::{PathPattern, PathPatternError};
pub use path_rules::{PathRule, PathRules, Subject};
pub use permit::Permit;
pub use principal::{
    AgentCredential, AppCredential, Environment, Means, PageCredential, Principal, SignedIn,
};
pub use refusal::Refusal;
pub use request_path::{RequestPath, RequestPathError};
pub use role::Role;
pub use sign_in_age::{SignInAge, SignInAgeError};
pub use usable_by::UsableBy;
pub use visible_apps::VisibleApps;
