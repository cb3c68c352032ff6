//! `cargo xtask bench …`: figures beside others' in one run on one machine.

use anyhow::Result;

use crate::{programs, scale};

mod gateway;
mod integrations;
mod load;
mod nginx;
mod platform;
mod proxy;
mod usage;

/// What to measure.
#[derive(clap::Subcommand)]
pub enum Bench {
    /// Requests per second, latency, CPU and memory of the middleware beside nginx
    Proxy(proxy::Options),
    /// Time of simulations over 1,000 people and 200 apps
    Simulation,
    /// Sealing and opening beside raw `ring`, opening through the store, listing, rotating
    Vault,
    /// Queries per second of apps beside a program of one's own, fastify and `ssh -L`
    Gateway(gateway::Options),
    /// Latency that `execute` adds to a direct call of a service, and calls per second of 64 connections
    Integrations(integrations::Options),
    /// What sessions in memory take
    Memory(scale::MemoryOptions),
}

/// Measures and prints.
pub fn run(bench: &Bench) -> Result<()> {
    match bench {
        Bench::Proxy(options) => proxy::run(options),
        Bench::Simulation => printed(&[("policy", "simulation")]),
        Bench::Vault => printed(&[("cryptography", "sealing"), ("secrets-vault", "vault")]),
        Bench::Gateway(options) => gateway::run(options),
        Bench::Integrations(options) => integrations::run(options),
        Bench::Memory(options) => scale::memory(options),
    }
}

/// Runs benches that print what they measured.
fn printed(benches: &[(&str, &str)]) -> Result<()> {
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

/// Which cores the server under test has, and which everything else.
struct Cores {
    pub server: String,
    pub rest: String,
    pub server_count: usize,
}

impl Cores {
    pub fn split() -> Result<Self> {
        let count = std::thread::available_parallelism()?.get();
        // With two or three cores the server, the load and the upstream share them.
        let (server, rest, server_count) = if count >= 4 {
            (format!("0-{}", count / 2 - 1), format!("{}-{}", count / 2, count - 1), count / 2)
        } else {
            (format!("0-{}", count - 1), format!("0-{}", count - 1), count)
        };
        Ok(Self { server, rest, server_count })
    }
}

fn machine() -> String {
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let count = information.lines().filter(|line| line.starts_with("processor")).count();
    format!("{count} × {}", model.map_or("unknown processor", |(_, model)| model))
}
