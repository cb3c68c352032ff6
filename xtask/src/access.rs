//! Every endpoint as every kind of caller, on a running server.
//!
//! The questions are `vybe prove matrix`'s (crate `proof`), asked by
//! `crates/control-plane/tests/it/access_matrix.rs` on both stores; this command runs it and shows its closing
//! lines.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::postgres::ADDRESS_VARIABLE;
use crate::programs;

/// How to check.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Write docs/access-matrix.md anew instead of comparing with it
    #[arg(long)]
    write: bool,
}

/// On how many stores it is asked.
const STORES: usize = 2;
/// What the closing line begins with.
const CLOSING: &str = "access: ";

/// Asks on SQLite and on PostgreSQL, and prints a closing line for each. Without a server's address the test
/// starts its own.
pub fn run(options: &Options, postgres: Option<&str>) -> Result<()> {
    let mut command = programs::cargo();
    command.arg("test").arg("--quiet");
    // Features depend on the packages that are chosen: other packages than the suite's would compile
    // most dependencies once more.
    if postgres.is_some() {
        command.arg("--workspace");
    } else {
        command.args(["--package", "control-plane"]);
    }
    command
        .args(["--test", "it", "--"])
        .args(["--nocapture", "--include-ignored", "--test-threads", "1", "access_matrix::"])
        .stdout(Stdio::piped());
    if let Some(address) = postgres {
        command.env(ADDRESS_VARIABLE, address);
    }
    if options.write {
        command.env("VYBE_WRITE_ACCESS_MATRIX", "1");
    }
    let mut child = command.spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo's output")?;
    let mut closings = 0;
    for line in BufReader::new(output).lines() {
        let line = line?;
        // The harness puts a dot for each test that passed, wherever the line stands.
        let line = line.trim_start_matches('.');
        if line.starts_with(CLOSING) {
            closings += 1;
            println!("{line}");
        } else if !is_harness_noise(line) {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    if closings < STORES {
        bail!("the access matrix was not asked ({status})");
    }
    if !status.success() {
        bail!("the endpoints do not answer as declared");
    }
    Ok(())
}

fn is_harness_noise(line: &str) -> bool {
    line.trim().is_empty()
        || line.starts_with("running ")
        || line.starts_with("test result:")
        || line.starts_with("test access_matrix::")
}
