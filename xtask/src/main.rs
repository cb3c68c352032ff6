//! Developer commands: `cargo xtask --help`.
//!
//! `cargo xtask test` is what CI runs. This crate knows the repository's files and starts its programs; it
//! links none of its crates, so that it compiles in seconds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's output is its purpose")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod access;
mod api_description;
mod bench;
mod book;
mod cases;
mod catalogue;
mod config_reference;
mod deployment;
mod documents;
mod installation;
mod layers;
mod named_tests;
mod postgres;
mod programs;
mod reference;
mod sbom;
mod scale;
mod soak;
mod spoken_tests;
mod suite;
mod supply_chain;

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
    /// Check the entries of the catalogue and the documents made of them
    CheckCatalogue(catalogue::Options),
    /// Check that links between documents lead somewhere
    CheckDocs,
    /// Check units, container, Compose file and chart with the linters and schemas of what reads them
    CheckDeploy,
    /// Write the example configuration, its page and its schema anew from the types that read it
    WriteConfigReference,
    /// Check bans, licences and sources of every dependency (deny.toml), without a network
    CheckSupplyChain,
    /// Write what is in the binary as CycloneDX
    Sbom(sbom::Options),
    /// Write the pages of docs/reference that are made of the code
    WriteReference,
    /// Measure
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Run one of the long tests
    Soak(soak::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Test(options) => suite::run(&options),
        Command::CheckLayers => layers::run(),
        Command::CheckAccess(options) => access::run(&options, None),
        Command::CheckCases(options) => cases::run(&options),
        Command::CheckCatalogue(options) => catalogue::run(&options),
        Command::CheckDocs => documents::run(),
        Command::CheckDeploy => deployment::run(),
        Command::WriteConfigReference => config_reference::write(),
        Command::CheckSupplyChain => supply_chain::check(),
        Command::Sbom(options) => sbom::run(&options),
        Command::WriteReference => reference::write(),
        Command::Bench(bench) => bench::run(&bench),
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
