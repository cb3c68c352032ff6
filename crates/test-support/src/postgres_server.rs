//! A PostgreSQL server on a private socket.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use local_postgres::{Listen, LocalServer, Programs};

/// Fast, and not for keeping: what is lost in a power failure does not matter.
const SETTINGS: &[&str] = &[
    "max_connections=400",
    "shared_buffers=32MB",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
];

/// What was acknowledged is on the disk, as in production.
const DURABLE: &[&str] = &["max_connections=400", "shared_buffers=64MB"];

/// How long what a killed server leaves behind may take to end.
const REMAINS: Duration = Duration::from_secs(20);

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
        Self::with(SETTINGS)
    }

    /// The same, and what it acknowledges outlives its own death.
    ///
    /// # Panics
    /// As [`PostgresServer::start`].
    #[must_use]
    pub fn start_durable() -> Self {
        Self::with(DURABLE)
    }

    fn with(settings: &[&str]) -> Self {
        let programs = Programs::find().unwrap_or_else(|| {
            panic!("no PostgreSQL server is installed (looked in /usr/lib/postgresql and PATH); `cargo xtask test` installs it")
        });
        match LocalServer::start(programs, &Listen::Socket, settings) {
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

    /// Ends it as a crash does: SIGKILL to its first process. The others notice and end.
    ///
    /// # Panics
    /// It does not run, or something of it stays.
    pub fn kill(&mut self) {
        self.signal("-KILL");
    }

    /// Ends it at once (`immediate` shutdown): nobody's work is finished, the next start recovers.
    ///
    /// # Panics
    /// As [`PostgresServer::kill`].
    pub fn stop_immediately(&mut self) {
        self.signal("-QUIT");
    }

    fn signal(&mut self, signal: &str) {
        let file = self.folder().join("data/postmaster.pid");
        let process = std::fs::read_to_string(file).expect("it runs");
        let process = process.lines().next().expect("its number").to_owned();
        let sent = Command::new("kill").args([signal, &process]).status().expect("kill");
        assert!(sent.success(), "kill {signal} {process}");
        self.0.stop();
        let (data, deadline) = (self.folder().join("data"), Instant::now() + REMAINS);
        while processes_in(&data) {
            assert!(Instant::now() < deadline, "something of the server still runs");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder().join(".s.PGSQL.5432")
    }

    /// Starts it again after [`PostgresServer::stop`] and its rougher forms.
    ///
    /// # Panics
    /// It does not start; the message has the server's log.
    pub fn resume(&mut self) {
        self.0.resume().expect("the server starts again");
    }
}

/// Whether a process works in this folder, as all processes of a server do in its data folder.
fn processes_in(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    processes
        .map(|process| process.path().join("cwd"))
        .any(|cwd| std::fs::read_link(cwd).is_ok_and(|at| at == folder))
}
