//! The kit against raw bytes: a real server, a handful of endpoints, and a gateway that tells what it got.

mod certificates;
mod cross_origin;
mod declarations;
mod fixture;
mod framing;
mod hosts;
mod lifetimes;
mod methods;
mod tls;
