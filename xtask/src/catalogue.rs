//! The entries of the catalogue, and the documents that are made of them.

use anyhow::Result;

use crate::programs;

/// How to check.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Write docs/CATALOGUE.md and docs/catalogue.svg anew instead of comparing with them
    #[arg(long)]
    write: bool,
}

/// Runs the test that compares.
pub fn run(options: &Options) -> Result<()> {
    let mut command = programs::cargo();
    command.args(["test", "--quiet", "--package", "catalogue", "--test", "it", "--", "built_in::"]);
    if options.write {
        command.env("VYBE_WRITE_CATALOGUE", "1");
    }
    programs::succeed(&mut command)
}
