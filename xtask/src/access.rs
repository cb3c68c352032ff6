//! Every endpoint as every kind of caller, on a running server.
//!
//! The questions are `vybe prove matrix`'s (crate `proof`), asked by
//! `crates/control-plane/tests/it/access_matrix.rs` on both stores; this command runs it and shows its closing
//! lines.

use anyhow::{Result, bail};

use crate::spoken_tests::SpokenTests;

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
    let ended = SpokenTests {
        selection: &["access_matrix::"],
        variable: options.write.then(|| ("VYBE_WRITE_ACCESS_MATRIX", "1".to_owned())),
        postgres,
        closing: CLOSING,
    }
    .run()?;
    if ended.closings < STORES {
        bail!("the access matrix was not asked ({})", ended.status);
    }
    if !ended.status.success() {
        bail!("the endpoints do not answer as declared");
    }
    Ok(())
}
