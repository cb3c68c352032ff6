//! Measurements of `vybe serve` under very much, on cores of its own (`crates/control-plane/benches/scale`, which prints what
//! came of it and fails if it did not hold).

use std::path::PathBuf;

use anyhow::Result;

use crate::{installation, programs};

/// How it is measured.
#[derive(clap::Args)]
pub struct Machine {
    /// Whether the program is compiled as for users; figures of another build say little
    #[arg(long)]
    release: bool,
    /// Measure this build of `vybe` instead of one of what is here
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

/// Load: WebSockets and requests at once.
#[derive(clap::Args)]
pub struct LoadOptions {
    #[command(flatten)]
    machine: Machine,
    /// For how many seconds
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// How many open WebSockets
    #[arg(long, default_value_t = 10_000)]
    sockets: usize,
    /// How many requests a second
    #[arg(long, default_value_t = 5_000)]
    requests: u32,
    /// How many processes of `vybe serve` share the two cores
    #[arg(long, default_value_t = 1)]
    processes: u8,
    /// The store: postgres or sqlite
    #[arg(long, default_value = "postgres")]
    store: String,
}

/// Start with a full store.
#[derive(clap::Args)]
pub struct StartUpOptions {
    #[command(flatten)]
    machine: Machine,
    /// How many live sessions the store holds
    #[arg(long, default_value_t = 1_000_000)]
    sessions: usize,
    /// How many apps
    #[arg(long, default_value_t = 100_000)]
    apps: usize,
    /// The store: postgres or sqlite; both when left out
    #[arg(long)]
    store: Option<String>,
}

/// Hostile clients.
#[derive(clap::Args)]
pub struct HostileOptions {
    #[command(flatten)]
    machine: Machine,
    /// How many seconds of each kind
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only these kinds; `slow-heads`, for example
    #[arg(long)]
    only: Vec<String>,
    /// A smaller number of hostile clients, in percent
    #[arg(long, default_value_t = 100)]
    percent: usize,
}

/// Memory of sessions.
#[derive(clap::Args)]
pub struct MemoryOptions {
    #[command(flatten)]
    machine: Machine,
    /// How many sessions are taken into memory
    #[arg(long, default_value_t = 100_000)]
    sessions: usize,
}

/// Sockets and requests.
pub fn load(options: &LoadOptions) -> Result<()> {
    let mut arguments = named("--seconds", options.seconds);
    arguments.extend(named("--sockets", options.sockets));
    arguments.extend(named("--requests", options.requests));
    arguments.extend(named("--processes", options.processes));
    arguments.extend(named("--store", &options.store));
    measure(&options.machine, "load", arguments)
}

/// Sessions and apps in the store.
pub fn start_up(options: &StartUpOptions) -> Result<()> {
    let mut arguments = named("--sessions", options.sessions);
    arguments.extend(named("--apps", options.apps));
    arguments.extend(options.store.iter().flat_map(|store| named("--store", store)));
    measure(&options.machine, "start-up", arguments)
}

/// Hostile clients beside others.
pub fn hostile(options: &HostileOptions) -> Result<()> {
    let mut arguments = named("--seconds", options.seconds);
    arguments.extend(named("--percent", options.percent));
    arguments.extend(options.only.iter().flat_map(|kind| named("--only", kind)));
    measure(&options.machine, "hostile", arguments)
}

/// Sessions in memory.
pub fn memory(options: &MemoryOptions) -> Result<()> {
    measure(&options.machine, "memory", named("--sessions", options.sessions))
}

fn named(name: &str, value: impl ToString) -> Vec<String> {
    vec![name.to_owned(), value.to_string()]
}

fn measure(machine: &Machine, what: &str, arguments: Vec<String>) -> Result<()> {
    installation::install()?;
    let mut command = programs::cargo();
    command.args(["bench", "--quiet", "--package", "control-plane", "--bench", "scale"]);
    if !machine.release {
        command.args(["--profile", "dev"]);
    }
    command.arg("--");
    if let Some(program) = &machine.program {
        command.arg("--program").arg(std::path::absolute(program)?);
    }
    programs::succeed(command.arg(what).args(arguments))
}
