//! The breach drill: every account of a service revoked at the service, as fast as it takes that, with failures
//! (`crates/integrations/tests/it/service_revocations.rs`, which prints how long it took).

use anyhow::Result;

use crate::{installation, programs};

/// How many.
#[derive(clap::Args)]
pub struct Options {
    /// How many accounts are revoked, on each store
    #[arg(long, default_value_t = 5_000)]
    accounts: usize,
}

/// Runs it on both stores, one after the other.
pub fn run(options: &Options) -> Result<()> {
    installation::install()?;
    programs::succeed(
        programs::cargo()
            .args(["test", "--quiet", "--package", "integrations", "--test", "it", "--"])
            .args(["--nocapture", "--test-threads", "1"])
            .arg("service_revocations::every_account_is_revoked_at_the_service_and_what_proved_it_destroyed")
            .env("VYBE_DRILL_ACCOUNTS", options.accounts.to_string()),
    )
}
