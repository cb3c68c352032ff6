//! `cargo xtask bench proxy`: the middleware beside nginx.

use anyhow::Result;

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Measures.
pub fn run(_options: &Options) -> Result<()> {
    anyhow::bail!("not written yet")
}
