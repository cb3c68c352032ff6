//! The load, by `wrk`, and what it says.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Cores;
use crate::programs;

/// One kind of load.
#[derive(Clone, Copy)]
pub enum Load {
    SmallMany,
    SmallOne,
    LargeDown,
    LargeUp,
}

impl Load {
    pub const ALL: [Self; 4] = [Self::SmallMany, Self::SmallOne, Self::LargeDown, Self::LargeUp];

    pub const fn name(self) -> &'static str {
        match self {
            Self::SmallMany => "GET 1 KiB, 64 connections",
            Self::SmallOne => "GET 1 KiB, 1 connection",
            Self::LargeDown => "GET 1 MiB, 16 connections",
            Self::LargeUp => "PUT 8 MiB, 8 connections",
        }
    }

    const fn connections(self) -> u32 {
        match self {
            Self::SmallMany => 64,
            Self::SmallOne => 1,
            Self::LargeDown => 16,
            Self::LargeUp => 8,
        }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::SmallMany | Self::SmallOne => "/small",
            Self::LargeDown => "/large",
            Self::LargeUp => "/put",
        }
    }

    const fn request(self) -> &'static str {
        match self {
            Self::LargeUp => "wrk.method = 'PUT'\nwrk.body = string.rep('x', 8 * 1024 * 1024)\n",
            _ => "",
        }
    }

    /// Puts the load on a server and reads what it did.
    pub fn run(
        self,
        folder: &Path,
        host: &str,
        port: u16,
        cookie: &str,
        duration: Duration,
        cores: &Cores,
    ) -> Result<Reading> {
        let request = format!("{}\nwrk.headers['Cookie'] = '{cookie}'", self.request());
        let url = format!("https://{host}:{port}{}", self.path());
        let name = format!("{} to port {port}", self.name());
        wrk(
            &Wrk { name: &name, request: &request, url: &url, connections: self.connections() },
            folder,
            duration,
            cores,
        )
    }
}

/// One load as `wrk` takes it.
pub struct Wrk<'a> {
    /// For messages.
    pub name: &'a str,
    /// What a request is made of, in Lua.
    pub request: &'a str,
    pub url: &'a str,
    pub connections: u32,
}

/// Puts a load on a server and reads what it did.
pub fn wrk(load: &Wrk<'_>, folder: &Path, duration: Duration, cores: &Cores) -> Result<Reading> {
    // The name is the server's, for TLS and for `Host`; the address is this machine's.
    let script = format!(
        "function wrk.resolve(host, service) wrk.addrs = wrk.lookup('127.0.0.1', service) end
         {request}
         function done(summary, latency)
           local errors = summary.errors
           io.write(string.format('@ %d %d %d %d %d\\n', summary.requests, summary.duration,
             latency:percentile(50), latency:percentile(99),
             errors.connect + errors.read + errors.write + errors.status + errors.timeout))
         end\n",
        request = load.request
    );
    let file = folder.join("load.lua");
    fs::write(&file, script)?;
    let mut command = Command::new("taskset");
    command
        .args(["--cpu-list", &cores.rest, "wrk", "--timeout", "30s"])
        .arg(format!("-t{}", load.connections.min(2)))
        .arg(format!("-c{}", load.connections))
        .arg(format!("-d{}s", duration.as_secs()))
        .arg("-s")
        .arg(&file)
        .arg(load.url);
    let output = programs::output(&mut command)?;
    let line = output.lines().find_map(|line| line.strip_prefix("@ ")).context("wrk's summary")?;
    let numbers: Vec<f64> = line.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [requests, microseconds, p50, p99, errors] = numbers[..] else { bail!("wrk said: {line}") };
    if errors > 0.0 || requests == 0.0 {
        bail!("{}: {requests} requests, {errors} errors\n{output}", load.name);
    }
    Ok(Reading {
        requests,
        per_second: requests / (microseconds / 1e6),
        p50_ms: p50 / 1e3,
        p99_ms: p99 / 1e3,
        cpu_microseconds: 0.0,
        memory_mib: 0.0,
    })
}

/// What one server did under one load.
#[derive(Clone)]
pub struct Reading {
    pub requests: f64,
    pub per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub cpu_microseconds: f64,
    pub memory_mib: f64,
}

impl Reading {
    fn figures(&self) -> [(&'static str, f64); 5] {
        [
            ("per_second", self.per_second),
            ("p50_ms", self.p50_ms),
            ("p99_ms", self.p99_ms),
            ("cpu_us", self.cpu_microseconds),
            ("memory_mib", self.memory_mib),
        ]
    }

    pub fn json(&self) -> Value {
        self.figures().iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
    }

    /// Each figure divided by the other reading's.
    pub fn ratio(&self, other: &Self) -> Value {
        let pairs = self.figures().into_iter().zip(other.figures());
        pairs.map(|((name, value), (_, base))| (name.to_owned(), json!(value / base))).collect()
    }
}

/// The cipher that a server agrees on with OpenSSL, which `wrk` uses.
pub fn cipher(host: &str, port: u16) -> Result<String> {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", host])
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    let output = command.output().context("cannot start openssl")?;
    let output = String::from_utf8_lossy(&output.stdout);
    let line = output.lines().find(|line| line.contains("Cipher is ")).context("no TLS session")?;
    Ok(line.trim().to_owned())
}
