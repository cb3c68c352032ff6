//! What a program gets that asks PostgreSQL itself: the yardstick of `cargo xtask bench gateway`.
//!
//! Reads its conditions from the command line (`--url`, `--seconds`, `--tasks`, `--sessions`) and prints one JSON object of
//! queries per second: with rows as they come, and with rows as JSON text.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a benchmark ends when something is wrong"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use serde_json::{Map, Value, json};
use tokio_postgres::{NoTls, Row};

const ONE_ROW: &str = "SELECT id, name, price, active, created_at FROM items WHERE id = $1";
const THOUSAND_ROWS: &str =
    "SELECT id, name, price, active, created_at FROM items WHERE id >= $1 ORDER BY id LIMIT 1000";

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name)?;
    arguments.next()
}

fn main() {
    let Some(url) = argument("--url") else {
        eprintln!("this is run by `cargo xtask bench gateway`, which starts a database for it");
        return;
    };
    let number = |name: &str, usual: u64| argument(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let duration = Duration::from_secs(number("--seconds", 5));
    let tasks = number("--tasks", 64);
    let sessions = usize::try_from(number("--sessions", 32)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(url.parse().unwrap(), NoTls, recycling);
        let pool = Pool::builder(manager).max_size(sessions).build().unwrap();
        let mut figures = Map::new();
        for (name, statement) in [("oneRow", ONE_ROW), ("thousandRows", THOUSAND_ROWS)] {
            for (form, as_json) in [("rows", false), ("json", true)] {
                let rate = measure(&pool, statement, as_json, tasks, duration).await;
                figures.insert(format!("{name}.{form}"), json!(rate));
            }
        }
        println!("{}", Value::Object(figures));
    });
}

/// Queries per second.
async fn measure(pool: &Pool, statement: &'static str, as_json: bool, tasks: u64, duration: Duration) -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let started = Instant::now();
    let asking = (0..tasks).map(|task| {
        let (pool, done) = (pool.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut id = i32::try_from(task).unwrap();
            while started.elapsed() < duration {
                id = (id * 31 + 7) % 1000;
                let session = pool.get().await.unwrap();
                let prepared = session.prepare_cached(statement).await.unwrap();
                let id = if statement == ONE_ROW { id + 1 } else { 1 };
                let rows = session.query(&prepared, &[&id]).await.unwrap();
                drop(session);
                assert!(!rows.is_empty());
                if as_json {
                    let text = serde_json::to_vec(&rows.iter().map(object).collect::<Vec<_>>()).unwrap();
                    assert!(text.len() > 2);
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for asking in asking.collect::<Vec<_>>() {
        asking.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = done.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    rate
}

fn object(row: &Row) -> Value {
    let created: time::OffsetDateTime = row.get(4);
    json!({
        "id": row.get::<_, i32>(0),
        "name": row.get::<_, String>(1),
        "price": row.get::<_, f64>(2),
        "active": row.get::<_, bool>(3),
        "created_at": created.format(&time::format_description::well_known::Rfc3339).unwrap(),
    })
}
