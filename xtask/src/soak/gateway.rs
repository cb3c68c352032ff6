//! D52: two hundred clients of three apps on five sessions with a database, with slow statements and callers who leave, for a
//! long time (`crates/control-plane/tests/it/data_gateway/restless_clients.rs`).

use anyhow::{Result, bail};

use crate::installation;
use crate::spoken_tests::SpokenTests;

/// For how long.
#[derive(clap::Args)]
pub struct Options {
    /// How many seconds
    #[arg(long, default_value_t = 600)]
    seconds: u64,
}

/// Runs it.
pub fn run(options: &Options) -> Result<()> {
    installation::install()?;
    let tests = SpokenTests {
        selection: &["data_gateway::restless_clients::restless_clients_for_a_long_time"],
        variable: Some(("VYBE_SOAK_SECONDS", options.seconds.to_string())),
        postgres: None,
        closing: "gateway: ",
    };
    let ended = tests.run()?;
    if !ended.status.success() || ended.closings != 1 {
        bail!("an app starved, a session stayed, or the process grew");
    }
    Ok(())
}
