//! The long tests: they need minutes and packages that the short ones do not.

use anyhow::Result;
use clap::Subcommand;

mod mutations;
mod next_paths;

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    test: LongTest,
}

#[derive(Subcommand)]
enum LongTest {
    /// Generated requests against real Next.js: what a path rule refuses is never served
    NextPaths(next_paths::Options),
    /// Each guard removed in turn: the suite has to notice
    Mutations(mutations::Options),
}

/// Runs it.
pub fn run(options: &Options) -> Result<()> {
    match &options.test {
        LongTest::NextPaths(options) => next_paths::run(options),
        LongTest::Mutations(options) => mutations::run(options),
    }
}
