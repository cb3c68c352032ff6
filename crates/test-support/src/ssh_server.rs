//! An OpenSSH server on a port of its own, and keys for it.

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long a server may take to answer.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Where ports are looked for: below those that the system gives to outgoing connections, so that a port is still free
/// when a server comes back.
const PORTS: std::ops::Range<u32> = 15_000..32_000;

/// Runs the server until standard input ends, which it does however the test process dies.
const KEEPER: &str = r#"
"$1" -D -e -f "$2/sshd_config" >>"$2/log" 2>&1 &
server=$!
echo "$server" >"$2/pid"
read -r word
kill -KILL "$server"
wait "$server"
"#;

/// A private key, as `ssh-keygen` writes it, and the public one.
#[derive(Clone, Debug)]
pub struct SshKey {
    /// The file of the private key.
    pub private: String,
    /// The line of the public key.
    pub public: String,
    /// SHA-256 of the public key, in OpenSSH's form.
    pub fingerprint: String,
}

impl SshKey {
    /// A new key: type and size as in `ssh-keygen -t ecdsa -b 384`.
    ///
    /// # Panics
    /// `ssh-keygen` is not installed or does not want to.
    #[must_use]
    pub fn generate(arguments: &[&str], passphrase: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        make_key(&path, arguments, passphrase);
        Self::read(&path)
    }

    /// The same key, encrypted with this passphrase; an empty one leaves it as it is.
    ///
    /// # Panics
    /// `ssh-keygen` does not want to.
    #[must_use]
    pub fn with_passphrase(&self, passphrase: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("key");
        fs::write(&path, &self.private).expect("a private key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("a private file");
        run(Command::new("ssh-keygen").args(["-q", "-p", "-a", "2", "-N", passphrase, "-f"]).arg(&path));
        let private = fs::read_to_string(path).expect("a private key");
        Self { private, ..self.clone() }
    }

    fn read(path: &Path) -> Self {
        let public_path = path.with_extension("pub");
        let listed = run(Command::new("ssh-keygen").args(["-l", "-E", "sha256", "-f"]).arg(&public_path));
        Self {
            private: fs::read_to_string(path).expect("a private key"),
            public: fs::read_to_string(&public_path).expect("a public key"),
            fingerprint: listed.split_whitespace().nth(1).expect("a fingerprint").to_owned(),
        }
    }
}

/// `sshd` in a temporary folder, on 127.0.0.1, for the account that runs the test. Stopped and removed when dropped,
/// and when the process ends.
#[derive(Debug)]
pub struct SshServer {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    host_key: SshKey,
    settings: Vec<String>,
    keeper: Option<Child>,
}

impl SshServer {
    /// A server with an Ed25519 host key, and with these lines of `sshd_config` before its own.
    ///
    /// # Panics
    /// No `sshd` is installed, or it does not start; the message has its log.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::with_host_keys(&[&["-t", "ed25519"]], settings)
    }

    /// A server with host keys of these types; the first is [`SshServer::host_key`].
    ///
    /// # Panics
    /// As [`SshServer::start`].
    #[must_use]
    pub fn with_host_keys(types: &[&[&str]], settings: &[&str]) -> Self {
        let program = PathBuf::from("/usr/sbin/sshd");
        assert!(program.is_file(), "no OpenSSH server is installed; `cargo xtask test` installs it");
        let folder = tempfile::Builder::new().prefix("vybe-ssh-").tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a readable folder");
        for (number, arguments) in types.iter().enumerate() {
            make_key(&folder.path().join(format!("host_key_{number}")), arguments, "");
        }
        fs::write(folder.path().join("authorized_keys"), "").expect("a list of keys");
        let host_key = SshKey::read(&folder.path().join("host_key_0"));
        let mut settings: Vec<String> = settings.iter().map(|line| (*line).to_owned()).collect();
        for number in 0..types.len() {
            let path = folder.path().join(format!("host_key_{number}"));
            settings.push(format!("HostKey {}", path.display()));
        }
        let mut server = Self { program, folder, port: 0, host_key, settings, keeper: None };
        for _ in 0..20 {
            server.port = free_port();
            if server.try_resume() {
                return server;
            }
        }
        panic!("sshd does not start: {}", server.log());
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The account that may sign in: the one that runs the test.
    ///
    /// # Panics
    /// The system does not know its name.
    #[must_use]
    pub fn user() -> String {
        run(Command::new("id").arg("-un")).trim().to_owned()
    }

    /// Its first host key.
    #[must_use]
    pub const fn host_key(&self) -> &SshKey {
        &self.host_key
    }

    /// Lets this key in.
    ///
    /// # Panics
    /// The list of keys cannot be written.
    pub fn authorize(&self, key: &SshKey) {
        let path = self.folder.path().join("authorized_keys");
        let mut lines = fs::read_to_string(&path).unwrap_or_default();
        lines.push_str(&key.public);
        fs::write(path, lines).expect("a list of keys");
    }

    /// All that it has logged, at the level DEBUG1.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.folder.path().join("log"))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// How many connections it has had, which the fixture's own question whether it is there is one of.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.log().matches("Connection from ").count()
    }

    /// Waits until the log has this text.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait_for_log(&self, text: &str) {
        let started = Instant::now();
        while !self.log().contains(text) {
            assert!(started.elapsed() < START_TIMEOUT, "sshd does not log {text:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How many of its sessions are there: processes that serve one connection each.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.main_process().map_or(0, |main| children(main).len())
    }

    /// Stops it and all its sessions in the middle of what they do, without an end: they are there and silent.
    ///
    /// # Panics
    /// There is no shell.
    pub fn freeze(&self) {
        signal("-STOP", &self.main_process().map(descendants).unwrap_or_default());
    }

    /// Kills it and all its sessions at once, as a crash would.
    ///
    /// # Panics
    /// It does not end.
    pub fn kill(&mut self) {
        let Some(mut keeper) = self.keeper.take() else { return };
        let mut processes = self.main_process().map(descendants).unwrap_or_default();
        // Sessions of the moment in which they were counted.
        for _ in 0..2 {
            signal("-KILL", &processes);
            processes = processes.into_iter().flat_map(descendants).collect();
        }
        drop(keeper.stdin.take());
        let _ = keeper.wait();
    }

    /// Starts it again after [`SshServer::kill`], at the same port.
    ///
    /// # Panics
    /// It does not start; the message has its log.
    pub fn resume(&mut self) {
        let started = Instant::now();
        while !self.try_resume() {
            assert!(started.elapsed() < START_TIMEOUT, "sshd does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts it again with another host key, at the same port.
    ///
    /// # Panics
    /// As [`SshServer::resume`].
    pub fn change_host_key(&mut self) {
        self.kill();
        let path = self.folder.path().join("host_key_0");
        fs::remove_file(&path).expect("the old host key");
        make_key(&path, &["-t", "ed25519"], "");
        self.host_key = SshKey::read(&path);
        self.resume();
    }

    fn main_process(&self) -> Option<u32> {
        fs::read_to_string(self.folder.path().join("pid")).ok()?.trim().parse().ok()
    }

    fn try_resume(&mut self) -> bool {
        if self.keeper.is_some() {
            return true;
        }
        // As root it separates itself into an empty folder at this place.
        let _ = fs::create_dir_all("/run/sshd");
        self.write_settings();
        let _ = fs::remove_file(self.folder.path().join("pid"));
        let keeper = Command::new("/bin/sh")
            .args(["-c", KEEPER, "ssh-keeper"])
            .arg(&self.program)
            .arg(self.folder.path())
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
            if self.answers() {
                // The question is over and logged before a test looks at the log.
                while self.sessions() > 0 && started.elapsed() < START_TIMEOUT {
                    std::thread::sleep(Duration::from_millis(5));
                }
                return true;
            }
            let gone = |main: u32| !Path::new(&format!("/proc/{main}/exe")).exists();
            if self.main_process().is_some_and(gone) {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
        false
    }

    /// Whether it greets, and nobody else does at its port.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut greeting = [0_u8; 4];
        let greets = stream.set_read_timeout(Some(Duration::from_secs(5))).is_ok()
            && stream.read_exact(&mut greeting).is_ok();
        greets && &greeting == b"SSH-" && self.log().contains(&format!("port {}.", self.port))
    }

    fn write_settings(&self) {
        let mut lines = self.settings.clone();
        lines.push(format!("Port {}", self.port));
        lines.push(format!("AuthorizedKeysFile {}/authorized_keys", self.folder.path().display()));
        for line in [
            "ListenAddress 127.0.0.1",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "UseDNS no",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "MaxStartups 1000",
            "MaxSessions 100",
            "LogLevel DEBUG1",
        ] {
            lines.push(line.to_owned());
        }
        let path = self.folder.path().join("sshd_config");
        // Newer versions lock out those who fail often; older ones do not know the setting.
        for newer in [Some("PerSourcePenalties no"), None] {
            let text = lines.iter().map(String::as_str).chain(newer).collect::<Vec<_>>().join("\n");
            fs::write(&path, format!("{text}\n")).expect("settings");
            let checked = Command::new(&self.program).arg("-t").arg("-f").arg(&path).output();
            if checked.expect("sshd runs").status.success() {
                return;
            }
        }
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Those that are gone already are no failure.
fn signal(name: &str, processes: &[u32]) {
    let numbers = processes.iter().map(u32::to_string);
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", r#"kill "$@" 2>/dev/null"#, "signal", name]).args(numbers);
    let _ = shell.status().expect("a shell");
}

fn make_key(path: &Path, arguments: &[&str], passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    run(command.args(["-q", "-C", "test", "-N", passphrase, "-f"]).arg(path).args(arguments));
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(97) + TRIED.fetch_add(1, Ordering::Relaxed);
        let port = u16::try_from(PORTS.start + number % (PORTS.end - PORTS.start)).unwrap_or_default();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn descendants(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(children(parent));
        next += 1;
    }
    found
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| {
            let process: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the name, which may contain anything: the state, and then the parent.
            let (_, fields) = stat.rsplit_once(')')?;
            let mut fields = fields.split_whitespace();
            let state = fields.next()?;
            let its_parent: u32 = fields.next()?.parse().ok()?;
            (its_parent == parent && state != "Z").then_some(process)
        })
        .collect()
}
