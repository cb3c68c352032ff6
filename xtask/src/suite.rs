//! `cargo xtask test`: everything that must pass.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::postgres::{ADDRESS_VARIABLE, Server};
use crate::{
    access, api_description, cases, deployment, documents, installation, layers, programs, soak, supply_chain,
};

/// Tests that measure what several processes do while some are killed or cut off: beside other tests they would measure
/// those. Packages have them in `tests/it`.
const ALONE: &[&str] = &[
    "fleet::clocks::g11_clocks_that_are_five_minutes_apart_end_nothing_early_and_let_nobody_in",
    "fleet::full_disk::g08_a_full_disk_refuses_changes_and_spoils_nothing",
    "fleet::kills::g08_what_was_acknowledged_outlives_replicas_that_are_killed",
    "fleet::revocations::r01_g10_a_revocation_at_one_replica_ends_requests_and_streams_at_all_others",
    "replicas::a_process_whose_link_is_cut_serves_nobody_who_was_revoked_for_longer_than_the_bound",
];

/// How to run.
#[derive(clap::Args)]
pub struct Options {
    /// Only the tests whose name contains this, and no checks
    filter: Option<String>,
    /// Only this package's tests, and no checks
    #[arg(long, short)]
    package: Option<String>,
    /// Install nothing; fail if something is missing
    #[arg(long)]
    offline: bool,
}

/// Tests of all binaries.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
}

/// Runs every step in turn and stops at the first that fails.
pub fn run(options: &Options) -> Result<()> {
    if !options.offline {
        step("what the tests need", installation::install)?;
    }
    let server = step("PostgreSQL on a private socket", Server::start)?;
    let mut counts = Counts::default();
    let tested = step("tests", || test(options, &server.address(), &mut counts));
    let checked = tested.and_then(|()| {
        if options.filter.is_some() || options.package.is_some() {
            return Ok(());
        }
        step("tests that need the machine", || test_alone(&server.address(), &mut counts))?;
        checks(&server.address())
    });
    drop(server);
    if let Err(error) = &checked {
        eprintln!("xtask: {error:#}");
    }
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if checked.is_err() {
        bail!("not everything passed");
    }
    Ok(())
}

fn checks(postgres: &str) -> Result<()> {
    step("layers", layers::run)?;
    step("security cases", || cases::run(&cases::Options::default()))?;
    step("access matrix", || access::run(&access::Options::default(), Some(postgres)))?;
    step("API description", || api_description::short(postgres))?;
    step("mutations", soak::check_mutations)?;
    step("documents", documents::run)?;
    step("supply chain", supply_chain::check)?;
    step("deployment", deployment::run)?;
    step("formatting", || programs::succeed(programs::cargo().args(["fmt", "--all", "--check"])))?;
    step("clippy", || {
        programs::succeed(programs::cargo().args([
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))
    })
}

fn step<T>(name: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("==> {name}");
    let started = Instant::now();
    let result = run();
    let seconds = started.elapsed().as_secs_f64();
    match &result {
        Ok(_) => println!("    {name}: {seconds:.1} s"),
        Err(_) => println!("    {name}: FAILED after {seconds:.1} s"),
    }
    result.with_context(|| format!("step \"{name}\" failed"))
}

fn test(options: &Options, postgres: &str, counts: &mut Counts) -> Result<()> {
    let mut command = programs::cargo();
    command.arg("test").arg("--no-fail-fast");
    match &options.package {
        Some(package) => command.args(["--package", package]),
        None => command.arg("--workspace"),
    };
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    command.env(ADDRESS_VARIABLE, postgres);
    let succeeded = counted(&mut command, counts)?;
    if counts.failed > 0 {
        bail!("{} tests failed", counts.failed);
    }
    if !succeeded {
        bail!("the tests did not run to their end");
    }
    if counts.passed == 0 {
        bail!("no test ran");
    }
    Ok(())
}

/// Whether a test of this name needs the machine, and gets it.
pub fn runs_alone(name: &str) -> bool {
    ALONE.iter().any(|alone| alone.rsplit("::").next() == Some(name))
}

/// One after another.
fn test_alone(postgres: &str, counts: &mut Counts) -> Result<()> {
    let before = counts.passed;
    let mut command = programs::cargo();
    // Features depend on the packages that are chosen: the workspace is compiled already.
    command.args(["test", "--no-fail-fast", "--workspace", "--test", "it", "--"]);
    command.args(["--ignored", "--exact", "--test-threads", "1"]).args(ALONE);
    command.env(ADDRESS_VARIABLE, postgres);
    let succeeded = counted(&mut command, counts)?;
    let passed = usize::try_from(counts.passed - before).unwrap_or_default();
    if !succeeded || passed != ALONE.len() {
        bail!("{passed} of {} tests passed", ALONE.len());
    }
    Ok(())
}

/// Runs a test command, passes its output on and adds up what its binaries report.
fn counted(command: &mut Command, counts: &mut Counts) -> Result<bool> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo's output")?;
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(binary) = report(&line) {
            counts.passed += binary.passed;
            counts.failed += binary.failed;
        }
    }
    Ok(child.wait()?.success())
}

/// What `test result: ok. 3 passed; 0 failed; …` says.
fn report(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut numbers = numbers.split("; ").filter_map(|part| part.split_once(' '));
    let mut number = |what: &str| {
        let (number, name) = numbers.next()?;
        (name == what).then(|| number.parse().ok()).flatten()
    };
    Some(Counts { passed: number("passed")?, failed: number("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_reports_what_passed_and_what_failed() {
        let line =
            "test result: FAILED. 7 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 4s";
        assert_eq!(report(line), Some(Counts { passed: 7, failed: 1 }));
        assert_eq!(report("test result of something else"), None);
    }
}
