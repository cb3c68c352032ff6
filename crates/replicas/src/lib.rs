//! Several processes on one store: each follows what the others change, and what only one may do is done by one.
//!
//! Nothing is shared but PostgreSQL. A change writes its announcement, with a number that has no gaps, in its own
//! transaction (`audit`); [`Following`] reads what it has not read yet, shows it to the followers, and only then
//! confirms that this process is current. `NOTIFY` makes that fast; nothing depends on it. Invariants:
//! - what is not confirmed does not count: whoever does not reach the store stops trusting its memory after
//!   [`audit::TRUSTED_FOR`];
//! - announcements are followed in the order of their commits, none twice at a time, none left out: where numbers are
//!   missing, everything is read again;
//! - a task under a [`Lease`] is done by one process at a time, by the store's clock, and a change of one that lost
//!   its lease does not commit.
//!
//! This crate does not know what announcements are about.

mod error;
mod following;
mod lease;
mod replica;
mod store;

pub use error::ReplicaError;
pub use following::{Followed, Following, Observer, PERIOD};
pub use lease::{LIFE, Lease};
pub use replica::{ListedReplica, Replicas, SILENT_AFTER};
pub use store::shares;
