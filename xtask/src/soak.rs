//! The long tests: they need minutes and packages that the short ones do not.

use anyhow::Result;
use clap::ValueEnum;

use crate::{installation, programs};

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    /// Which long test
    #[arg(value_enum)]
    name: Name,
    /// Passed on to the test
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Generated targets against real Next.js servers behind the middleware: what the rules refuse is never
    /// served
    NextPaths,
}

/// Runs it.
pub fn run(options: &Options) -> Result<()> {
    installation::install()?;
    let (package, test) = match options.name {
        Name::NextPaths => ("middleware", "next_paths"),
    };
    // A long test is an ignored one, so that the suite passes it over.
    programs::succeed(
        programs::cargo()
            .args([
                "test",
                "--release",
                "--package",
                package,
                "--test",
                "it",
                "--",
                "--ignored",
                "--nocapture",
            ])
            .arg(test)
            .args(&options.arguments),
    )
}
