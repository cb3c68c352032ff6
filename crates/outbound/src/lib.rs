//! Where this process may connect to: which network addresses, decided on the address that is connected to.
//!
//! A name is resolved once, every address it has is judged, and the connection goes to one of those that were judged.
//! This crate knows no protocol that is spoken afterwards.

mod address_policy;
mod connect;
mod error;
mod host;
mod hung_names;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod listeners;
mod network;
mod places;
mod resolver;

pub use address_policy::{AddressKind, AddressPolicy, Refused};
pub use connect::{connect, resolve};
pub use error::OutboundError;
pub use host::{Host, HostError};
pub use network::{Network, NetworkError};
