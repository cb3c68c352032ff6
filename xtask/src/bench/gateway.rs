//! `cargo xtask bench gateway`: queries of apps through the whole HTTP API, beside programs that ask the same database
//! themselves, in one run on one machine.
//!
//! `vybe` has both credentials to check, the guard, the record of the query and the answer in JSON. Beside it: a program on
//! tokio-postgres with a pool and prepared statements (`direct`), the same with rows as JSON text, and `pg` behind fastify
//! with two processes. Each has the first half of the cores to itself; PostgreSQL and the load share the other half.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use local_postgres::{Listen, LocalServer, Programs, Protection};
use serde_json::{Value, json};

use super::load::{Wrk, wrk};
use super::platform::{Build, Description, start_alone};
use super::{Cores, machine, usage};
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
    /// Leave the readings through SSH out
    #[arg(long)]
    without_tunnel: bool,
}

const ONE_ROW: &str = "SELECT id, name, price, active, created_at FROM items WHERE id = $1";
const THOUSAND_ROWS: &str =
    "SELECT id, name, price, active, created_at FROM items WHERE id >= $1 ORDER BY id LIMIT 1000";
const TABLE: &str = "CREATE TABLE items (id integer PRIMARY KEY, name text NOT NULL, price float8 NOT NULL, \
    active boolean NOT NULL, created_at timestamptz NOT NULL);
    INSERT INTO items SELECT n, 'item number ' || n, n * 1.25, n % 3 = 0, '2026-01-01T00:00:00Z'::timestamptz + n * interval '1 minute'
    FROM generate_series(1, 2000) AS n;
    VACUUM ANALYZE items;";
const PASSWORD: &str = "a password of this run only";
const CONNECTIONS: u32 = 64;
const SESSIONS: u32 = 40;

/// What one contender reached, in queries per second.
struct Figures {
    name: &'static str,
    one_row: f64,
    thousand_rows: f64,
    note: String,
}

/// Measures and prints.
pub fn run(options: &Options) -> Result<()> {
    installation::install_for_benchmarks()?;
    let folder = std::env::temp_dir().join(format!("vybe-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let result = measure(options, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    result
}

fn measure(options: &Options, folder: &Path) -> Result<()> {
    let cores = Cores::split()?;
    let build = Build::ours(&[])?;
    // Everything that is started from here has the other cores, unless it is told otherwise.
    let process = std::process::id().to_string();
    programs::output(Command::new("taskset").args([
        "--all-tasks",
        "--cpu-list",
        "--pid",
        &cores.rest,
        &process,
    ]))?;
    let port = free_port()?;
    let listen = Listen::Loopback(port, Protection { password: PASSWORD.to_owned(), certificate: None });
    let settings = ["shared_buffers=128MB", "max_connections=300", "fsync=off"];
    let postgres = Programs::find().context("no PostgreSQL server is installed")?;
    let database = LocalServer::start(postgres, &listen, &settings)?;
    database.execute("postgres", TABLE)?;

    let (platform, description) = start_alone(&folder.join("data"), &cores, &build)?;
    let vybe = Vybe::new(&description, port)?;
    let fastify = Fastify::start(folder, &cores, port)?;
    let mut best: Vec<Figures> = Vec::new();
    for _ in 0..options.rounds {
        for figures in direct(&cores, port, options.seconds)? {
            keep(&mut best, figures);
        }
        keep(&mut best, fastify.measure(folder, options.seconds, &cores)?);
        let before = usage::of(platform.process())?;
        let mut figures = vybe.measure(folder, options.seconds, &cores)?;
        let after = usage::of(platform.process())?;
        figures.note =
            format!("{:.0} s CPU, {:.0} MiB", after.cpu_seconds - before.cpu_seconds, after.memory_mib);
        keep(&mut best, figures);
    }
    print_table(&cores, &best);
    if !options.without_tunnel {
        programs::succeed(programs::cargo().args([
            "bench",
            "--quiet",
            "--package",
            "databases",
            "--bench",
            "tunnel",
        ]))?;
    }
    Ok(())
}

fn keep(best: &mut Vec<Figures>, figures: Figures) {
    match best.iter_mut().find(|known| known.name == figures.name) {
        Some(known) => {
            known.one_row = known.one_row.max(figures.one_row);
            known.thousand_rows = known.thousand_rows.max(figures.thousand_rows);
            known.note = figures.note;
        }
        None => best.push(figures),
    }
}

/// A program on tokio-postgres, without and with JSON.
fn direct(cores: &Cores, port: u16, seconds: u64) -> Result<[Figures; 2]> {
    let url = format!("host=127.0.0.1 port={port} user=postgres password='{PASSWORD}' dbname=postgres");
    let mut command = Command::new("taskset");
    command
        .current_dir(programs::root())
        .args(["--cpu-list", &cores.server])
        .arg(programs::cargo().get_program());
    command.args(["bench", "--quiet", "--package", "databases", "--bench", "direct", "--", "--url"]).arg(url);
    command.args(["--seconds", &seconds.to_string()]);
    command.args(["--tasks", &CONNECTIONS.to_string(), "--sessions", &SESSIONS.to_string()]);
    let output = programs::output(&mut command)?;
    let figures: Value = serde_json::from_str(output.trim()).with_context(|| output.clone())?;
    let of = |name, form: &str| -> Result<Figures> {
        let figure = |load: &str| figures[format!("{load}.{form}")].as_f64().context("the program's figures");
        Ok(Figures {
            name,
            one_row: figure("oneRow")?,
            thousand_rows: figure("thousandRows")?,
            note: String::new(),
        })
    };
    Ok([of("direct", "rows")?, of("direct, rows as JSON", "json")?])
}

/// Both loads on an HTTP server.
fn load(
    name: &'static str,
    (url, headers): (&str, &[(&str, &str)]),
    body: impl Fn(&str) -> String,
    (folder, seconds, cores): (&Path, u64, &Cores),
) -> Result<Figures> {
    let headers: String =
        headers.iter().map(|(name, value)| format!("wrk.headers['{name}'] = '{value}'\n")).collect();
    let run = |statement, parameter: &str| {
        let request = format!(
            "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\n{headers}\
             local body = [==[{}]==]\n\
             function request() return wrk.format(nil, nil, nil, (body:gsub('PARAMETER', {parameter}))) end",
            body(statement)
        );
        let load = Wrk { name, request: &request, url, connections: CONNECTIONS };
        wrk(&load, folder, Duration::from_secs(seconds), cores).map(|reading| reading.per_second)
    };
    Ok(Figures {
        name,
        one_row: run(ONE_ROW, "function() return math.random(1, 1000) end")?,
        thousand_rows: run(THOUSAND_ROWS, "'1'")?,
        note: String::new(),
    })
}

/// The platform with a connection to the database.
struct Vybe {
    url: String,
    secret: String,
    user_token: String,
}

impl Vybe {
    fn new(description: &Description, port: u16) -> Result<Self> {
        let organization = description.text("/organization/id")?;
        let made = description.call(
            "POST",
            &format!("/api/v1/organizations/{organization}/database-connections"),
            &json!({
                "kind": "external",
                "name": "bench",
                "engine": "postgresql",
                "host": "127.0.0.1",
                "port": port,
                "database": "postgres",
                "user": "postgres",
                "password": PASSWORD,
                "tls": { "mode": "off", "reason": "a benchmark on loopback" },
                "readOnly": false,
                "limits": { "mostRows": 100_000, "mostBytes": 67_108_864, "mostMilliseconds": 60_000, "mostSessions": SESSIONS },
            }),
        )?;
        if made["id"].as_str().is_none() {
            bail!("the connection was not made: {made}");
        }
        Ok(Self {
            url: format!(
                "{}/api/external-databases/query",
                description.text("/platform")?.trim_end_matches('/')
            ),
            secret: description.text("/apps/hello/serverSecret")?,
            user_token: description.user_token()?,
        })
    }

    fn measure(&self, folder: &Path, seconds: u64, cores: &Cores) -> Result<Figures> {
        let headers =
            [("VYBE_SERVER_SECRET", self.secret.as_str()), ("x-vybe-user-token", self.user_token.as_str())];
        let body = |sql: &str| format!(r#"{{"name":"bench","sql":"{sql}","params":[PARAMETER]}}"#);
        load("vybe", (&self.url, &headers), body, (folder, seconds, cores))
    }
}

/// `pg` behind fastify.
struct Fastify {
    child: Child,
    port: u16,
}

impl Drop for Fastify {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Fastify {
    fn start(folder: &Path, cores: &Cores, database: u16) -> Result<Self> {
        let home = folder.join("fastify");
        std::fs::create_dir_all(&home)?;
        std::fs::write(home.join("package.json"), include_str!("fastify/package.json"))?;
        std::fs::write(home.join("server.mjs"), include_str!("fastify/server.mjs"))?;
        let mut install = Command::new("npm");
        install.args(["install", "--no-audit", "--no-fund", "--silent"]).current_dir(&home);
        programs::succeed(&mut install)?;
        let port = free_port()?;
        let data = folder.join("data");
        let child = Command::new("taskset")
            .args(["--cpu-list", &cores.server, "node"])
            .arg(home.join("server.mjs"))
            .args([port.to_string(), database.to_string(), PASSWORD.to_owned()])
            .args([(SESSIONS / 2).to_string()])
            .args([data.join("server.pem"), data.join("server.key")])
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start node")?;
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if started.elapsed() > Duration::from_secs(30) {
                bail!("fastify does not start");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Self { child, port })
    }

    fn measure(&self, folder: &Path, seconds: u64, cores: &Cores) -> Result<Figures> {
        let url = format!("https://vybe.localhost:{}/query", self.port);
        let body = |sql: &str| format!(r#"{{"sql":"{sql}","params":[PARAMETER]}}"#);
        load("pg behind fastify, 2 processes", (&url, &[]), body, (folder, seconds, cores))
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn print_table(cores: &Cores, figures: &[Figures]) {
    println!(
        "{}; cores of each contender: {}; {CONNECTIONS} connections, {SESSIONS} sessions",
        machine(),
        cores.server
    );
    let base = |pick: fn(&Figures) -> f64| figures.first().map_or(1.0, pick);
    let (one, thousand) = (base(|figures| figures.one_row), base(|figures| figures.thousand_rows));
    println!("\n| contender | one row, queries/s | 1,000 rows, queries/s | |");
    println!("|---|---|---|---|");
    for row in figures {
        println!(
            "| {} | {:.0} ({:.2}) | {:.0} ({:.2}) | {} |",
            row.name,
            row.one_row,
            row.one_row / one,
            row.thousand_rows,
            row.thousand_rows / thousand,
            row.note
        );
    }
    println!("\nIn brackets: the ratio to `direct` in the same run.");
}
