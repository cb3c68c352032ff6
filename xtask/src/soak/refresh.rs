//! Refreshes of accounts: processes killed at every step under every reuse policy, very many tokens that end in the same
//! minute, and a service that cuts answers while processes are killed (`crates/integrations/tests/it/refresh_crashes.rs` and `refresh_storm.rs`, which print what came of it).

use anyhow::Result;

use crate::{installation, programs};

/// How often.
#[derive(clap::Args)]
pub struct Options {
    /// How often a process is killed at each step under each policy
    #[arg(long, default_value_t = 200)]
    runs: usize,
}

/// How many.
#[derive(clap::Args)]
pub struct StormOptions {
    /// How many accounts whose tokens end within one minute
    #[arg(long, default_value_t = 10_000)]
    accounts: usize,
    /// Of how many organizations: changes of one organization are written one after another
    #[arg(long, default_value_t = 10)]
    organizations: usize,
    /// Whether the engine is compiled as for users
    #[arg(long)]
    release: bool,
}

/// How many, and for how long.
#[derive(clap::Args)]
pub struct FaultOptions {
    /// How many grants
    #[arg(long, default_value_t = 2_000)]
    grants: usize,
    /// For how many seconds
    #[arg(long, default_value_t = 600)]
    seconds: usize,
}

/// Kills.
pub fn run(options: &Options) -> Result<()> {
    test(
        "refresh_crashes::i02_a_process_killed_at_any_step_loses_no_account_that_can_be_kept_on_postgres",
        &[("VYBE_REFRESH_KILLS", options.runs.to_string())],
        false,
    )
}

/// Lets them all end.
pub fn storm(options: &StormOptions) -> Result<()> {
    test(
        "refresh_storm::i02_tokens_that_end_in_one_minute_are_all_replaced_before_each_once",
        &[
            ("VYBE_REFRESH_STORM", options.accounts.to_string()),
            ("VYBE_REFRESH_STORM_ORGANIZATIONS", options.organizations.to_string()),
        ],
        options.release,
    )
}

/// Cuts answers and kills processes.
pub fn faults(options: &FaultOptions) -> Result<()> {
    test(
        "refresh_storm::i02_with_cut_answers_and_killed_processes_only_what_nobody_has_is_lost",
        &[("VYBE_REFRESH_FAULTS", format!("{}x{}", options.grants, options.seconds))],
        false,
    )
}

fn test(name: &str, variables: &[(&str, String)], release: bool) -> Result<()> {
    installation::install()?;
    let mut command = programs::cargo();
    command.args(["test", "--quiet", "--package", "integrations", "--test", "it"]);
    if release {
        command.arg("--release");
    }
    command
        .args(["--", "--nocapture", "--exact", name])
        .envs(variables.iter().map(|(name, value)| (*name, value)));
    programs::succeed(&mut command)
}
