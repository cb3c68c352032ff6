//! `vybe serve` under very much: open WebSockets and requests at once, sessions and apps in the store, sessions in memory.
//!
//! `cargo xtask soak load`, `… soak start-up`, `… soak hostile` and `cargo xtask bench memory` run this. Each starts the real program
//! with cores of its own; this process is its clients, and has the other cores together with PostgreSQL and the app.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement ends when something is wrong"
)]

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

mod app;
mod connection;
#[path = "../../../endpoint/tests/it/malformed_framings/corpus.rs"]
mod corpus;
mod figures;
mod filling;
mod hostile;
mod load;
mod memory;
mod requests;
mod served;
mod sockets;
mod start_up;
mod world;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    machine: Machine,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    measurement: Option<Measurement>,
}

/// Who gets which cores, and what is measured.
#[derive(clap::Args)]
struct Machine {
    /// The cores of `vybe serve`, as `taskset` takes them
    #[arg(long, default_value = "0-1")]
    server_cores: String,
    /// The cores of everything else
    #[arg(long, default_value = "2-3")]
    other_cores: String,
    /// The program; the one built beside this bench when left out
    #[arg(long, default_value = env!("CARGO_BIN_EXE_vybe"))]
    program: PathBuf,
}

#[derive(Subcommand)]
enum Measurement {
    Load(load::Options),
    StartUp(start_up::Options),
    Memory(memory::Options),
    Hostile(hostile::Options),
    /// The app behind the proxy: a process of its own
    App,
    /// Hostile clients: a process of their own
    HostileClients(hostile::ClientOptions),
}

fn main() -> ExitCode {
    let Arguments { machine, measurement, .. } = Arguments::parse();
    let Some(measurement) = measurement else {
        eprintln!("this is run by `cargo xtask soak load`, `… soak start-up` and `… bench memory`");
        return ExitCode::SUCCESS;
    };
    if !matches!(measurement, Measurement::App | Measurement::HostileClients(_)) {
        pin(&machine.other_cores);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let held = runtime.block_on(async {
        match measurement {
            Measurement::Load(options) => load::run(&machine, &options).await,
            Measurement::StartUp(options) => start_up::run(&machine, &options).await,
            Measurement::Memory(options) => memory::run(&machine, &options).await,
            Measurement::Hostile(options) => hostile::run(&machine, &options).await,
            Measurement::App => app::serve().await,
            Measurement::HostileClients(options) => hostile::clients(&options).await,
        }
    });
    if held { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Puts this process, and what it starts from now on, on these cores.
fn pin(cores: &str) {
    let own = std::process::id().to_string();
    let mut command = Command::new("taskset");
    command.args(["--all-tasks", "--cpu-list", "--pid", cores, &own]).stdout(std::process::Stdio::null());
    assert!(command.status().unwrap().success(), "taskset does not know the cores {cores}");
}
