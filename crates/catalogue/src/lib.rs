//! The catalogue: what the platform knows about each service, as data.
//!
//! An entry says how accounts are connected, how tokens are kept alive, and where a credential may be sent. Entries are
//! TOML files inside the binary, or imported from documents that a service publishes. Pure: no I/O, no clock, no secret.
//!
//! Nothing here trusts the author of an entry: every URL is `https`, values from people and answers reach a host only
//! through a pattern, and a rendered host has to be one of `api.hosts`.

mod action;
mod api;
mod authentication;
mod built_in;
mod changes;
mod error;
mod import;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod lifetime;
mod oauth1;
mod oauth2;
mod pattern;
mod rules;
mod service;
mod service_key;
mod statistics;
mod template;
mod tier;
mod two_step;
mod variable;

pub use action::{Action, ActionBody};
pub use api::{Api, HostPattern, Page, PageKind, Place, Placement, RateLimit, TestCall};
pub use authentication::Authentication;
pub use built_in::{BuiltIn, built_in};
pub use changes::ServiceChange;
pub use error::ServiceError;
pub use import::{Answer, Answers, Import, ImportError, LARGEST_DOCUMENT, Proposal, Question};
pub use lifetime::{AccessLifetime, Lifetime, ReusePolicy};
pub use oauth1::{Oauth1, SignatureMethod};
pub use oauth2::{
    AssertionPlace, ClientAuthentication, ClientCredentials, DiscoveryCall, Extension, JwtAlgorithm,
    JwtBearer, Oauth2Code, Pkce, Revocation, RevocationKind, SecretEncoding, TokenRequest, TokenRequestBody,
};
pub use pattern::Pattern;
pub use service::{MonthsOld, Service};
pub use service_key::{ServiceKey, ServiceKeyError};
pub use statistics::{Statistics, badge, document};
pub use template::{RenderError, Template, Values};
pub use tier::Tier;
pub use two_step::{TwoStep, TwoStepBody};
pub use variable::{Learned, LearnedFrom, Variable};
