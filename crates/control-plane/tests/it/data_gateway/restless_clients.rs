//! Many clients of several apps, few sessions, slow statements, and callers who leave.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use test_support::TestDatabase;
use tokio::task::JoinSet;

use super::world::{CustomerDatabase, PATIENCE, World};

/// The demo apps, the first of which has most of the clients.
const APPS: [&str; 3] = ["hello", "payroll", "reports"];

/// How many sessions there are with the database.
const SESSIONS: u16 = 5;

/// How much the process may grow after it has warmed up, platform and clients together, in MiB.
const MOST_GROWTH: u64 = 96;

/// What of this process is in memory.
fn resident_mib() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4 / 1024
}

/// What clients do for a while, and what came of it.
#[derive(Default)]
struct Load {
    stop: AtomicBool,
    answered: [AtomicU64; 3],
    busy: AtomicU64,
    left: AtomicU64,
    /// Whatever else was answered.
    other: Mutex<Vec<String>>,
}

impl Load {
    /// One client: short statements, slow ones, and ones whose answer it does not wait for.
    async fn client(&self, world: &World, number: usize) {
        let app = if number.is_multiple_of(2) { 0 } else { 1 + number / 2 % 2 };
        let mut turn = number;
        while !self.stop.load(Ordering::Relaxed) {
            turn += 1;
            match turn % 5 {
                0 => {
                    let connection = world.begin_as(APPS[app], "Load", "SELECT pg_sleep(20)", 60_000).await;
                    tokio::time::sleep(Duration::from_millis(20 + (turn as u64 * 37) % 200)).await;
                    drop(connection);
                    self.left.fetch_add(1, Ordering::Relaxed);
                }
                kind => {
                    let sql = if kind == 1 { "SELECT 1 AS one, pg_sleep(0.05)" } else { "SELECT 1 AS one" };
                    let body = json!({ "name": "Load", "sql": sql, "params": [] }).to_string();
                    let answer = world.ask(APPS[app], "/api/external-databases/query", body).await;
                    match answer.status {
                        200 => drop(self.answered[app].fetch_add(1, Ordering::Relaxed)),
                        429 => drop(self.busy.fetch_add(1, Ordering::Relaxed)),
                        _ => self.other.lock().unwrap().push(answer.text()),
                    }
                }
            }
        }
    }
}

/// Lets clients loose on a database for a while; afterwards nothing is left of them.
pub async fn let_loose(clients: usize, time: Duration) {
    let database = TestDatabase::sqlite().await;
    let world = Arc::new(World::start(&database).await);
    let customer = CustomerDatabase::new("").await;
    let limits = json!({ "mostRows": 1000, "mostBytes": 1 << 20, "mostMilliseconds": 60_000, "mostSessions": SESSIONS });
    world.postgresql("Load", &customer, json!({ "limits": limits })).await;
    let load = Arc::<Load>::default();
    let mut running = JoinSet::new();
    for number in 0..clients {
        let (load, world) = (Arc::clone(&load), Arc::clone(&world));
        running.spawn(async move { load.client(&world, number).await });
    }
    let (began, mut memory) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        memory.push(resident_mib());
        // What is cancelled is gone from the pool a moment before it is gone from the server.
        let active = customer.running("").await;
        assert!(active <= 2 * usize::from(SESSIONS), "{active} sessions");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    load.stop.store(true, Ordering::Relaxed);
    while let Some(client) = running.join_next().await {
        client.unwrap();
    }
    let answered: Vec<u64> = load.answered.iter().map(|number| number.load(Ordering::Relaxed)).collect();
    let (busy, left) = (load.busy.load(Ordering::Relaxed), load.left.load(Ordering::Relaxed));
    // The first fifth fills pools, caches and buffers.
    let highest = |samples: &[u64]| samples.iter().copied().max().unwrap_or_default();
    let (filled, rest) = memory.split_at(memory.len() / 5);
    let (filled, rest) = (highest(filled), highest(rest));
    println!(
        "gateway: {} s, {clients} clients, {SESSIONS} sessions: answered by app {answered:?}, busy {busy}, left {left}; \
         memory {filled} MiB in the first fifth, at most {rest} MiB later",
        time.as_secs()
    );
    assert!(rest <= filled + MOST_GROWTH, "the process grew from {filled} to {rest} MiB");
    assert!(answered.iter().all(|number| *number > 0), "an app starved: {answered:?}");
    assert!(left > 0);
    assert_eq!(*load.other.lock().unwrap(), Vec::<String>::new());
    // Nobody runs anything any more, no more sessions are open than there may be, and the next call is answered.
    let began = Instant::now();
    loop {
        let sessions = customer.sessions().await;
        if sessions.len() <= usize::from(SESSIONS) && sessions.iter().all(|(_, state, _)| state == "idle") {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{sessions:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = world.query("Load", "SELECT 1 AS one", json!([])).await;
    assert_eq!(answer.text(), r#"[{"one":1}]"#);
}

#[test]
fn d52_two_hundred_clients_leave_no_session_and_starve_no_app() {
    test_support::run(let_loose(200, Duration::from_secs(5)));
}

/// Set by whoever wants it longer, in seconds.
const SOAK: &str = "VYBE_SOAK_SECONDS";

#[test]
#[ignore = "ten minutes: cargo xtask soak gateway"]
fn restless_clients_for_a_long_time() {
    let seconds = std::env::var(SOAK).ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    test_support::run(let_loose(200, Duration::from_secs(seconds)));
}
