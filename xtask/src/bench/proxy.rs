//! `cargo xtask bench proxy`: the middleware beside nginx, in one run on one machine.
//!
//! Three servers in turn stand before the same upstream: nginx as a plain TLS proxy, nginx with
//! `auth_request`, and `vybe` with its full check (session, decision, user token, headers). They use the same
//! certificate and must agree on the same cipher with the load generator. Where there are four cores or more,
//! the server under test has the first half of them to itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::load::{self, Load, Reading};
use super::{Cores, machine, nginx, platform, usage};
use crate::installation;

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// How long each reading takes, in seconds
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How many times the servers take turns; the best reading of each counts
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Also measure `vybe` keeping refused decisions only, which makes no record of these requests
    #[arg(long)]
    decisions: bool,
    /// Also measure another build of `vybe`, such as one from before a change
    #[arg(long, value_name = "PROGRAM")]
    beside: Option<PathBuf>,
}

/// Something that answers at the app's address.
struct Contender<'a> {
    name: &'static str,
    host: &'a str,
    cookie: &'a str,
    port: u16,
    /// Its process; those that it started count, too.
    process: u32,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    installation::install_for_benchmarks()?;
    let folder = std::env::temp_dir().join(format!("vybe-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(options, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let report = result?;
    if options.json {
        println!("{report:#}");
    } else {
        print_table(&report);
    }
    Ok(())
}

fn measure(options: &Options, folder: &Path) -> Result<Value> {
    let cores = Cores::split()?;
    let upstream = nginx::start_upstream(folder, &cores)?;
    let platform =
        platform::start(&folder.join("data"), &cores, upstream.port, &platform::Build::ours(&[])?)?;
    let mut others = Vec::new();
    if options.decisions {
        let build = platform::Build::ours(&["--decisions", "refused"])?;
        let other = platform::start(&folder.join("data-refused"), &cores, upstream.port, &build)?;
        others.push(("vybe, refused decisions kept", other));
    }
    if let Some(program) = &options.beside {
        let build = platform::Build { program: program.clone(), options: Vec::new() };
        let other = platform::start(&folder.join("data-other"), &cores, upstream.port, &build)?;
        others.push(("the other vybe", other));
    }
    let plain = nginx::start_proxy(folder, "plain", &platform.certificate, &cores, upstream.port, None)?;
    let checked = nginx::start_proxy(
        folder,
        "auth-request",
        &platform.certificate,
        &cores,
        upstream.port,
        Some(upstream.port),
    )?;
    let of_nginx = |name, port, process| Contender {
        name,
        host: &platform.host,
        cookie: &platform.cookie,
        port,
        process,
    };
    let mut contenders = vec![
        of_nginx("nginx", plain.port, plain.process()),
        of_nginx("nginx auth_request", checked.port, checked.process()),
    ];
    let platforms = std::iter::once(("vybe", &platform));
    contenders.extend(platforms.chain(others.iter().map(|(name, other)| (*name, other))).map(
        |(name, platform)| Contender {
            name,
            host: &platform.host,
            cookie: &platform.cookie,
            port: platform.port,
            process: platform.process(),
        },
    ));
    let ciphers: Vec<String> = contenders
        .iter()
        .map(|contender| load::cipher(contender.host, contender.port))
        .collect::<Result<_>>()?;
    if ciphers.iter().any(|cipher| *cipher != ciphers[0]) {
        bail!("the servers do not agree on a cipher: {ciphers:?}");
    }
    let mut loads = Vec::new();
    for load in Load::ALL {
        let mut best: Vec<Option<Reading>> = contenders.iter().map(|_| None).collect();
        // In turn, so that what else the machine does falls on all of them.
        for _ in 0..options.rounds {
            for (contender, best) in contenders.iter().zip(&mut best) {
                let before = usage::of(contender.process)?;
                let mut reading = load.run(
                    folder,
                    contender.host,
                    contender.port,
                    contender.cookie,
                    Duration::from_secs(options.seconds),
                    &cores,
                )?;
                let after = usage::of(contender.process)?;
                reading.cpu_microseconds = (after.cpu_seconds - before.cpu_seconds) * 1e6 / reading.requests;
                reading.memory_mib = after.memory_mib;
                if best.as_ref().is_none_or(|best| reading.per_second > best.per_second) {
                    *best = Some(reading);
                }
            }
        }
        let plain = best[0].clone();
        let rows = contenders.iter().zip(best).filter_map(|(contender, reading)| {
            let (reading, plain) = (reading?, plain.as_ref()?);
            Some(
                json!({ "server": contender.name, "reading": reading.json(), "ratio": reading.ratio(plain) }),
            )
        });
        loads.push(json!({ "load": load.name(), "servers": rows.collect::<Vec<_>>() }));
    }
    Ok(json!({
        "machine": machine(),
        "cores": { "server": cores.server, "load_and_upstream": cores.rest },
        "cipher": ciphers[0],
        "seconds": options.seconds,
        "rounds": options.rounds,
        "loads": loads,
    }))
}

fn print_table(report: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    println!(
        "{}; cores of the server under test: {}; {}",
        text(&report["machine"]),
        text(&report["cores"]["server"]),
        text(&report["cipher"])
    );
    for load in report["loads"].as_array().into_iter().flatten() {
        println!("\n{}\n", text(&load["load"]));
        println!("| server | requests/s | p50 ms | p99 ms | CPU µs/request | memory MiB |");
        println!("|---|---|---|---|---|---|");
        for row in load["servers"].as_array().into_iter().flatten() {
            let cell = |name: &str, digits: usize| {
                let number = |of: &str| row[of][name].as_f64().unwrap_or_default();
                format!("{:.digits$} ({:.2})", number("reading"), number("ratio"))
            };
            println!(
                "| {} | {} | {} | {} | {} | {} |",
                text(&row["server"]),
                cell("per_second", 0),
                cell("p50_ms", 3),
                cell("p99_ms", 3),
                cell("cpu_us", 1),
                cell("memory_mib", 0)
            );
        }
    }
    println!("\nIn brackets: the ratio to nginx as a plain TLS proxy in the same run.");
}
