//! A MariaDB server on a port of this machine only.

use std::ffi::OsStr;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::Authority;
use crate::ssh_server::free_port;

/// How long a server may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server until standard input ends, which it does however the test process dies; then kills it, and removes
/// its folder, unless the word was "stop".
const KEEPER: &str = r#"
program=$1 folder=$2
shift 2
"$program" --no-defaults "$@" >>"$folder/log" 2>&1 &
server=$!
word=
read -r word
kill -KILL "$server"
wait "$server"
[ "$word" = stop ] || rm -rf "$folder"
"#;

/// Small, fast, and only as durable as killing it needs. `local_infile` is on, so that what refuses `LOAD DATA LOCAL` is the client.
const SETTINGS: [&str; 11] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--local-infile=1",
    "--max-connections=200",
    "--max-allowed-packet=1G",
    "--innodb-buffer-pool-size=64M",
    "--innodb-log-file-size=16M",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--sync-frm=0",
    "--secure-file-priv=",
];

/// A server in a temporary folder. Killed and removed when dropped, and when the process ends. It speaks TLS with a
/// certificate for `localhost`, and for no address.
pub struct MariaServer {
    program: PathBuf,
    folder: PathBuf,
    account: Option<(u32, u32)>,
    authority: Authority,
    port: u16,
    keeper: Option<Child>,
    databases: AtomicU32,
}

impl MariaServer {
    /// The account with every right.
    pub const USER: &'static str = "administrator";
    /// Its password.
    pub const PASSWORD: &'static str = "p@ss/w#rd?'\"\\";

    /// The one server that the tests of a binary share.
    #[must_use]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<MariaServer> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Makes a data folder and starts a server on it.
    ///
    /// # Panics
    /// No MariaDB is installed, or it does not start; the message has the server's log.
    #[must_use]
    pub fn start() -> Self {
        let program = find("mariadbd");
        // A socket's path has at most 107 bytes, so it cannot be anywhere deep.
        let folder = tempfile::Builder::new()
            .prefix("vybe-maria-")
            .tempdir_in("/tmp")
            .expect("a temporary folder")
            .keep();
        let account = account_for_server();
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["localhost"]);
        let mut server =
            Self { program, folder, account, authority, port: 0, keeper: None, databases: AtomicU32::new(0) };
        server.write("authority.pem", &server.authority.certificate());
        server.write("certificate.pem", &certificate.certificate);
        server.write("key.pem", &certificate.key);
        let password = Self::PASSWORD.replace('\\', "\\\\").replace('\'', "\\'");
        let mut accounts = String::new();
        for host in ["localhost", "%"] {
            let account = format!("'{}'@'{host}'", Self::USER);
            accounts.push_str(&format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{password}';\n"));
            accounts.push_str(&format!("GRANT ALL ON *.* TO {account} WITH GRANT OPTION;\n"));
        }
        server.write("accounts.sql", &accounts);
        // A server that starts removes what it takes for temporary files of an earlier one.
        let temporary = server.folder.join("temporary");
        std::fs::create_dir(&temporary).expect("a folder for temporary files");
        server.own(&temporary);
        server.own(&server.folder);
        let made = server
            .command(find("mariadb-install-db"))
            .args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal"])
            .arg(format!("--datadir={}/data", server.folder.display()))
            .arg(format!("--tmpdir={}", temporary.display()))
            .output()
            .expect("mariadb-install-db runs");
        assert!(made.status.success(), "mariadb-install-db: {}", String::from_utf8_lossy(&made.stderr));
        // Between the choice of a port and the server's start somebody else may have taken it.
        for _ in 0..5 {
            server.port = free_port();
            if server.launch() {
                return server;
            }
            server.stop();
        }
        panic!("MariaDB does not start: {}", server.log())
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Who signed its certificate.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where everything of it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether it takes connections.
    #[must_use]
    pub fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// A new, empty database, made with these statements. Its name.
    ///
    /// # Panics
    /// A statement fails; the message says why.
    #[must_use]
    pub fn database(&self, statements: &str) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run("", &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        self.run(&name, statements);
        name
    }

    /// Runs statements with every right, and gives the lines of what they answer, columns separated by tabs.
    ///
    /// # Panics
    /// A statement fails; the message says why.
    pub fn run(&self, database: &str, statements: &str) -> Vec<String> {
        let mut client = self.command(find("mariadb"));
        let mut client = client
            .args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"])
            .arg(format!("--socket={}/socket", self.folder.display()))
            .arg(format!("--user={}", Self::USER))
            .arg(format!("--database={database}"))
            .env("MYSQL_PWD", Self::PASSWORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("mariadb runs");
        let mut input = client.stdin.take().expect("its input");
        let statements = statements.to_owned();
        let writer = std::thread::spawn(move || input.write_all(statements.as_bytes()));
        let answer = client.wait_with_output().expect("its answer");
        let _ = writer.join();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        String::from_utf8_lossy(&answer.stdout).lines().map(str::to_owned).collect()
    }

    /// Kills it. What was committed stays.
    pub fn stop(&mut self) {
        self.end(b"stop\n");
    }

    /// Starts it again on the same port after [`MariaServer::stop`].
    ///
    /// # Panics
    /// It does not start; the message has the server's log.
    pub fn resume(&mut self) {
        assert!(self.keeper.is_some() || self.launch(), "MariaDB does not start: {}", self.log());
    }

    fn launch(&mut self) -> bool {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let _ = std::fs::remove_file(file("socket"));
        let mut arguments = SETTINGS.map(str::to_owned).to_vec();
        arguments.extend([
            format!("--datadir={}", file("data")),
            format!("--tmpdir={}", file("temporary")),
            format!("--socket={}", file("socket")),
            format!("--pid-file={}", file("pid")),
            format!("--init-file={}", file("accounts.sql")),
            format!("--ssl-ca={}", file("authority.pem")),
            format!("--ssl-cert={}", file("certificate.pem")),
            format!("--ssl-key={}", file("key.pem")),
            format!("--port={}", self.port),
        ]);
        let lines = self.log().matches("ready for connections").count();
        let mut command = self.command("/bin/sh");
        let keeper = command
            .arg("-c")
            .arg(KEEPER)
            .arg("maria-keeper")
            .arg(&self.program)
            .arg(&self.folder)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C goes to the test; the server goes when the test has gone.
            .process_group(0)
            .spawn()
            .expect("a shell");
        self.keeper = Some(keeper);
        let started = Instant::now();
        while started.elapsed() < START_TIMEOUT {
            let log = self.log();
            if log.matches("ready for connections").count() > lines {
                return true;
            }
            if log.contains("Do you already have another server running on port") {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn end(&mut self, word: &[u8]) {
        let Some(mut keeper) = self.keeper.take() else { return };
        if let Some(mut input) = keeper.stdin.take() {
            let _ = input.write_all(word);
        }
        let _ = keeper.wait();
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("a file in the server's folder");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
        self.own(&path);
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = self.account {
            chown(path, Some(user), Some(group)).expect("the folder goes to the server's account");
        }
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder);
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for MariaServer {
    fn drop(&mut self) {
        self.end(b"");
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// One of MariaDB's programs: Debian keeps the server's in a folder that is not in everybody's PATH.
fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")])
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{program} is not installed; `cargo xtask test` installs MariaDB"))
}

/// MariaDB refuses to run as root. As root, the account `mysql` (or `nobody`) runs it.
fn account_for_server() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").expect("this process").uid() != 0 {
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
    Some(find("mysql").or_else(|| find("nobody")).expect("an account that is not root"))
}
