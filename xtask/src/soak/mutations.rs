//! `cargo xtask soak mutations`: does the suite notice when a guard is gone?
//!
//! Works on a clone of the last commit. Each entry of `xtask/mutations.toml` replaces one piece of source,
//! has to compile, and has to make the named tests fail, or hang. The access of every single endpoint is removed by
//! one patched build that reads the endpoint's name from its environment, so that it is built once.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::postgres::{ADDRESS_VARIABLE, Server};
use crate::{installation, programs};

/// Where the patched build reads which endpoint has lost its access decision.
const SWITCH: &str = "VYBE_MUTATION";
/// How many platforms are asked at the same time.
const AT_ONCE: usize = 4;
/// How long the named tests may take without a guard; then they hang, which nobody overlooks.
const PATIENCE: Duration = Duration::from_secs(600);
const MATRIX: &str = "access_matrix::every_endpoint_as_every_caller_on_sqlite";

/// What to try.
#[derive(clap::Args)]
pub struct Options {
    /// Only guards and endpoints whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Write docs/MUTATIONS.md
    #[arg(long)]
    write: bool,
    /// Only look whether each replacement finds its place, exactly once; part of `cargo xtask test`
    #[arg(long)]
    check: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The patch that makes endpoints lose their access decision by name.
    switch: Vec<Patch>,
    guard: Vec<Guard>,
}

/// One guard and how to remove it.
#[derive(Deserialize)]
struct Guard {
    /// What is removed.
    name: String,
    #[serde(flatten)]
    patch: Patch,
    /// The package whose tests have to notice.
    package: String,
    /// A part of the names of those tests; all of the package's if empty.
    #[serde(default)]
    tests: String,
}

#[derive(Deserialize)]
struct Patch {
    file: String,
    find: String,
    replace: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Killed,
    Hung,
    Survived,
}

/// Removes every guard in turn.
pub fn run(options: &Options) -> Result<()> {
    if options.check {
        return check();
    }
    installation::install()?;
    let table = table()?;
    let postgres = Server::start()?;
    let copy = Copy::make(&postgres.address())?;
    let mut report = String::new();
    let (mut killed, mut survivors) = (0_usize, Vec::new());
    let mut note = |name: &str, outcome: Outcome| {
        let word = match outcome {
            Outcome::Killed => {
                killed += 1;
                "noticed"
            }
            Outcome::Hung => {
                killed += 1;
                "hung"
            }
            Outcome::Survived => {
                survivors.push(name.to_owned());
                "NOT NOTICED"
            }
        };
        println!("{word:>11}  {name}");
        let _ = writeln!(report, "| {name} | {word} |");
    };

    for guard in table.guard.iter().filter(|guard| guard.name.contains(&options.only)) {
        let outcome = copy.without(guard).with_context(|| format!("without {}", guard.name))?;
        note(&guard.name, outcome);
    }
    let endpoints: Vec<String> =
        endpoints()?.into_iter().filter(|endpoint| endpoint.contains(&options.only)).collect();
    if !endpoints.is_empty() {
        for patch in &table.switch {
            copy.apply(patch)?;
        }
        copy.build("control-plane")?;
        if copy.test("control-plane", MATRIX, Some("none"))? != Outcome::Survived {
            bail!("the access matrix fails although every endpoint has its access decision");
        }
    }
    for several in endpoints.chunks(AT_ONCE) {
        let outcomes: Vec<Result<Outcome>> = std::thread::scope(|scope| {
            let copy = &copy;
            let ask = |endpoint: &String| {
                let endpoint = endpoint.clone();
                scope.spawn(move || copy.test("control-plane", MATRIX, Some(&endpoint)))
            };
            let asked: Vec<_> = several.iter().map(ask).collect();
            asked.into_iter().map(|thread| thread.join().unwrap_or(Ok(Outcome::Survived))).collect()
        });
        for (endpoint, outcome) in several.iter().zip(outcomes) {
            note(&format!("access of {endpoint}"), outcome?);
        }
    }

    let total = killed + survivors.len();
    if options.write {
        fs::write(
            programs::root().join("docs/MUTATIONS.md"),
            format!(
                "{HEADING}\nmutations: {killed} of {total} noticed\n\n| guard removed | the suite |\n|---|---|\n{report}"
            ),
        )?;
    }
    println!("mutations: {killed} of {total} noticed");
    if survivors.is_empty() { Ok(()) } else { bail!("not noticed: {}", survivors.join(", ")) }
}

/// Every replacement finds its place in the source as it is, exactly once.
pub fn check() -> Result<()> {
    let table = table()?;
    let guards = table.guard.iter().map(|guard| (guard.name.as_str(), &guard.patch));
    let mut homeless = Vec::new();
    for (name, patch) in table.switch.iter().map(|patch| ("the switch", patch)).chain(guards) {
        let text = fs::read_to_string(programs::root().join(&patch.file)).unwrap_or_default();
        let found = text.matches(&patch.find).count();
        if found != 1 {
            homeless.push(format!("{name}: {} holds it {found} times: {}", patch.file, patch.find));
        }
    }
    println!(
        "mutations: {} of {} guards find their place",
        table.guard.len() - homeless.len().min(table.guard.len()),
        table.guard.len()
    );
    if homeless.is_empty() { Ok(()) } else { bail!("xtask/mutations.toml: {}", homeless.join("; ")) }
}

fn table() -> Result<Table> {
    let text = fs::read_to_string(programs::root().join("xtask/mutations.toml"))?;
    toml::from_str(&text).context("xtask/mutations.toml")
}

const HEADING: &str = "# What the suite notices

Written by `cargo xtask soak mutations --write`: each guard is removed from a copy of the source, and the tests have to
fail, or not come to an end. The replacements are in `xtask/mutations.toml`.
";

/// The endpoints that somebody can be refused at: those of the access matrix that are not public.
fn endpoints() -> Result<BTreeSet<String>> {
    let matrix = fs::read_to_string(programs::root().join("docs/access-matrix.md"))?;
    let names: BTreeSet<String> = matrix
        .lines()
        .filter(|line| line.starts_with('|') && !line.contains("| everybody |"))
        .filter_map(|line| line.split('`').nth(1))
        .map(str::to_owned)
        .collect();
    if names.is_empty() {
        bail!("docs/access-matrix.md names no endpoints");
    }
    Ok(names)
}

/// A clone of the last commit, with a build folder of its own.
struct Copy {
    root: PathBuf,
    build: PathBuf,
    postgres: String,
}

impl Copy {
    fn make(postgres: &str) -> Result<Self> {
        let root = programs::root().join("target/mutations/source");
        let build = programs::root().join("target/mutations/build");
        let _ = fs::remove_dir_all(&root);
        programs::succeed(
            Command::new("git").args(["clone", "--quiet", "--shared"]).arg(programs::root()).arg(&root),
        )?;
        Ok(Self { root, build, postgres: postgres.to_owned() })
    }

    fn without(&self, guard: &Guard) -> Result<Outcome> {
        let file = self.root.join(&guard.patch.file);
        let original = fs::read_to_string(&file).with_context(|| guard.patch.file.clone())?;
        self.apply(&guard.patch)?;
        let outcome = self.build(&guard.package).and_then(|()| self.test(&guard.package, &guard.tests, None));
        restore(&file, &original)?;
        outcome
    }

    fn apply(&self, patch: &Patch) -> Result<()> {
        let file = self.root.join(&patch.file);
        let original = fs::read_to_string(&file).with_context(|| patch.file.clone())?;
        if original.matches(&patch.find).count() != 1 {
            bail!("{} does not hold exactly once: {}", patch.file, patch.find);
        }
        restore(&file, &original.replace(&patch.find, &patch.replace))
    }

    /// A guard whose removal does not compile proves nothing about the tests.
    fn build(&self, package: &str) -> Result<()> {
        programs::succeed(self.cargo().args(["test", "--quiet", "--no-run", "--package", package]))
            .context("the change does not compile")
    }

    /// What the tests say.
    fn test(&self, package: &str, tests: &str, switch: Option<&str>) -> Result<Outcome> {
        let mut command = self.cargo();
        command
            .args(["test", "--quiet", "--package", package, "--", "--include-ignored"])
            .env(ADDRESS_VARIABLE, &self.postgres)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What hangs is ended with everything that it has started.
            .process_group(0);
        if !tests.is_empty() {
            command.arg(tests);
        }
        if let Some(switch) = switch {
            command.env(SWITCH, switch);
        }
        let mut child = command.spawn().context("cannot start cargo")?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = child.try_wait()? {
                return Ok(if status.success() { Outcome::Survived } else { Outcome::Killed });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        end_group(&mut child)?;
        Ok(Outcome::Hung)
    }

    fn cargo(&self) -> Command {
        let mut command = programs::cargo();
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", &self.build);
        // A warning about what a removed guard leaves unused is not an error here.
        command.env("RUSTFLAGS", "--cap-lints warn");
        command
    }
}

/// Ends a process that leads a group, and the group.
fn end_group(leader: &mut Child) -> Result<()> {
    // `--` for a number that begins with a dash.
    programs::succeed(Command::new("kill").args(["-KILL", "--"]).arg(format!("-{}", leader.id())))?;
    leader.wait()?;
    Ok(())
}

fn restore(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| file.display().to_string())
}
