//! A server that runs for as long as this process wants it.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Programs, ServerError};

/// How long a server may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server until standard input ends, which it does however the process before it dies; then stops it and
/// removes its folder, unless the word was "stop".
const KEEPER: &str = r#"
programs=$1
folder=$2
shift 2
"$programs/postgres" -D "$folder/data" -k "$folder" "$@" >>"$folder/log" 2>&1 &
server=$!
word=
read -r word
kill -INT "$server"
wait "$server"
[ "$word" = stop ] || rm -rf "$folder"
"#;

/// Where a server listens, besides a socket in its own folder.
pub enum Listen {
    /// Nowhere else. Whoever reaches the socket is let in, which is whoever may open the folder.
    Socket,
    /// On this port of 127.0.0.1, for whoever has the password, over TLS.
    Loopback(u16, Protection),
}

/// What protects a server that listens on a port.
pub struct Protection {
    /// The password of `postgres` (SCRAM-SHA-256).
    pub password: String,
    /// What it shows over TLS; without it, it talks in clear text.
    pub certificate: Option<Certificate>,
}

/// A certificate and its key.
pub struct Certificate {
    /// The certificate chain (PEM).
    pub chain: String,
    /// Its private key (PEM).
    pub key: String,
}

/// A server in a temporary folder. Stopped and removed when dropped, and when the process ends.
#[derive(Debug)]
pub struct LocalServer {
    programs: Programs,
    folder: PathBuf,
    account: Option<(u32, u32)>,
    arguments: Vec<String>,
    port: Option<u16>,
    keeper: Option<Child>,
}

impl LocalServer {
    /// Makes a data folder and starts a server on it, with these settings (`name=value`) besides its own.
    ///
    /// # Errors
    /// It cannot be made or does not start; the message has the server's log.
    pub fn start(programs: Programs, listen: &Listen, settings: &[&str]) -> Result<Self, ServerError> {
        // A socket's path has at most 107 bytes, so it cannot be anywhere deep.
        let folder = tempfile::Builder::new()
            .prefix("vybe-postgres-")
            .tempdir_in("/tmp")
            .map_err(|source| ServerError::File { path: "/tmp".into(), source })?
            .keep();
        let account = account_for_server(&folder)?;
        let mut server = Self { programs, folder, account, arguments: Vec::new(), port: None, keeper: None };
        let mut made = server.command(server.programs.program("initdb"));
        made.arg("-D").arg(server.folder.join("data")).args([
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        let mut arguments: Vec<String> = Vec::new();
        match listen {
            Listen::Socket => {
                made.args(["-A", "trust"]);
                arguments.push("listen_addresses=".to_owned());
            }
            Listen::Loopback(port, protection) => {
                let password = server.write("password", &protection.password)?;
                made.args(["--auth-local=trust", "--auth-host=scram-sha-256"]).arg("--pwfile").arg(&password);
                arguments.extend(["listen_addresses=127.0.0.1".to_owned(), format!("port={port}")]);
                if let Some(certificate) = &protection.certificate {
                    let chain = server.write("server.pem", &certificate.chain)?;
                    let key = server.write("server.key", &certificate.key)?;
                    arguments.push("ssl=on".to_owned());
                    arguments.push(format!("ssl_cert_file={}", chain.display()));
                    arguments.push(format!("ssl_key_file={}", key.display()));
                }
                server.port = Some(*port);
            }
        }
        arguments.extend(settings.iter().map(|setting| (*setting).to_owned()));
        server.arguments = arguments.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect();
        let program = server.programs.program("initdb");
        let made = made.output().map_err(|source| ServerError::File { path: program, source })?;
        if !made.status.success() {
            return Err(ServerError::Made(String::from_utf8_lossy(&made.stderr).trim().to_owned()));
        }
        server.resume()?;
        Ok(server)
    }

    /// Where everything of it is: socket, data, write-ahead log, what it logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The address of one of its databases by its socket (`postgres` always exists).
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let folder = self.folder.display();
        match self.port {
            Some(port) => format!("postgres://postgres@localhost/{database}?host={folder}&port={port}"),
            None => format!("postgres://postgres@localhost/{database}?host={folder}"),
        }
    }

    /// Runs statements in one of its databases, as its superuser, until one fails.
    ///
    /// # Errors
    /// One failed.
    pub fn execute(&self, database: &str, statements: &str) -> Result<(), ServerError> {
        let program = self.programs.program("psql");
        let file = |source| ServerError::File { path: program.clone(), source };
        let mut psql = self
            .command(&program)
            .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname"])
            .arg(self.url(database))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(file)?;
        if let Some(mut input) = psql.stdin.take() {
            input.write_all(statements.as_bytes()).map_err(file)?;
        }
        let ended = psql.wait_with_output().map_err(file)?;
        if ended.status.success() {
            Ok(())
        } else {
            Err(ServerError::Executed(String::from_utf8_lossy(&ended.stderr).trim().to_owned()))
        }
    }

    /// What `pg_dump` writes of one of its databases.
    ///
    /// # Errors
    /// It fails.
    pub fn dump(&self, database: &str) -> Result<Vec<u8>, ServerError> {
        let program = self.programs.program("pg_dump");
        let dumped = self.command(&program).arg("--dbname").arg(self.url(database)).output();
        let dumped = dumped.map_err(|source| ServerError::File { path: program, source })?;
        if !dumped.status.success() {
            return Err(ServerError::Dumped(String::from_utf8_lossy(&dumped.stderr).trim().to_owned()));
        }
        Ok(dumped.stdout)
    }

    /// Stops it. Open connections are cut; what was committed stays.
    pub fn stop(&mut self) {
        self.end(b"stop\n");
    }

    /// Starts it again after [`LocalServer::stop`].
    ///
    /// # Errors
    /// It does not start; the message has the server's log.
    pub fn resume(&mut self) -> Result<(), ServerError> {
        if self.keeper.is_some() {
            return Ok(());
        }
        let keeper = self
            .command("/bin/sh")
            .args(["-c", KEEPER, "postgres-keeper"])
            .arg(self.programs.folder())
            .arg(&self.folder)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to whoever started it; the server goes when they have gone.
            .process_group(0)
            .spawn()
            .map_err(|source| ServerError::File { path: "/bin/sh".into(), source })?;
        self.keeper = Some(keeper);
        let started = Instant::now();
        while !self.answers() {
            if started.elapsed() > START_TIMEOUT {
                return Err(ServerError::Started(self.log()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Whether it takes sessions: it says so in a file, after which it answers.
    fn answers(&self) -> bool {
        let ready = fs::read_to_string(self.folder.join("data/postmaster.pid"))
            .is_ok_and(|lines| lines.lines().nth(7).is_some_and(|status| status.trim() == "ready"));
        ready
            && match self.port {
                Some(port) => TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(),
                None => UnixStream::connect(self.folder.join(".s.PGSQL.5432")).is_ok(),
            }
    }

    fn end(&mut self, word: &[u8]) {
        let Some(mut keeper) = self.keeper.take() else { return };
        if let Some(mut input) = keeper.stdin.take() {
            let _ = input.write_all(word);
        }
        let _ = keeper.wait();
    }

    /// A program that runs as the server's account.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env_remove("PGDATA");
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    /// Writes a file that only the server's account reads.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, ServerError> {
        let path = self.folder.join(name);
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| match self.account {
                Some((user, group)) => chown(&path, Some(user), Some(group)),
                None => Ok(()),
            });
        match written {
            Ok(()) => Ok(path),
            Err(source) => Err(ServerError::File { path, source }),
        }
    }
}

impl Drop for LocalServer {
    fn drop(&mut self) {
        self.end(b"");
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// PostgreSQL refuses to run as root. As root, the account `postgres` (or `nobody`) runs it and gets the folder.
fn account_for_server(folder: &Path) -> Result<Option<(u32, u32)>, ServerError> {
    let file = |path: &Path, source| ServerError::File { path: path.to_path_buf(), source };
    let owner = fs::metadata(folder).map_err(|source| file(folder, source))?;
    if owner.uid() != 0 {
        return Ok(None);
    }
    let list = Path::new("/etc/passwd");
    let accounts = fs::read_to_string(list).map_err(|source| file(list, source))?;
    let find = |name: &str| {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == name)
                .then(|| Some((fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?)))
                .flatten()
        })
    };
    let (user, group) = find("postgres").or_else(|| find("nobody")).ok_or(ServerError::Account)?;
    chown(folder, Some(user), Some(group)).map_err(|source| file(folder, source))?;
    Ok(Some((user, group)))
}
