//! The facts that decisions read, in memory: who is a member of what, what each app allows, whose a
//! host label and a server secret are.
//!
//! Invariants:
//! - a read asks no database, takes no lock and costs the same at any number of organizations and apps;
//! - a change is in the snapshot before whoever made it is told that it is done;
//! - what could not be read again after a change is not answered from memory: readers are told
//!   [`access_control::FactsUnavailable`] until it was read again.
//!
//! It does not know sessions, requests or HTTP, and decides nothing.

mod directory;
mod error;
mod reload;
mod snapshot;

pub use directory::Directory;
pub use error::DirectoryError;
