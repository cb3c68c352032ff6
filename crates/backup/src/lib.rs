//! A whole store in one sealed file, and back into an empty store of either kind.
//!
//! Invariants:
//! - which tables and columns there are is read from the schema that the migrations make, so that none is forgotten;
//! - what is written is one state of the store, read while others write;
//! - nothing of a file counts before its chunk was opened, and nothing is restored before its last one was;
//! - what is sealed in the store stays sealed: no key that opens it is ever here.
//!
//! It knows tables by their columns only: not what a row means, not who wraps the file's key, no permit and no HTTP.

mod content;
mod error;
mod examining;
mod header;
mod restoring;
mod schema;
mod sealed_file;
mod snapshot;
mod state_hash;
mod store;
mod value;

pub use error::BackupError;
pub use examining::examine;
pub use header::Header;
pub use restoring::restore;
pub use snapshot::{state, take};
pub use state_hash::{StateHash, Summary, TableSummary};
