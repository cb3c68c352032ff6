//! A PostgreSQL server on a private socket.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server until standard input ends, which it does however the test process dies; then stops it
/// and removes its folder, unless the word was "stop".
const KEEPER: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=400 -c shared_buffers=32MB \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off >>"$2/log" 2>&1 &
server=$!
word=
read -r word
kill -INT "$server"
wait "$server"
[ "$word" = stop ] || rm -rf "$2"
"#;

/// A server in a temporary folder that listens on a socket there and nowhere else. Stopped and removed when
/// dropped, and when the process ends.
#[derive(Debug)]
pub struct PostgresServer {
    programs: PathBuf,
    folder: PathBuf,
    account: Option<(u32, u32)>,
    keeper: Option<Child>,
}

impl PostgresServer {
    /// Makes a data folder and starts a server on it.
    ///
    /// # Panics
    /// No PostgreSQL is installed, or it does not start; the message has the server's log.
    #[must_use]
    pub fn start() -> Self {
        let programs = find_programs().unwrap_or_else(|| {
            panic!("no PostgreSQL server is installed (looked in /usr/lib/postgresql and PATH); `cargo xtask test` installs it")
        });
        // A socket's path has at most 107 bytes, so it cannot be anywhere deep.
        let folder = tempfile::Builder::new()
            .prefix("vybe-postgres-")
            .tempdir_in("/tmp")
            .expect("a temporary folder")
            .keep();
        let account = account_for_server(&folder);
        let mut server = Self { programs, folder, account, keeper: None };
        let made = server
            .command(server.programs.join("initdb"))
            .arg("-D")
            .arg(server.folder.join("data"))
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        server.resume();
        server
    }

    /// The address of one of its databases (`postgres` always exists).
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// Where everything of it is: data, write-ahead log, what it logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `pg_dump` writes of one of its databases.
    ///
    /// # Panics
    /// It fails; the message says why.
    #[must_use]
    pub fn dump(&self, database: &str) -> Vec<u8> {
        let mut dump = self.command(self.programs.join("pg_dump"));
        let dumped = dump.arg("--dbname").arg(self.url(database)).output().expect("pg_dump runs");
        assert!(dumped.status.success(), "pg_dump: {}", String::from_utf8_lossy(&dumped.stderr));
        dumped.stdout
    }

    /// Stops it. Open connections are cut; what was committed stays.
    ///
    /// # Panics
    /// It does not stop.
    pub fn stop(&mut self) {
        self.end(b"stop\n");
    }

    /// Starts it again after [`PostgresServer::stop`].
    ///
    /// # Panics
    /// It does not start; the message has the server's log.
    pub fn resume(&mut self) {
        if self.keeper.is_some() {
            return;
        }
        let mut command = self.command("/bin/sh");
        let keeper = command
            .arg("-c")
            .arg(KEEPER)
            .arg("postgres-keeper")
            .arg(&self.programs)
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the test; the server goes when the test has gone.
            .process_group(0)
            .spawn()
            .expect("a shell");
        self.keeper = Some(keeper);
        let started = Instant::now();
        while !self.answers() {
            if started.elapsed() > START_TIMEOUT {
                let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                panic!("PostgreSQL does not start: {log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it takes sessions: it says so in a file, after which its socket answers.
    fn answers(&self) -> bool {
        let ready = std::fs::read_to_string(self.folder.join("data/postmaster.pid"))
            .is_ok_and(|lines| lines.lines().nth(7).is_some_and(|status| status.trim() == "ready"));
        ready && UnixStream::connect(self.folder.join(".s.PGSQL.5432")).is_ok()
    }

    fn end(&mut self, word: &[u8]) {
        let Some(mut keeper) = self.keeper.take() else { return };
        if let Some(mut input) = keeper.stdin.take() {
            let _ = input.write_all(word);
        }
        let _ = keeper.wait();
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_remove("PGDATA");
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.end(b"");
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Where `postgres` and `initdb` are: Debian keeps them out of PATH, by version.
fn find_programs() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let debian = versions.into_iter().rev().map(|(_, path)| path);
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
}

/// PostgreSQL refuses to run as root. As root, the account `postgres` (or `nobody`) runs it and gets the
/// folder.
fn account_for_server(folder: &Path) -> Option<(u32, u32)> {
    let owner = std::fs::metadata(folder).expect("the folder's owner");
    if owner.uid() != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").expect("the list of accounts");
    let find = |name: &str| {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name)
                .then(|| Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?)))
                .flatten()
        })
    };
    let (user, group) = find("postgres").or_else(|| find("nobody")).expect("an account that is not root");
    chown(folder, Some(user), Some(group)).expect("the folder goes to the account");
    Some((user, group))
}
