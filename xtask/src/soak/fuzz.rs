//! The fuzz targets (`xtask/fuzz`): inputs guided by coverage, against what has to hold (`invariants.rs` of each crate).
//!
//! libFuzzer needs no more of the compiler than its instrumentation, which every toolchain has; there is no sanitizer, as our
//! code has no `unsafe`. Overflows and debug assertions end a run. The corpora in the repository are texts
//! ([`hostile_input`]); a run works on a copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use anyhow::{Context as _, Result, bail};

use crate::programs;

/// What libFuzzer wants the code to be compiled with.
const INSTRUMENTATION: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// The longest input, in bytes. Limits of the product are below it.
const LONGEST_INPUT: usize = 16 * 1024;
/// The most memory of one target, in MiB.
const MOST_MEMORY: u32 = 512;
/// An input that takes this long is a finding, in seconds.
const SLOW: u32 = 1;
/// What of a run's inputs is kept in the repository besides what is there, in bytes for each target.
const KEPT: usize = 16 * 1024;

/// How to run.
#[derive(clap::Args)]
pub struct Options {
    /// How long each target runs
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Only this target; may be given several times
    #[arg(long)]
    target: Vec<String>,
    /// How many run at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Add the smallest inputs that reached something new to the corpora in the repository
    #[arg(long)]
    keep: bool,
}

/// What a target did.
struct Outcome {
    target: String,
    /// `None` if the log does not say.
    executions: Option<u64>,
    edges: Option<u64>,
    inputs: Option<u64>,
    peak_memory: Option<u64>,
    /// Files with inputs for which something did not hold.
    findings: Vec<PathBuf>,
    ended_well: bool,
    log: PathBuf,
}

/// Builds the targets, runs them and says what they found.
pub fn run(options: &Options) -> Result<()> {
    let targets = chosen(options)?;
    let binaries = build()?;
    let seconds = (options.minutes * 60.0).max(1.0).round();
    let waiting = Mutex::new(targets.into_iter().rev().collect::<Vec<_>>());
    let outcomes = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while let Some(target) = next(&waiting) {
                    let outcome = fuzz(&binaries, &target, seconds);
                    match &outcome {
                        Ok(outcome) => println!("{}", line(outcome)),
                        Err(error) => println!("{target}: {error:#}"),
                    }
                    if let Ok(mut outcomes) = outcomes.lock() {
                        outcomes.push(outcome);
                    }
                }
            });
        }
    });
    let outcomes: Vec<Outcome> =
        outcomes.into_inner().unwrap_or_default().into_iter().collect::<Result<_>>()?;
    if options.keep {
        for outcome in &outcomes {
            keep(&binaries, &outcome.target)?;
        }
    }
    let executions: u64 = outcomes.iter().filter_map(|outcome| outcome.executions).sum();
    let findings: usize = outcomes.iter().map(|outcome| outcome.findings.len()).sum();
    println!("{} targets, {seconds} s each: {executions} executions, {findings} findings", outcomes.len());
    for outcome in &outcomes {
        told(outcome);
    }
    if findings > 0 || outcomes.iter().any(|outcome| !outcome.ended_well) {
        bail!("not everything held");
    }
    Ok(())
}

fn next(waiting: &Mutex<Vec<String>>) -> Option<String> {
    waiting.lock().ok()?.pop()
}

/// The targets by their files.
fn chosen(options: &Options) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for file in fs::read_dir(workspace().join("targets")).context("xtask/fuzz/targets")? {
        let path = file?.path();
        all.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    all.sort();
    if let Some(unknown) = options.target.iter().find(|target| !all.contains(target)) {
        bail!("there is no target {unknown}; there are {}", all.join(", "));
    }
    if !options.target.is_empty() {
        all.retain(|target| options.target.contains(target));
    }
    Ok(all)
}

fn workspace() -> PathBuf {
    programs::root().join("xtask/fuzz")
}

/// Where builds and runs are: apart from everything else, which is compiled without instrumentation.
fn folder() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| programs::root().join("target")).join("fuzz")
}

fn build() -> Result<PathBuf> {
    if programs::find("c++").is_none() {
        bail!("libFuzzer is compiled by c++, which is not installed: apt-get install g++");
    }
    let version = programs::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc says no host")?;
    let mut cargo = programs::cargo();
    cargo.current_dir(workspace());
    // With a target given, build scripts are not instrumented.
    cargo.args(["build", "--quiet", "--release", "--locked", "--bins", "--target", host]);
    cargo.env("RUSTFLAGS", INSTRUMENTATION).env("CARGO_TARGET_DIR", folder());
    programs::succeed(&mut cargo)?;
    Ok(folder().join(host).join("release"))
}

fn fuzz(binaries: &Path, target: &str, seconds: f64) -> Result<Outcome> {
    let run = folder().join("runs").join(target);
    if run.exists() {
        fs::remove_dir_all(&run)?;
    }
    let (corpus, findings, log) = (run.join("corpus"), run.join("findings"), run.join("log"));
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&findings)?;
    for (number, input) in inputs(target)?.iter().enumerate() {
        fs::write(corpus.join(format!("{number:05}")), input)?;
    }
    let status = Command::new(binaries.join(target))
        .arg(&corpus)
        .arg(format!("-artifact_prefix={}/", findings.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST_INPUT}"))
        .arg(format!("-rss_limit_mb={MOST_MEMORY}"))
        .arg(format!("-report_slow_units={SLOW}"))
        .args(["-timeout=5", "-print_final_stats=1", "-verbosity=1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .status()
        .with_context(|| format!("cannot start the target {target}"))?;
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    Ok(Outcome {
        target: target.to_owned(),
        executions: last_number(&text, "stat::number_of_executed_units:"),
        edges: last_number(&text, " cov:"),
        inputs: last_number(&text, " corp:"),
        peak_memory: last_number(&text, "stat::peak_rss_mb:"),
        findings: fs::read_dir(&findings)?.map(|file| Ok(file?.path())).collect::<Result<_>>()?,
        ended_well: status.success(),
        log,
    })
}

fn inputs(target: &str) -> Result<Vec<Vec<u8>>> {
    let file = corpus_of(target);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    text.lines()
        .map(|line| {
            hostile_input::unescaped(line).with_context(|| format!("{target}: a broken line: {line}"))
        })
        .collect()
}

fn corpus_of(target: &str) -> PathBuf {
    workspace().join("corpus").join(format!("{target}.txt"))
}

/// The number behind the last occurrence of a text.
fn last_number(log: &str, what: &str) -> Option<u64> {
    let (_, behind) = log.rsplit_once(what)?;
    let behind = behind.trim_start();
    let digits = behind.find(|next: char| !next.is_ascii_digit()).unwrap_or(behind.len());
    behind.get(..digits)?.parse().ok()
}

fn line(outcome: &Outcome) -> String {
    let shown = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    format!(
        "{:<16} {:>12} executions, {:>6} edges, {:>5} inputs, {:>4} MiB at most, {} findings",
        outcome.target,
        shown(outcome.executions),
        shown(outcome.edges),
        shown(outcome.inputs),
        shown(outcome.peak_memory),
        outcome.findings.len(),
    )
}

/// Each finding as a line for the corpus, with what the log says.
fn told(outcome: &Outcome) {
    for finding in &outcome.findings {
        let input = fs::read(finding).unwrap_or_default();
        println!("{}: {}\n    {}", outcome.target, finding.display(), hostile_input::escaped(&input));
    }
    if !outcome.ended_well {
        let log = String::from_utf8_lossy(&fs::read(&outcome.log).unwrap_or_default()).into_owned();
        let said = log.lines().skip_while(|line| !line.contains("panicked at") && !line.contains("ERROR:"));
        said.take(6).for_each(|line| println!("    {}", line.chars().take(300).collect::<String>()));
    }
}

/// Adds to a corpus, the smallest first, what reaches something that nothing in it reaches.
fn keep(binaries: &Path, target: &str) -> Result<()> {
    let run = folder().join("runs").join(target);
    let added = run.join("added");
    if added.exists() {
        fs::remove_dir_all(&added)?;
    }
    fs::create_dir_all(&added)?;
    let mut kept = inputs(target)?;
    for (number, input) in kept.iter().enumerate() {
        fs::write(added.join(format!("{number:05}")), input)?;
    }
    let mut merge = Command::new(binaries.join(target));
    merge.arg("-merge=1").arg(&added).arg(run.join("corpus")).stdout(Stdio::null());
    programs::succeed(merge.stderr(Stdio::null()))?;
    let mut found = Vec::new();
    for file in fs::read_dir(&added)? {
        found.push(fs::read(file?.path())?);
    }
    found.retain(|input| !kept.contains(input));
    found.sort_by_key(|input| (input.len(), input.clone()));
    let mut room = KEPT;
    for input in found {
        let length = hostile_input::escaped(&input).len();
        if length > room {
            break;
        }
        room -= length;
        kept.push(input);
    }
    let text: String = kept.iter().map(|input| hostile_input::escaped(input) + "\n").collect();
    fs::write(corpus_of(target), text)?;
    println!("{target}: {} inputs are kept", kept.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_says_what_a_target_did() {
        let log = "#2 INITED cov: 10 ft: 11 corp: 2/3b\n#90 NEW    cov: 523 ft: 4044 corp: 837/22Kb lim: 9\n\
                   stat::number_of_executed_units: 441421\nstat::peak_rss_mb:              28\n";
        assert_eq!(last_number(log, " cov:"), Some(523));
        assert_eq!(last_number(log, " corp:"), Some(837));
        assert_eq!(last_number(log, "stat::number_of_executed_units:"), Some(441_421));
        assert_eq!(last_number(log, "stat::peak_rss_mb:"), Some(28));
        assert_eq!(last_number(log, "nothing"), None);
    }

    #[test]
    fn every_target_is_built_and_has_a_corpus() {
        let manifest = fs::read_to_string(workspace().join("Cargo.toml")).unwrap();
        let options = Options { minutes: 1.0, target: Vec::new(), jobs: 1, keep: false };
        let targets = chosen(&options).unwrap();
        assert!(targets.len() >= 12, "{targets:?}");
        for target in targets {
            assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not built");
            assert!(!inputs(&target).unwrap().is_empty(), "{target} has no corpus");
        }
    }
}
