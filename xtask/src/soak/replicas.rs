//! Several `vybe serve` on one PostgreSQL database, from outside over HTTPS: killed, asked to revoke, cut off from the
//! database, with clocks that are wrong (`crates/control-plane/tests/it/fleet/`, which print what came of it).

use anyhow::{Result, bail};

use crate::{installation, programs};

/// How much, and on how many.
#[derive(clap::Args)]
pub struct KillOptions {
    /// How many replicas; each is killed once
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=5))]
    replicas: u8,
    /// How many sign-ins
    #[arg(long, default_value_t = 1_000)]
    sign_ins: usize,
    /// How many requests for an app
    #[arg(long, default_value_t = 10_000)]
    requests: usize,
    /// How many acknowledged changes
    #[arg(long, default_value_t = 500)]
    writes: usize,
    /// Whether they are compiled as for users
    #[arg(long)]
    release: bool,
}

/// On how many, and how often.
#[derive(clap::Args)]
pub struct RevocationOptions {
    /// How many replicas
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=5))]
    replicas: u8,
    /// How often each kind of revocation is made
    #[arg(long, default_value_t = 26)]
    rounds: usize,
    /// How often the link of a replica breaks in each way
    #[arg(long, default_value_t = 8)]
    cuts: usize,
    /// Whether they are compiled as for users
    #[arg(long)]
    release: bool,
}

/// How often.
#[derive(clap::Args)]
pub struct FailureOptions {
    /// How often PostgreSQL is restarted in each way
    #[arg(long, default_value_t = 5)]
    restarts: usize,
    /// Whether they are compiled as for users
    #[arg(long)]
    release: bool,
}

/// Kills.
pub fn kills(options: &KillOptions) -> Result<()> {
    let KillOptions { replicas, sign_ins, requests, writes, release } = options;
    let load = format!("{replicas}x{sign_ins}x{requests}x{writes}");
    test(&["fleet::kills"], &[("VYBE_REPLICA_KILLS", load)], *release)
}

/// Revocations, and links that break.
pub fn revocation(options: &RevocationOptions) -> Result<()> {
    let RevocationOptions { replicas, rounds, cuts, release } = options;
    test(
        &["fleet::revocations", "fleet::cut_off"],
        &[
            ("VYBE_REPLICA_REVOCATIONS", format!("{replicas}x{rounds}")),
            ("VYBE_REPLICA_CUTS", cuts.to_string()),
        ],
        *release,
    )
}

/// Restarts of PostgreSQL, wrong clocks, a full disk.
pub fn failures(options: &FailureOptions) -> Result<()> {
    test(
        &["fleet::restarts", "fleet::clocks", "fleet::full_disk"],
        &[("VYBE_REPLICA_RESTARTS", options.restarts.to_string()), ("VYBE_REPLICA_CLOCKS", "all".to_owned())],
        options.release,
    )
}

/// Runs each of these, also after one has failed.
fn test(names: &[&str], variables: &[(&str, String)], release: bool) -> Result<()> {
    installation::install()?;
    let mut failed = Vec::new();
    for name in names {
        let mut command = programs::cargo();
        command.args(["test", "--quiet", "--package", "control-plane", "--test", "it"]);
        if release {
            command.arg("--release");
        }
        command
            .args(["--", "--nocapture", "--include-ignored", "--test-threads", "1", name])
            .envs(variables.iter().map(|(name, value)| (*name, value)));
        if let Err(error) = programs::succeed(&mut command) {
            failed.push(error.to_string());
        }
    }
    if !failed.is_empty() {
        bail!("{}", failed.join("; "));
    }
    Ok(())
}
