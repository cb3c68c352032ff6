//! Developer commands: `cargo xtask --help`.
//!
//! `cargo xtask test` is what CI runs. This crate knows the repository's files and starts its programs; it
//! links none of its crates, so that it compiles in seconds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its purpose")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod access;
mod api_description;
mod bench_proxy;
mod cases;
mod documents;
mod installation;
mod layers;
mod postgres;
mod programs;
mod soak;
mod spoken_tests;
mod suite;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands of this repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the tests need, run them all on both stores, then every check
    Test(suite::Options),
    /// Check the crate arrows and the rooms inside the crates
    CheckLayers,
    /// Ask every endpoint as every kind of caller and compare with what is declared
    CheckAccess(access::Options),
    /// Check that every case of docs/security-cases.md has a test of its name
    CheckCases(cases::Options),
    /// Check that links between documents lead somewhere
    CheckDocs,
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
    /// Run one of the long tests
    Soak(soak::Options),
}

#[derive(Subcommand)]
enum Bench {
    /// Requests per second, latency, CPU and memory of the middleware beside nginx
    Proxy(bench_proxy::Options),
    /// Time of simulations over 1,000 people and 200 apps
    Simulation,
    /// Sealing and opening beside raw `ring`, opening through the store, listing, rotating
    Vault,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(options) => suite::run(&options),
        Command::CheckLayers => layers::run(),
        Command::CheckAccess(options) => access::run(&options, None),
        Command::CheckCases(options) => cases::run(&options),
        Command::CheckDocs => documents::run(),
        Command::Bench(Bench::Proxy(options)) => bench_proxy::run(&options),
        Command::Bench(Bench::Simulation) => bench(&[("policy", "simulation")]),
        Command::Bench(Bench::Vault) => bench(&[("cryptography", "sealing"), ("secrets-vault", "vault")]),
        Command::Soak(options) => soak::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs benches that print what they measured.
fn bench(benches: &[(&str, &str)]) -> anyhow::Result<()> {
    benches.iter().try_for_each(|(package, bench)| {
        programs::succeed(programs::cargo().args([
            "bench",
            "--quiet",
            "--package",
            package,
            "--bench",
            bench,
        ]))
    })
}
