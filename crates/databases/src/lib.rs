//! Conversations with one database of a customer: PostgreSQL, MySQL or MariaDB, Redshift.
//!
//! Invariants: only statements that the guard let through are sent, by the protocol that binds parameters; no state stays
//! in a session from one query to the next; what is not wanted any more is cancelled at the server; answers stream in
//! constant memory. This crate knows no organization, no app, no table of ours and no HTTP.

mod authorities;
mod connect_error;
mod database;
mod dial;
mod engine;
mod json;
mod limits;
mod mysql;
mod open;
mod pool;
mod postgresql;
mod query;
mod query_error;
mod read_only;
mod redshift;
mod refusal;
mod rows;
mod schema;
mod target;
mod text_session;
mod tls;

pub use authorities::{AuthoritiesError, check_authorities};
pub use connect_error::{ConnectError, Step};
pub use database::{Database, Usage};
pub use engine::Engine;
pub use limits::{Limits, LimitsError};
pub use open::open;
pub use query::{Caller, Query};
pub use query_error::QueryError;
pub use read_only::{Attempt, Lock, LockState, ReadOnlyExamination};
pub use rows::{Ending, Rows, Summary};
pub use schema::{Column, ForeignKey, Schema, Table};
pub use target::{Credentials, Target, Tls};
