//! The long tests: they need minutes and packages that the short ones do not.

use anyhow::Result;
use clap::Subcommand;

use crate::{api_description, scale};

mod canaries;
mod drill;
mod fuzz;
mod gateway;
mod mutations;
mod next_paths;
mod nonces;
mod read_only;
mod refresh;
mod replicas;
mod restore;
mod rotation;
mod tls;

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    #[command(subcommand)]
    test: LongTest,
}

#[derive(Subcommand)]
enum LongTest {
    /// Generated requests against real Next.js: what a path rule refuses is never served
    NextPaths(next_paths::Options),
    /// Very many seals with one key, in several processes: no nonce comes twice
    Nonces(nonces::Options),
    /// Two hundred clients on five sessions with a database, who leave in the middle: nobody starves, nothing stays
    Gateway(gateway::Options),
    /// PostgreSQL's own regression suite through a read-only connection: it is answered, and nothing changes
    ReadOnly,
    /// Made-up requests to every operation of the API description, good and bad, as several callers
    Schemathesis(api_description::Options),
    /// Planted secrets on every way through the product, in rounds: none is anywhere but in the vault
    Canaries(canaries::Options),
    /// Keys of very many values replaced, killed again and again, while others write and read
    Rotation(rotation::Options),
    /// Processes killed at every step of a refresh, under every reuse policy: no account is lost that can be kept
    Refresh(refresh::Options),
    /// Very many tokens that end in one minute: each is replaced before, once
    RefreshStorm(refresh::StormOptions),
    /// Thousands of accounts of a service revoked at the service, at its pace and with failures: none is left out
    Drill(drill::Options),
    /// Refresh tokens that are spent once, answers that are cut, and processes that are killed
    RefreshFaults(refresh::FaultOptions),
    /// Ten thousand open WebSockets and five thousand requests a second on two cores: times, errors, memory
    Load(scale::LoadOptions),
    /// A million sessions and a hundred thousand apps: how long a start takes, and what a change costs
    StartUp(scale::StartUpOptions),
    /// Inputs guided by coverage for everything that strangers' bytes are read by: what has to hold holds
    Fuzz(fuzz::Options),
    /// Replicas killed in the middle of sign-ins, requests and changes: nothing acknowledged is lost
    Replicas(replicas::KillOptions),
    /// How soon a revocation at one replica counts at the others, also at one that is cut off from the database
    Revocation(replicas::RevocationOptions),
    /// PostgreSQL killed and restarted under load, clocks that are wrong, a full disk
    Failures(replicas::FailureOptions),
    /// Hostile clients of every kind beside people: slow ones, bombs, malformed requests, floods; nobody else notices
    Hostile(scale::HostileOptions),
    /// What scanners say of TLS and headers: nothing above low, and every point
    Tls,
    /// A large store backed up and restored, from each kind of store into the other, timed
    Restore(restore::Options),
    /// Each guard removed in turn: the suite has to notice
    Mutations(mutations::Options),
}

/// Runs it.
pub fn run(options: &Options) -> Result<()> {
    match &options.test {
        LongTest::NextPaths(options) => next_paths::run(options),
        LongTest::Nonces(options) => nonces::run(options),
        LongTest::Gateway(options) => gateway::run(options),
        LongTest::ReadOnly => read_only::run(),
        LongTest::Schemathesis(options) => api_description::long(options),
        LongTest::Canaries(options) => canaries::run(options),
        LongTest::Rotation(options) => rotation::run(options),
        LongTest::Refresh(options) => refresh::run(options),
        LongTest::RefreshStorm(options) => refresh::storm(options),
        LongTest::Drill(options) => drill::run(options),
        LongTest::RefreshFaults(options) => refresh::faults(options),
        LongTest::Load(options) => scale::load(options),
        LongTest::StartUp(options) => scale::start_up(options),
        LongTest::Fuzz(options) => fuzz::run(options),
        LongTest::Replicas(options) => replicas::kills(options),
        LongTest::Revocation(options) => replicas::revocation(options),
        LongTest::Failures(options) => replicas::failures(options),
        LongTest::Hostile(options) => scale::hostile(options),
        LongTest::Tls => tls::run(),
        LongTest::Restore(options) => restore::run(options),
        LongTest::Mutations(options) => mutations::run(options),
    }
}

/// Whether the guards that one of them removes are where it looks for them.
pub fn check_mutations() -> Result<()> {
    mutations::check()
}
