//! The identity-aware reverse proxy: host → session → decision → headers → forward.
//!
//! Invariants:
//! - nothing of an app is contacted before its request was allowed, in whatever form it came;
//! - the path that is judged is, byte for byte, the path that is forwarded;
//! - an app sees each identity header once, and it is ours; it never sees a platform cookie;
//! - bodies are streamed both ways, never held as a whole;
//! - whatever lasts is decided again when the facts change, and ends with its session.
//!
//! It knows no table, and no way to sign in but the way there.

mod admission;
mod close_frame;
mod counters;
mod forward;
mod gateway;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod live_streams;
mod middleware;
mod own_pages;
pub mod reach;
mod refusals;
mod request_body;
pub mod request_headers;
mod response_body;
mod response_headers;
mod stop;
mod tunnel;
mod upstream_pool;

pub use counters::{Counter, Counters};
pub use forward::Patience;
pub use middleware::Middleware;
pub use refusals::ACTION;
pub use upstream_pool::PoolLimits;
