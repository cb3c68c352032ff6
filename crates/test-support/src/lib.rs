//! Fixtures for tests: real stores and real clients.
//!
//! - [`TestDatabase`]: an empty store with the whole schema, on SQLite or on a real PostgreSQL server;
//!   [`on_both_stores!`] runs one test body on each.
//! - [`PostgresServer`]: a server of a test's own, which it may stop and start.
//!
//! A fixture that cannot be set up fails the test that asked for it, so nothing here returns an error for
//! that. This crate knows the schema and nothing else of the product: every crate may use it in its tests.

#![expect(clippy::expect_used, clippy::panic, reason = "a fixture that cannot be set up fails its test")]

mod database;
mod postgres_server;

pub use database::{TestDatabase, run};
pub use postgres_server::PostgresServer;
