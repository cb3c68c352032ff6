//! What a revocation did, in every process of the store: streams that were cut, user tokens that are still out.
//!
//! The revocation itself is committed before anything is counted here, and nothing here can undo or delay it. Invariants:
//! - what is counted was seen: a process that did not say what it cut in time is not counted as reached;
//! - an answer waits for at most [`PATIENCE`], whatever happened to the other processes;
//! - ordinary requests pay nothing: only streams, and user tokens when they are signed, are noted.
//!
//! This crate does not know how anything is revoked, and serves no streams.

mod effect;
mod endpoints;
mod open_streams;
mod outstanding_tokens;
mod receipt;
mod revocations;
mod revoked;
mod store;

pub use effect::Effect;
pub use endpoints::ReceiptAnswer;
pub use open_streams::{Holder, OpenStream, OpenStreams};
pub use outstanding_tokens::OutstandingTokens;
pub use receipt::{Receipt, ReplicasReached};
pub use revocations::{PATIENCE, Revocations, WITHIN};
pub use revoked::Revoked;
