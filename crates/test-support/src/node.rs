//! Scripts on Node.js, with pinned packages (`node/package-lock.json`).
//!
//! A script is an `.mjs` file. It is copied beside the packages, together with the other `.mjs` files of its
//! folder and with `fixture.mjs` and `browser.mjs` of this crate, so that it can import all of them. Over
//! standard input and output go lines of JSON; what a script logs goes to the test's output.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

/// How long a script may take to answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a script may take to end by itself.
const FAREWELL: Duration = Duration::from_secs(5);

const MANIFEST: &str = include_str!("../node/package.json");
const LOCK: &str = include_str!("../node/package-lock.json");
const FIXTURE: &str = include_str!("../node/fixture.mjs");
const BROWSER: &str = include_str!("../node/browser.mjs");

/// Runs a script to its end; the result is what it last answered.
///
/// # Panics
/// It fails, or answers nothing.
pub async fn run_script(script: &Path, input: &Value) -> Value {
    let mut running = Script::start(script, input).await;
    let mut last = running.next_answer().await;
    while let Some(answer) = running.next_answer().await {
        last = Some(answer);
    }
    let status = running.child.wait().await.expect("node's status");
    assert!(status.success(), "{} failed: {status}", script.display());
    last.unwrap_or_else(|| panic!("{} answered nothing", script.display()))
}

/// A script that goes on running; it ends when dropped.
pub struct Script {
    child: Child,
    /// There until it is told to end.
    questions: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    folder: PathBuf,
}

impl Script {
    /// Starts a script, and gives it `input`.
    ///
    /// # Panics
    /// Node.js is missing, or does not start.
    pub async fn start(script: &Path, input: &Value) -> Self {
        let folder = place(script);
        let name = script.file_name().expect("a script's name");
        let mut child = Command::new("node")
            .arg(folder.join(name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js is installed (`cargo xtask test` installs it)");
        let mut questions = child.stdin.take().expect("standard input");
        let answers = BufReader::new(child.stdout.take().expect("standard output")).lines();
        questions.write_all(format!("{input}\n").as_bytes()).await.expect("node reads its input");
        Self { child, questions: Some(questions), answers, folder }
    }

    /// The next answer; none if the script has ended.
    ///
    /// # Panics
    /// None comes in time, or it is not JSON.
    pub async fn next_answer(&mut self) -> Option<Value> {
        let line = timeout(PATIENCE, self.answers.next_line())
            .await
            .expect("an answer in time")
            .expect("a line of text")?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// Asks a running script something.
    ///
    /// # Panics
    /// It has ended, or does not answer in time.
    pub async fn ask(&mut self, question: &Value) -> Value {
        let questions = self.questions.as_mut().expect("a script that was not told to end");
        questions.write_all(format!("{question}\n").as_bytes()).await.expect("a running script");
        self.next_answer().await.expect("an answer")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // The end of its input tells a script to end, and with it its browser, which clears up behind itself.
        drop(self.questions.take());
        let told = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && told.elapsed() < FAREWELL {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Copies a script and its neighbours to a folder from where the packages are found.
fn place(script: &Path) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = installed().join(format!("run-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the script");
    let neighbours = script.parent().expect("a script's folder");
    for entry in fs::read_dir(neighbours).expect("the script's folder").flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "mjs") {
            fs::copy(entry.path(), folder.join(entry.file_name())).expect("a copy of the script");
        }
    }
    fs::write(folder.join("fixture.mjs"), FIXTURE).expect("fixture.mjs");
    fs::write(folder.join("browser.mjs"), BROWSER).expect("browser.mjs");
    folder
}

/// The folder with `node_modules`, installed once per lock file by whichever process comes first.
///
/// # Panics
/// npm is missing or fails; the message has its output.
pub fn installed() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/node");
        fs::create_dir_all(&folder).expect("target/node");
        let folder = folder.canonicalize().expect("target/node");
        let guard = fs::File::create(folder.join("lock")).expect("a lock file");
        guard.lock().expect("the lock");
        let finished = folder.join("installed-package-lock.json");
        if fs::read_to_string(&finished).is_ok_and(|installed| installed == LOCK) {
            return folder;
        }
        fs::write(folder.join("package.json"), MANIFEST).expect("package.json");
        fs::write(folder.join("package-lock.json"), LOCK).expect("package-lock.json");
        let output = std::process::Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .output()
            .expect("npm is installed (`cargo xtask test` installs it)");
        assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
        fs::write(&finished, LOCK).expect("a note that all is installed");
        folder
    })
}
