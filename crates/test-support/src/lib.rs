//! Fixtures for tests: real stores and real clients.
//!
//! - [`TestDatabase`]: an empty store with the whole schema, on SQLite or on a real PostgreSQL server;
//!   [`on_both_stores!`] runs one test body on each. [`PostgresServer`]: a server of a test's own, which it
//!   may stop and start.
//! - [`FaultyLink`]: the way to a server, cut, silent or slow on demand. [`LoadBalancer`]: nginx before several servers.
//! - [`MariaServer`]: a MariaDB server, likewise.
//! - [`Authority`]: certificates, and the [`Trust`] in them that clients need.
//! - [`RawConnection`]: sends exact bytes and reads what comes back. [`Client`]: cookies and redirects like
//!   a browser's. [`WebSocket`].
//! - [`hostile_issuer`]: an OpenID provider that lies on demand. [`certified_provider`]: one that is not ours.
//! - [`node`]: scripts on Node.js with pinned packages; [`browser`]: scripts that drive Chromium.
//!   [`python`]: programs from pinned packages.
//! - [`transit_server`]: a key management service that speaks the transit API, and fails on demand.
//! - [`token_server`]: an authorization server that rotates refresh tokens in four ways, and fails on demand.
//! - [`ServiceServer`]: a service behind TLS that keeps what it was asked, and answers what a test says.
//!   [`DjangoServer`]: one that is not ours.
//! - [`SshServer`]: an OpenSSH server that a test may stop, start and give another host key; [`SshKey`]: keys for it.
//! - [`leaks`]: finds planted values in files and in the memory of a process.
//!
//! A fixture that cannot be set up fails the test that asked for it, so nothing here returns an error for
//! that. This crate knows the schema and nothing else of the product: every crate may use it in its tests.

#![expect(clippy::expect_used, clippy::panic, reason = "a fixture that cannot be set up fails its test")]

pub mod browser;
pub mod certified_provider;
pub mod hostile_issuer;
pub mod leaks;
pub mod node;
pub mod python;
pub mod token_server;
pub mod transit_server;

mod authority;
mod client;
mod cookies;
mod database;
mod django_server;
mod faulty_link;
mod load_balancer;
mod maria_server;
mod postgres_server;
mod raw;
mod response;
mod service_server;
mod ssh_server;
mod web_socket;

pub use authority::{Authority, HostCertificate, Trust};
pub use client::{Client, Request};
pub use database::{SHARED_SERVER, TestDatabase, run};
pub use django_server::DjangoServer;
pub use faulty_link::{Fault, FaultyLink, Hit};
pub use load_balancer::LoadBalancer;
pub use maria_server::MariaServer;
pub use postgres_server::PostgresServer;
pub use raw::RawConnection;
pub use response::Response;
pub use service_server::{ArrivedCall, ServedAnswer, ServiceServer};
pub use ssh_server::{SshKey, SshServer};
pub use web_socket::{Frame, Refusal, WebSocket};
