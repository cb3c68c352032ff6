//! PostgreSQL's own regression suite through a read-only connection.
//!
//! The suite is in the source package of the installed version. `crates/databases/tests/it/regression_suite.rs` runs it and
//! prints what came of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use local_postgres::Programs;

use crate::{installation, programs};

/// Where the test looks for the suite.
const FOLDER: &str = "VYBE_REGRESSION_SUITE";

/// Fetches the suite and runs it.
pub fn run() -> Result<()> {
    installation::install()?;
    let folder = tempfile::Builder::new().prefix("vybe-regression-").tempdir()?;
    let suite = fetch(folder.path())?;
    // The server's account reads it, too.
    programs::succeed(Command::new("chmod").args(["-R", "a+rX"]).arg(folder.path()))?;
    programs::succeed(
        programs::cargo()
            .args(["test", "--quiet", "--package", "databases", "--test", "it", "--"])
            .args(["--ignored", "--nocapture", "--exact"])
            .arg("regression_suite::d14_the_regression_suite_reads_through_and_changes_nothing")
            .env(FOLDER, suite),
    )
}

/// The suite's folder, unpacked from the source package. Sources are asked for where packages come from.
fn fetch(folder: &Path) -> Result<PathBuf> {
    let postgres = Programs::find().context("no PostgreSQL server is installed")?;
    let version = programs::output(Command::new(postgres.program("postgres")).arg("--version"))?;
    let major = version.split_whitespace().nth(2).and_then(|version| version.split('.').next());
    let package = format!("postgresql-{}", major.context("PostgreSQL's version")?);
    let lists = folder.join("lists");
    fs::create_dir_all(lists.join("partial"))?;
    let sources = folder.join("sources.sources");
    fs::write(&sources, source_entries()?)?;
    let apt = |command: &str| {
        let mut apt = Command::new("apt-get");
        apt.current_dir(folder)
            .args(["-qq", "-o", &format!("Dir::Etc::SourceList={}", sources.display())])
            .args(["-o", "Dir::Etc::SourceParts=/dev/null", "-o", "APT::Sandbox::User=root"])
            .args(["-o", &format!("Dir::State::Lists={}", lists.display())])
            .arg(command);
        apt
    };
    programs::succeed(&mut apt("update"))?;
    let installed =
        programs::output(Command::new("dpkg-query").args(["-W", "-f", "${source:Version}", &package]))?;
    programs::succeed(apt("source").arg("--download-only").arg(format!("{package}={installed}")))?;
    let archives: Vec<PathBuf> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    let archive = archives
        .iter()
        .find(|path| path.to_string_lossy().contains(".orig.tar"))
        .with_context(|| format!("the source of {package}"))?;
    programs::succeed(
        Command::new("tar")
            .current_dir(folder)
            .arg("-xf")
            .arg(archive)
            .args(["--wildcards", "*/src/test/regress/*"]),
    )?;
    let unpacked = fs::read_dir(folder)?.flatten().map(|entry| entry.path().join("src/test/regress"));
    unpacked.into_iter().find(|path| path.is_dir()).context("the regression suite in the source")
}

/// The machine's own entries for packages of its distribution, as entries for sources.
fn source_entries() -> Result<String> {
    let mut entries = String::new();
    let folder =
        fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten().map(|entry| entry.path());
    for path in folder.chain([PathBuf::from("/etc/apt/sources.list")]) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for entry in text.split("\n\n").filter(|entry| entry.contains("Components: main")) {
            let fields = entry.lines().filter(|line| !line.starts_with('#'));
            entries.extend(fields.map(|line| line.replace("Types: deb", "Types: deb-src") + "\n"));
            entries.push('\n');
        }
        for line in text.lines().filter(|line| line.starts_with("deb ") && line.contains(" main")) {
            let words: Vec<&str> = line.split_whitespace().filter(|word| !word.starts_with('[')).collect();
            let [_, address, release, ..] = words[..] else { continue };
            entries.push_str(&format!(
                "Types: deb-src\nURIs: {address}\nSuites: {release}\nComponents: main\n\n"
            ));
        }
    }
    if entries.is_empty() {
        bail!("no sources of packages in /etc/apt");
    }
    Ok(entries)
}
