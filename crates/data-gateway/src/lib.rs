//! The data gateway: connections to customers' databases, saved queries, and the calls of apps that run them.
//!
//! Every query passes the guard, a fair turn and the limits of its connection, and is recorded: who, from which app, which
//! statement, how long, how many rows; never a parameter's value. Credentials are in the vault.

mod run_error;
mod usable;

pub use run_error::RunError;
pub use usable::{Named, Usable, UsableDatabases};
