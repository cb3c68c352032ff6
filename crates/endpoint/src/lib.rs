//! Declares, mounts and enumerates HTTP endpoints, and runs the TLS server.
//!
//! Invariants:
//! - an endpoint without an action cannot be written: [`Declaration::requires`] is the only way to a
//!   handler, and the handler is given the [`access_control::Permit`] of that action;
//! - the order inside a request is fixed here: credential, object, access, body;
//! - only this crate knows actix.
//!
//! It knows no table and no rule.

mod allowances;
mod answer;
mod answered;
mod attempt;
mod body_error;
mod call;
mod certificates;
mod cross_origin;
mod declaration;
mod description;
mod dispatch;
mod framing;
mod gate;
mod gateway;
mod guests;
mod headers;
mod instant;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod limits;
mod load;
mod notice;
mod object;
mod openapi;
mod page;
mod paging;
mod problem;
mod rate_limits;
mod refusal;
mod request_fields;
mod request_head;
mod router;
mod security_headers;
mod server;
mod sites;
mod strict_stream;
mod turns;
mod write_deadline;

pub use allowances::Rate;
pub use answer::Answer;
pub use answered::{Answered, Answerer, OTHER_METHOD, Observer};
pub use call::Call;
pub use certificates::{CertificateError, Certificates};
pub use declaration::{Declaration, Endpoint, Guarded, Origins, Said, Surface, Unsaid};
pub use gate::{Authenticator, Gate, Rejected, SESSION_COOKIE};
pub use gateway::{Arrival, Gateway, GatewayFactory};
pub use instant::{GivenInstant, Instant};
pub use limits::Limits;
pub use load::Load;
pub use notice::Notice;
pub use object::ObjectFromPath;
pub use openapi::openapi;
pub use page::{page, style_endpoints};
pub use paging::{Paging, PagingParameters};
pub use problem::{Problem, sentence};
pub use rate_limits::{Allowance, Proxies, RateLimits, Rates};
pub use request_fields::{cookie, wants_page};
pub use router::{MountedRoute, mounted_routes};
pub use server::{Server, ServerError};
pub use sites::{Site, Sites};

/// The HTTP types that cross this crate's border. Nothing else of actix does.
pub mod http {
    pub use actix_http::body::{BodySize, BoxBody, MessageBody, None as NoBody};
    pub use actix_http::error::PayloadError;
    pub use actix_http::{ConnectionType, HttpMessage, Payload, Request, Response, ResponseHead, Version};
    pub use actix_web::http::{Method, StatusCode, header};
}
