//! The PostgreSQL server that all test binaries of a run share.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::programs;

/// Where the tests find its address.
pub const ADDRESS_VARIABLE: &str = "VYBE_TEST_POSTGRES";

const START_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the server until standard input ends, which it does however this command dies.
const KEEPER: &str = r#"
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=1000 -c shared_buffers=64MB \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off >"$2/log" 2>&1 &
server=$!
read -r word
kill -INT "$server"
wait "$server"
rm -rf "$2"
"#;

/// A server on a socket in a folder of its own, for as long as this lives.
pub struct Server {
    folder: PathBuf,
    keeper: Child,
}

impl Server {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let binaries = binaries().context("no PostgreSQL server is installed")?;
        let folder = PathBuf::from(format!("/tmp/vybe-tests-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
        let account = account(&folder)?;
        let as_account = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(&folder);
            if let Some((user, group)) = account {
                command.uid(user).gid(group);
            }
            command
        };
        programs::output(as_account(&binaries.join("initdb")).arg("-D").arg(folder.join("data")).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]))?;
        let keeper = as_account(Path::new("/bin/sh"))
            .args(["-c", KEEPER, "postgres-keeper"])
            .arg(&binaries)
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start PostgreSQL")?;
        let server = Self { folder, keeper };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// What the tests connect to.
    pub fn address(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.display())
    }

    fn wait_until_ready(&self) -> Result<()> {
        let started = Instant::now();
        // Its eighth line says how far it is.
        while !fs::read_to_string(self.folder.join("data/postmaster.pid"))
            .is_ok_and(|lines| lines.lines().nth(7).is_some_and(|status| status.trim() == "ready"))
        {
            if started.elapsed() > START_TIMEOUT {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("PostgreSQL does not start: {log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut input) = self.keeper.stdin.take() {
            let _ = input.write_all(b"\n");
        }
        let _ = self.keeper.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The folder with `postgres` and `initdb`: Debian keeps them out of PATH, by version.
pub fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let in_path = programs::find("initdb").and_then(|program| program.parent().map(Path::to_path_buf));
    versions
        .into_iter()
        .rev()
        .map(|(_, folder)| folder)
        .chain(in_path)
        .find(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
}

/// PostgreSQL refuses to run as root; then another account runs it and gets the folder.
fn account(folder: &Path) -> Result<Option<(u32, u32)>> {
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    let accounts = fs::read_to_string("/etc/passwd").context("/etc/passwd")?;
    let find = |name: &str| {
        accounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let number = |at: usize| fields.get(at).and_then(|field| field.parse().ok());
            (fields.first() == Some(&name)).then(|| number(2).zip(number(3))).flatten()
        })
    };
    let (user, group) = find("postgres").or_else(|| find("nobody")).context("no account but root")?;
    chown(folder, Some(user), Some(group))?;
    Ok(Some((user, group)))
}
