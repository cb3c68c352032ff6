//! The kit against raw bytes: a real server, a handful of endpoints, and a gateway that tells what it got.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod certificates;
mod churn;
mod cross_origin;
mod declarations;
mod fixture;
mod framing;
mod hosts;
mod lifetimes;
mod limits;
mod malformed_framings;
mod methods;
mod tls;
mod turns;
