//! K04: very many seals with one key, in several processes, and no nonce twice (`crates/cryptography/examples/nonces.rs`).

use anyhow::{Result, bail};

use crate::programs;

/// How many.
#[derive(clap::Args)]
pub struct Options {
    /// How many seals, a multiple of 32; each takes 24 bytes of memory in the end
    #[arg(long, default_value_t = 1 << 24)]
    seals: usize,
}

/// Runs it.
pub fn run(options: &Options) -> Result<()> {
    if !options.seals.is_multiple_of(32) {
        bail!(
            "the number of seals has to be a multiple of 32: two processes with two threads are started eight times"
        );
    }
    let arguments = ["run", "--quiet", "--release", "--package", "cryptography", "--example", "nonces", "--"];
    programs::succeed(programs::cargo().args(arguments).arg(options.seals.to_string()))
}
