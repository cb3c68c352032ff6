//! Python with pinned packages (`python/requirements.txt`): the tools that judge the API description.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// The folder of the programs, installed once per list of packages by whichever process comes first.
///
/// # Panics
/// Python is missing, or an installation fails; the message has its output.
pub fn programs() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python");
        fs::create_dir_all(&folder).expect("target/python");
        let folder = folder.canonicalize().expect("target/python");
        let guard = fs::File::create(folder.join("lock")).expect("a lock file");
        guard.lock().expect("the lock");
        let programs = folder.join("environment/bin");
        let finished = folder.join("installed-requirements.txt");
        if fs::read_to_string(&finished).is_ok_and(|installed| installed == REQUIREMENTS) {
            return programs;
        }
        let requirements = folder.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).expect("requirements.txt");
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("environment")));
        succeed(
            Command::new(programs.join("python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"])
                .arg("--requirement")
                .arg(&requirements),
        );
        fs::write(&finished, REQUIREMENTS).expect("a note that all is installed");
        programs
    })
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("Python 3 is installed (`cargo xtask test` installs it)");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {} {told}", String::from_utf8_lossy(&output.stdout));
}
