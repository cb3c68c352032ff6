//! P15: builds and starts real Next.js apps, then runs the differential check of paths against them
//! (`crates/middleware/examples/next_paths`).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};

use crate::programs;

/// How long and against what.
#[derive(clap::Args)]
pub struct Options {
    /// How many requests to generate, spread over the versions
    #[arg(long, default_value_t = 100_000)]
    targets: u64,
    /// Repeats a run; without it, the clock decides
    #[arg(long)]
    seed: Option<u64>,
    /// Versions of Next.js, as npm understands them
    #[arg(long, value_delimiter = ',', default_value = "14.2.24,14,15,16")]
    versions: Vec<String>,
}

/// Installs, builds and starts the apps, runs the check, and stops the apps.
pub fn run(options: &Options) -> Result<()> {
    for program in ["node", "npm"] {
        if programs::find(program).is_none() {
            bail!("{program} is needed: install Node.js 20 or newer with npm");
        }
    }
    let seed = match options.seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    };
    let cache = cache();
    let mut apps = Vec::new();
    for version in &options.versions {
        apps.push(NextApp::start(&cache, version).with_context(|| format!("Next.js {version}"))?);
    }
    let mut check = programs::cargo();
    check.args(["run", "--quiet", "--package", "middleware", "--example", "next_paths", "--"]);
    check.args(["--targets", &options.targets.to_string(), "--seed", &seed.to_string()]);
    for app in &apps {
        check.arg("--app").arg(format!("{}={}={}", app.version, app.address, app.folder.display()));
    }
    programs::succeed(&mut check)
}

/// Where apps are built: below Cargo's own build folder.
fn cache() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    programs::root().join(target.unwrap_or_else(|| "target".into())).join("next-apps")
}

/// A built app that runs until this is dropped.
struct NextApp {
    version: String,
    folder: PathBuf,
    address: String,
    process: Child,
}

impl NextApp {
    fn start(cache: &Path, wanted: &str) -> Result<Self> {
        let folder = cache.join(wanted);
        // Sources of an earlier run must not stay; the packages may.
        for name in ["app", "pages", "public", ".next"] {
            if folder.join(name).exists() {
                fs::remove_dir_all(folder.join(name))?;
            }
        }
        copy(&programs::root().join("crates/test-support/next-apps"), &folder)?;
        let major = wanted.split('.').next().unwrap_or(wanted);
        let react = if major == "14" { "18" } else { "19" };
        let package = serde_json::json!({
            "name": "next-paths",
            "private": true,
            "dependencies": { "next": wanted, "react": react, "react-dom": react },
        });
        fs::write(folder.join("package.json"), package.to_string())?;
        println!("installing and building Next.js {wanted}");
        let quiet = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
        programs::output(Command::new("npm").args(quiet).current_dir(&folder))?;
        let installed = fs::read_to_string(folder.join("node_modules/next/package.json"))?;
        let installed: serde_json::Value = serde_json::from_str(&installed)?;
        let version = installed["version"].as_str().unwrap_or(wanted).to_owned();
        programs::output(next(&folder, major).arg("build"))?;
        // Next.js reports every broken request that it is sent.
        let log = fs::File::create(folder.join("errors.log"))?;
        let process = next(&folder, major)
            .args(["start", "-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        // From here on, dropping `app` ends the process.
        let mut app = Self { version, folder, address: String::new(), process };
        app.address = address(&mut app.process)?;
        Ok(app)
    }
}

impl Drop for NextApp {
    fn drop(&mut self) {
        // Nothing can be done when it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn next(folder: &Path, major: &str) -> Command {
    let mut command = Command::new("node");
    command.arg("node_modules/next/dist/bin/next").current_dir(folder);
    command.env("NEXT_TELEMETRY_DISABLED", "1").env("NEXT_MAJOR", major);
    // It would look for packages of other machines.
    command.env("NEXT_IGNORE_INCORRECT_LOCKFILE", "1");
    command
}

/// The address that Next.js prints when it listens. What it prints later is read and thrown away, so
/// that it never waits for us.
fn address(process: &mut Child) -> Result<String> {
    let output = process.stdout.take().context("no output")?;
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    let address = lines.find_map(|line| Some(line.split_once("http://")?.1.trim().to_owned()));
    std::thread::spawn(move || lines.for_each(drop));
    address.context("it ended without saying where it listens")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
