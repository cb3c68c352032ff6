//! Planted secrets on every way through the product, in rounds (`crates/control-plane/tests/it/canaries`).

use anyhow::{Result, bail};

use crate::installation;
use crate::spoken_tests::SpokenTests;

/// How often.
#[derive(clap::Args)]
pub struct Options {
    /// How often all ways are gone, on each store; at least twice
    #[arg(long, default_value_t = 2)]
    rounds: u32,
}

/// Runs them on both stores.
pub fn run(options: &Options) -> Result<()> {
    installation::install()?;
    let tests = SpokenTests {
        selection: &["canaries::"],
        variable: Some(("VYBE_CANARY_ROUNDS", options.rounds.max(2).to_string())),
        postgres: None,
        closing: "canaries: ended",
    };
    let ended = tests.run()?;
    if !ended.status.success() || ended.closings != 2 {
        bail!("planted secrets were found, or not looked for on both stores");
    }
    Ok(())
}
