//! K05: keys of very many values are replaced by commands that are killed again and again, while others write and read
//! (`crates/control-plane/tests/it/key_rotations.rs`).

use anyhow::{Result, bail};

use crate::installation;
use crate::spoken_tests::SpokenTests;

/// How many.
#[derive(clap::Args)]
pub struct Options {
    /// How many values the organization keeps whose key is rotated
    #[arg(long, default_value_t = 10_000)]
    values: usize,
}

/// Runs it on both stores.
pub fn run(options: &Options) -> Result<()> {
    installation::install()?;
    let tests = SpokenTests {
        selection: &["key_rotations::k05_rotations_by_command"],
        variable: Some(("VYBE_ROTATED_VALUES", options.values.max(1000).to_string())),
        postgres: None,
        closing: "rotation: ended",
    };
    let ended = tests.run()?;
    if !ended.status.success() || ended.closings != 2 {
        bail!("something was lost, or the rotations did not come to their end on both stores");
    }
    Ok(())
}
