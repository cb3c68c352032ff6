//! Made-up requests to every operation of `/openapi.json`, good and bad, as several callers.
//!
//! They are asked by `crates/control-plane/tests/it/api_description.rs`; this command runs it and shows its
//! closing line.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::postgres::ADDRESS_VARIABLE;
use crate::{installation, programs};

/// The long form.
#[derive(clap::Args)]
pub struct Options {
    /// How many made-up requests per operation and caller, besides those that the description leads to one
    /// by one
    #[arg(long, default_value_t = 300)]
    examples: u32,
}

/// What the closing line begins with.
const CLOSING: &str = "schemathesis: ";

/// A step of the suite: what it asks it asks again the next time.
pub fn short(postgres: &str) -> Result<()> {
    ask(None, Some(postgres))
}

/// As long as one likes.
pub fn long(options: &Options) -> Result<()> {
    installation::install()?;
    ask(Some(options.examples), None)
}

fn ask(examples: Option<u32>, postgres: Option<&str>) -> Result<()> {
    let mut command = programs::cargo();
    command.args(["test", "--quiet"]);
    // As for the access matrix: other packages than the suite's would compile most dependencies once more.
    if let Some(address) = postgres {
        command.arg("--workspace").env(ADDRESS_VARIABLE, address);
    } else {
        command.args(["--package", "control-plane"]);
    }
    command
        .args(["--test", "it", "--", "--nocapture", "--include-ignored", "--exact"])
        .arg("api_description::bad_input_gets_no_server_error_no_undocumented_answer_and_no_secret")
        .stdout(Stdio::piped());
    if let Some(examples) = examples {
        command.env("VYBE_SCHEMATHESIS", examples.to_string());
    }
    let mut child = command.spawn().context("cannot start cargo")?;
    let output = child.stdout.take().context("cargo's output")?;
    let mut closing = None;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if line.starts_with(CLOSING) {
            closing = Some(line);
        } else if !is_harness_noise(&line) {
            println!("{line}");
        }
    }
    let status = child.wait()?;
    let Some(closing) = closing else { bail!("nothing was asked ({status})") };
    println!("{closing}");
    if !status.success() {
        bail!("the API description does not hold");
    }
    Ok(())
}

fn is_harness_noise(line: &str) -> bool {
    line.trim().is_empty()
        || line == "."
        || line.starts_with("running ")
        || line.starts_with("test result:")
        || line.starts_with("test api_description::")
}
