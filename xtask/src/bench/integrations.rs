//! `cargo xtask bench integrations`: calls of an app through `execute`, beside the same calls without it, in one run on one
//! machine.
//!
//! The service is nginx with TLS that answers 1 KiB to whoever brings the key. `direct` is the load alone; `nginx` stands
//! between as a TLS proxy that adds the key; `vybe` has both credentials of the app to check, the account to find and to open,
//! a turn to wait for, and the record of the call. Both that stand between have the first half of the cores to themselves; the
//! service and the load share the other half.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::load::{Reading, Wrk, wrk};
use super::nginx::{self, Certificate, Nginx};
use super::platform::{Build, Description, start_alone};
use super::{Cores, machine};
use crate::{installation, programs};

/// How to measure.
#[derive(clap::Args)]
pub struct Options {
    /// How long each reading takes, in seconds
    #[arg(long, default_value_t = 8)]
    seconds: u64,
    /// How many times the contenders take turns; the best reading of each counts
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Measure this build of `vybe` instead of a release build of what is here
    #[arg(long, value_name = "PROGRAM")]
    program: Option<PathBuf>,
}

const KEY: &str = "a key of this run only";
/// One account has at most 48 calls of one app at once: two are enough for 64.
const ACCOUNTS: usize = 2;

/// What one contender reached.
struct Figures {
    name: &'static str,
    alone: Reading,
    many: Reading,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    installation::install_for_benchmarks()?;
    let folder = std::env::temp_dir().join(format!("vybe-bench-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let result = measure(options, &folder);
    let _ = fs::remove_dir_all(&folder);
    result
}

fn measure(options: &Options, folder: &Path) -> Result<()> {
    let cores = Cores::split()?;
    let data = folder.join("data");
    let build = match &options.program {
        Some(program) => Build { program: program.clone(), options: Vec::new() },
        None => Build::ours(&[])?,
    };
    let (_platform, description) = start_alone(&data, &cores, &build)?;
    let certificate = certificate(folder, &data)?;
    let service = nginx::start_service(folder, &certificate, &cores, KEY)?;
    let authority = data.join("authority.pem");
    let between = nginx::start_key_proxy(folder, &certificate, &authority, &cores, service.port, KEY)?;
    let vybe = Vybe::new(&description, &service)?;
    let contenders = [
        ("direct", get(service.port, Some(KEY))),
        ("nginx", get(between.port, None)),
        ("vybe", (vybe.url.clone(), vybe.request())),
    ];
    let mut best: Vec<Figures> = Vec::new();
    for _ in 0..options.rounds {
        for (name, (url, request)) in &contenders {
            let load = |connections| {
                let load = Wrk { name, request, url, connections };
                wrk(&load, folder, Duration::from_secs(options.seconds), &cores)
            };
            keep(&mut best, Figures { name, alone: load(1)?, many: load(64)? });
        }
    }
    print_table(&cores, &best);
    Ok(())
}

/// The best of each figure: what else the machine did is no contender's.
fn keep(best: &mut Vec<Figures>, figures: Figures) {
    match best.iter_mut().find(|known| known.name == figures.name) {
        Some(known) => {
            if figures.alone.p50_ms < known.alone.p50_ms {
                known.alone = figures.alone;
            }
            if figures.many.per_second > known.many.per_second {
                known.many = figures.many;
            }
        }
        None => best.push(figures),
    }
}

/// A certificate for 127.0.0.1 of the authority that `vybe dev` trusts. nginx compares no addresses, so that it has a name, too.
fn certificate(folder: &Path, data: &Path) -> Result<Certificate> {
    let file = |name: &str| -> PathBuf { folder.join(name) };
    let (key, request, extensions, chain) =
        (file("service.key"), file("service.csr"), file("service.ext"), file("service.pem"));
    fs::write(
        &extensions,
        "subjectAltName=IP:127.0.0.1,DNS:service.vybe.localhost\nextendedKeyUsage=serverAuth\n",
    )?;
    let mut make = Command::new("openssl");
    make.args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    make.args(["-subj", "/CN=the service of a benchmark", "-keyout"]).arg(&key).arg("-out").arg(&request);
    programs::output(&mut make)?;
    let mut sign = Command::new("openssl");
    sign.args(["x509", "-req", "-days", "2", "-CAcreateserial", "-in"]).arg(&request);
    sign.arg("-CA").arg(data.join("authority.pem")).arg("-CAkey").arg(data.join("authority.key"));
    sign.arg("-extfile").arg(&extensions).arg("-out").arg(&chain);
    programs::output(&mut sign)?;
    Ok(Certificate { chain, key })
}

fn get(port: u16, key: Option<&str>) -> (String, String) {
    let header = key.map(|key| format!("wrk.headers['X-API-Key'] = '{key}'")).unwrap_or_default();
    (format!("https://127.0.0.1:{port}/small"), header)
}

/// The platform with accounts at the service.
struct Vybe {
    url: String,
    paths: Vec<String>,
    secret: String,
    user_token: String,
}

impl Vybe {
    fn new(description: &Description, service: &Nginx) -> Result<Self> {
        let organization = description.text("/organization/id")?;
        let platform = description.text("/platform")?.trim_end_matches('/').to_owned();
        let mut paths = Vec::new();
        for number in 0..ACCOUNTS {
            let made = description.call(
                "POST",
                &format!("/api/v1/organizations/{organization}/accounts"),
                &json!({
                    "service": "demo-local",
                    "name": format!("bench {number}"),
                    "values": { "url": format!("https://127.0.0.1:{}", service.port) },
                    "secrets": { "api_key": KEY },
                }),
            )?;
            let id = made["id"].as_str().with_context(|| format!("the account was not connected: {made}"))?;
            paths.push(format!("/api/integrations/accounts/{id}/execute"));
        }
        Ok(Self {
            url: format!("{platform}{}", paths[0]),
            paths,
            secret: description.text("/apps/hello/serverSecret")?,
            user_token: description.user_token()?,
        })
    }

    fn request(&self) -> String {
        let body = r#"{"actionId":"request","input":{"method":"GET","path":"/small"}}"#;
        let paths: Vec<String> = self.paths.iter().map(|path| format!("'{path}'")).collect();
        format!(
            "wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n\
             wrk.headers['VYBE_SERVER_SECRET'] = '{}'\nwrk.headers['x-vybe-user-token'] = '{}'\n\
             local paths = {{ {} }}\nlocal number = 0\n\
             function request() number = number + 1; return wrk.format(nil, paths[number % #paths + 1]) end",
            self.secret,
            self.user_token,
            paths.join(", ")
        )
    }
}

fn print_table(cores: &Cores, figures: &[Figures]) {
    println!("{}; cores of what stands between: {}", machine(), cores.server);
    println!("\n| contender | 1 connection: p50 ms | p99 ms | 64 connections: calls/s | p50 ms | p99 ms |");
    println!("|---|---|---|---|---|---|");
    for Figures { name, alone, many } in figures {
        println!(
            "| {name} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} |",
            alone.p50_ms, alone.p99_ms, many.per_second, many.p50_ms, many.p99_ms
        );
    }
    let of = |name: &str| figures.iter().find(|figures| figures.name == name);
    if let (Some(direct), Some(vybe)) = (of("direct"), of("vybe")) {
        println!(
            "\n`execute` adds {:.2} ms at p50 and {:.2} ms at p99 to a direct call, one at a time.",
            vybe.alone.p50_ms - direct.alone.p50_ms,
            vybe.alone.p99_ms - direct.alone.p99_ms
        );
    }
}
