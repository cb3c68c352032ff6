//! Tests of the control plane that are run for what they print.

use std::io::{BufRead as _, BufReader};
use std::process::{ExitStatus, Stdio};

use anyhow::{Context as _, Result};

use crate::postgres::ADDRESS_VARIABLE;
use crate::programs;

/// Which tests, and how.
pub struct SpokenTests<'a> {
    /// What the test binary is asked to run.
    pub selection: &'a [&'a str],
    /// An environment variable for them.
    pub variable: Option<(&'a str, String)>,
    /// The address of PostgreSQL; without one, the tests start their own.
    pub postgres: Option<&'a str>,
    /// What a closing line begins with.
    pub closing: &'a str,
}

/// What became of them.
pub struct Ended {
    pub closings: usize,
    pub status: ExitStatus,
}

impl SpokenTests<'_> {
    /// Runs them one after another and passes on what they print, without the harness's own lines.
    pub fn run(&self) -> Result<Ended> {
        let mut command = programs::cargo();
        command.args(["test", "--quiet"]);
        // Features depend on the packages that are chosen: other packages than the suite's would compile
        // most dependencies once more.
        match self.postgres {
            Some(address) => command.arg("--workspace").env(ADDRESS_VARIABLE, address),
            None => command.args(["--package", "control-plane"]),
        };
        command
            .args(["--test", "it", "--", "--nocapture", "--include-ignored", "--test-threads", "1"])
            .args(self.selection)
            .stdout(Stdio::piped());
        if let Some((name, value)) = &self.variable {
            command.env(name, value);
        }
        let mut child = command.spawn().context("cannot start cargo")?;
        let output = child.stdout.take().context("cargo's output")?;
        let mut closings = 0;
        for line in BufReader::new(output).lines() {
            let line = line?;
            // The harness puts a dot for each test that passed, wherever the line stands.
            let line = line.trim_start_matches('.');
            closings += usize::from(line.starts_with(self.closing));
            if !is_harness_noise(line) {
                println!("{line}");
            }
        }
        Ok(Ended { closings, status: child.wait()? })
    }
}

fn is_harness_noise(line: &str) -> bool {
    line.trim().is_empty()
        || line.starts_with("running ")
        || line.starts_with("test result:")
        || line.starts_with("test access_matrix::")
        || line.starts_with("test api_description::")
}
