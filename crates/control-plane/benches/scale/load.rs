//! Very many open WebSockets and a constant rate of requests at once, for minutes: what people notice, and whether memory
//! stays where it is.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::Machine;
use crate::connection::Target;
use crate::requests::{self, CONNECTIONS, Outcome};
use crate::served::Served;
use crate::sockets::{Sockets, Tally};
use crate::world::{StoreKind, World};

/// How much, and for how long.
#[derive(clap::Args)]
pub struct Options {
    /// How many seconds of requests
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// How many open WebSockets
    #[arg(long, default_value_t = 10_000)]
    sockets: usize,
    /// How many requests a second
    #[arg(long, default_value_t = 5_000)]
    requests: u32,
    /// How many processes of `vybe serve` share the cores; more than one need PostgreSQL
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=8))]
    processes: u8,
    /// Which store
    #[arg(long, value_enum, default_value = "postgres")]
    store: StoreKind,
}

/// What memory may grow by from the second fifth of the time to the last: what an allocator gives back late.
const MOST_GROWTH: f64 = 0.05;
/// Files of a process besides those of WebSockets and requests.
const OTHER_FILES: usize = 200;

/// One second.
struct Second {
    memory: f64,
    cpu: f64,
}

/// Loads, prints, and says whether everything held.
pub async fn run(machine: &Machine, options: &Options) -> bool {
    if let Some(problem) = too_few_files(options) {
        println!("{problem}");
        return false;
    }
    let world = World::new(options.store, 5).await;
    let mut served = Vec::new();
    for number in 0..options.processes {
        served.push(Served::start_and_wait(&world, machine, number).0);
    }
    let targets: Vec<Target> =
        served.iter().map(|served| Target::new(served.https, &world.app_host, &world.authority)).collect();
    let memory = || served.iter().map(Served::memory).sum::<f64>();
    let empty = memory();
    let began = Instant::now();
    let sockets = Sockets::open(options.sockets, &targets, &world.cookies).await;
    let opening = began.elapsed();
    let opened = sockets.tally.opened.load(Ordering::Relaxed);
    println!("{opened} of {} WebSockets open after {:.1} s", options.sockets, opening.as_secs_f64());
    let with_sockets = memory();

    let duration = Duration::from_secs(options.seconds);
    let (outcome, seconds) = tokio::join!(
        requests::run(options.requests, duration, &targets, &world.cookies),
        watch(&served, duration)
    );
    let files: usize = served.iter().filter_map(Served::open_files).sum();
    let still_open = opened - sockets.tally.cut.load(Ordering::Relaxed);
    let tally = sockets.close().await;
    let report = Report { options, outcome, seconds, empty, with_sockets, files, still_open };
    let held = report.print(&tally);
    served.into_iter().for_each(Served::stop);
    held
}

/// A WebSocket behind the proxy is two files of its process.
fn too_few_files(options: &Options) -> Option<String> {
    let most = getrlimit(Resource::Nofile).maximum.and_then(|most| usize::try_from(most).ok())?;
    let processes = usize::from(options.processes);
    let needed = 2 * (options.sockets + CONNECTIONS).div_ceil(processes) + OTHER_FILES;
    // The clients' end, and the app's, are one file each.
    let needed_here = options.sockets + CONNECTIONS + OTHER_FILES;
    (needed.max(needed_here) > most).then(|| {
        format!(
            "a process may have {most} open files here, and {needed} are needed: raise the limit (`ulimit -Hn`), or \
             share the load among processes (--processes 2)"
        )
    })
}

/// Looks once a second; the CPU is the share of a core.
async fn watch(served: &[Served], duration: Duration) -> Vec<Second> {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seconds = Vec::new();
    let cpu = || served.iter().map(Served::cpu).sum::<Duration>();
    let (mut before, mut at) = (cpu(), Instant::now());
    ticks.tick().await;
    for _ in 0..duration.as_secs() {
        ticks.tick().await;
        let (after, now) = (cpu(), Instant::now());
        let share = after.saturating_sub(before).as_secs_f64() / (now - at).as_secs_f64();
        (before, at) = (after, now);
        seconds.push(Second { memory: served.iter().map(Served::memory).sum(), cpu: share });
    }
    seconds
}

struct Report<'a> {
    options: &'a Options,
    outcome: Outcome,
    seconds: Vec<Second>,
    empty: f64,
    with_sockets: f64,
    files: usize,
    still_open: usize,
}

impl Report<'_> {
    fn print(mut self, tally: &Tally) -> bool {
        let fifth = (self.seconds.len() / 5).max(1);
        let mean = |seconds: &[Second]| {
            seconds.iter().map(|second| second.memory).sum::<f64>() / seconds.len().max(1) as f64
        };
        let second_fifth =
            mean(&self.seconds[fifth.min(self.seconds.len())..][..fifth.min(self.seconds.len())]);
        let last_fifth = mean(&self.seconds[self.seconds.len().saturating_sub(fifth)..]);
        let most = self.seconds.iter().map(|second| second.memory).fold(0.0, f64::max);
        let cpu =
            self.seconds.iter().map(|second| second.cpu).sum::<f64>() / self.seconds.len().max(1) as f64;
        let rate = self.outcome.due.count() as f64 / self.options.seconds as f64;
        let growth = last_fifth / second_fifth - 1.0;
        let (refused, cut) = (tally.refused.load(Ordering::Relaxed), tally.cut.load(Ordering::Relaxed));
        println!("\n| | |\n|---|---|");
        println!("| WebSockets open at the end | {} of {} |", self.still_open, self.options.sockets);
        println!("| not opened, cut | {refused}, {cut} |");
        println!("| requests a second, answered 200 | {rate:.0} of {} |", self.options.requests);
        println!(
            "| errors | {} of {} |",
            self.outcome.errors,
            self.outcome.due.count() + self.outcome.errors
        );
        println!("| cores used by vybe | {cpu:.2} |");
        println!("| files open | {} |", self.files);
        println!("| memory: empty, with WebSockets | {:.0} MiB, {:.0} MiB |", self.empty, self.with_sockets);
        println!(
            "| memory: second fifth of the time, last fifth, most | {second_fifth:.0} MiB, {last_fifth:.0} MiB, {most:.0} MiB |"
        );
        println!("| growth | {:+.1} % |", growth * 100.0);
        println!("\n| milliseconds | p50 | p99 | p99.9 | longest |\n|---|---|---|---|---|");
        println!("| request, since it was due | {} |", self.outcome.due.cells());
        println!("| request, since it was sent | {} |", self.outcome.sent.cells());
        let mut echoes = tally.echoes.lock().unwrap().clone();
        println!("| echo on a WebSocket ({}) | {} |", echoes.count(), echoes.cells());
        for (what, error) in [
            ("request", self.outcome.first_error.clone()),
            ("WebSocket", tally.first_error.lock().unwrap().clone()),
        ] {
            if let Some(error) = error {
                println!("\nthe first error of a {what}: {error}");
            }
        }
        let held = self.still_open == self.options.sockets
            && self.outcome.errors == 0
            && rate >= f64::from(self.options.requests) * 0.99
            && growth <= MOST_GROWTH;
        println!("\nload: {}", if held { "held" } else { "did not hold" });
        held
    }
}
