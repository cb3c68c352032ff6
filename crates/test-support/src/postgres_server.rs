//! A PostgreSQL server on a private socket.

use std::path::Path;

use local_postgres::{Listen, LocalServer, Programs};

/// Fast, and not for keeping: what is lost in a power failure does not matter.
const SETTINGS: &[&str] = &[
    "max_connections=400",
    "shared_buffers=32MB",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];

/// A server in a temporary folder that listens on a socket there and nowhere else. Stopped and removed when
/// dropped, and when the process ends.
#[derive(Debug)]
pub struct PostgresServer(LocalServer);

impl PostgresServer {
    /// Makes a data folder and starts a server on it.
    ///
    /// # Panics
    /// No PostgreSQL is installed, or it does not start; the message has the server's log.
    #[must_use]
    pub fn start() -> Self {
        let programs = Programs::find().unwrap_or_else(|| {
            panic!("no PostgreSQL server is installed (looked in /usr/lib/postgresql and PATH); `cargo xtask test` installs it")
        });
        match LocalServer::start(programs, &Listen::Socket, SETTINGS) {
            Ok(server) => Self(server),
            Err(error) => panic!("{error}"),
        }
    }

    /// The address of one of its databases (`postgres` always exists).
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.0.url(database)
    }

    /// Where everything of it is: data, write-ahead log, what it logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.folder()
    }

    /// What `pg_dump` writes of one of its databases.
    ///
    /// # Panics
    /// It fails; the message says why.
    #[must_use]
    pub fn dump(&self, database: &str) -> Vec<u8> {
        self.0.dump(database).expect("a dump")
    }

    /// Stops it. Open connections are cut; what was committed stays.
    pub fn stop(&mut self) {
        self.0.stop();
    }

    /// Starts it again after [`PostgresServer::stop`].
    ///
    /// # Panics
    /// It does not start; the message has the server's log.
    pub fn resume(&mut self) {
        self.0.resume().expect("the server starts again");
    }
}
