//! Conversations with one database of a customer: PostgreSQL, MySQL or MariaDB, Redshift.
//!
//! Invariants: only statements that the guard let through are sent, by the protocol that binds parameters; no state stays
//! in a session from one query to the next; what is not wanted any more is cancelled at the server; answers stream in
//! constant memory. This crate knows no organization, no app, no table of ours and no HTTP.
