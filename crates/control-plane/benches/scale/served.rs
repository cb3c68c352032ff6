//! `vybe serve` on cores of its own, and what it uses.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Machine;
use crate::world::World;

/// Ticks per second of `/proc/*/stat`: 100 on every Linux that Rust supports.
const TICKS: f64 = 100.0;
/// How long a start may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two questions whether it is ready.
const ASKED_EVERY: Duration = Duration::from_millis(5);

/// The running program; told to stop when dropped.
pub struct Served {
    /// Where it answers HTTPS.
    pub https: SocketAddr,
    admin: SocketAddr,
    started: Instant,
    child: Child,
}

impl Served {
    /// Starts one; it is not ready yet.
    fn start_with(world: &World, machine: &Machine, number: u8, extra: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (configuration, https, admin) = world.configuration(number, free, extra);
        let log = File::create(world.folder.path().join(format!("vybe-{number}.log"))).unwrap();
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &machine.server_cores]).arg(&machine.program);
        command.args(["serve", "--config"]).arg(configuration);
        let started = Instant::now();
        let child = command.stdout(Stdio::null()).stderr(log).spawn().expect("vybe starts");
        Self { https, admin, started, child }
    }

    /// Starts one and waits for it. Answers how long it took from the start of the process.
    pub fn start_and_wait(world: &World, machine: &Machine, number: u8) -> (Self, Duration) {
        Self::start_and_wait_with(world, machine, number, "")
    }

    /// The same, with more sections in its configuration.
    pub fn start_and_wait_with(
        world: &World,
        machine: &Machine,
        number: u8,
        extra: &str,
    ) -> (Self, Duration) {
        let mut served = Self::start_with(world, machine, number, extra);
        while !served.is_ready() {
            let ended = served.child.try_wait().unwrap();
            let log = || fs::read_to_string(world.folder.path().join(format!("vybe-{number}.log")));
            assert!(ended.is_none(), "vybe ended: {}", log().unwrap_or_default());
            assert!(served.started.elapsed() < PATIENCE, "vybe does not start");
            std::thread::sleep(ASKED_EVERY);
        }
        let took = served.started.elapsed();
        (served, took)
    }

    /// Since the process was started.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    fn is_ready(&self) -> bool {
        self.ask("/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    }

    fn ask(&self, path: &str) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(self.admin)?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }

    /// Those of its metrics whose names begin so.
    pub fn numbers(&self, names: &[&str]) -> String {
        let answer = self.ask("/metrics").unwrap_or_default();
        let wanted = answer.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        wanted.map(|line| format!("{line}\n")).collect()
    }

    /// What it has logged.
    pub fn log(&self, world: &World, number: u8) -> String {
        fs::read_to_string(world.folder.path().join(format!("vybe-{number}.log"))).unwrap_or_default()
    }

    /// Resident memory, in MiB.
    pub fn memory(&self) -> f64 {
        let status = self.read("status");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        resident.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// How long it has been on a core, all threads together.
    pub fn cpu(&self) -> Duration {
        let stat = self.read("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("/proc/*/stat");
        let ticks: f64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<f64>().unwrap()).sum();
        Duration::from_secs_f64(ticks / TICKS)
    }

    /// How many files it has open, where that can be seen.
    pub fn open_files(&self) -> Option<usize> {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).ok().map(Iterator::count)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("vybe still runs")
    }

    /// Stops it as an operator does.
    pub fn stop(mut self) {
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.child.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
