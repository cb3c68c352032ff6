//! The PostgreSQL server that all test binaries of a run share.

use anyhow::{Context as _, Result};
use local_postgres::{Listen, LocalServer, Programs};

/// Where the tests find its address.
pub const ADDRESS_VARIABLE: &str = "VYBE_TEST_POSTGRES";

/// Fast, and not for keeping.
const SETTINGS: &[&str] = &[
    "max_connections=1000",
    "shared_buffers=64MB",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];

/// A server on a socket in a folder of its own, for as long as this lives.
pub struct Server(LocalServer);

impl Server {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let programs = Programs::find().context("no PostgreSQL server is installed")?;
        Ok(Self(LocalServer::start(programs, &Listen::Socket, SETTINGS)?))
    }

    /// What the tests connect to.
    pub fn address(&self) -> String {
        self.0.url("postgres")
    }
}
