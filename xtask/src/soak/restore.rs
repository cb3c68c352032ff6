//! G18: a large store backed up and restored, from each kind of store into the other
//! (`crates/backup/tests/it/large.rs`).

use anyhow::Result;

use crate::{installation, programs};

/// How many.
#[derive(clap::Args)]
pub struct Options {
    /// How many rows the store has, at least
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
}

/// Runs it; the test prints how long each step took.
pub fn run(options: &Options) -> Result<()> {
    installation::install()?;
    programs::succeed(
        programs::cargo()
            .args(["test", "--quiet", "--release", "--package", "backup", "--test", "it", "--"])
            .args(["--ignored", "--nocapture", "--exact", "large::g18_a_large_store_is_restored_in_time"])
            .env("VYBE_RESTORED_ROWS", options.rows.max(100_000).to_string()),
    )
}
