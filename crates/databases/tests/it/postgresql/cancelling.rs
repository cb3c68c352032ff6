//! Statements that nobody waits for any more end at the server, too.

use std::time::Duration;

use databases::{Database, Limits, QueryError, Target, Tls};
use futures_util::StreamExt as _;
use query_guard::Mode;

use super::server::{database, open, query, read, server, text, until};

/// What runs long before it has a row, and what never stops to have rows.
const SILENT: &str = "SELECT pg_sleep(600)";
const ENDLESS: &str = "SELECT a.n, repeat('x', 1000) AS text FROM generate_series(1, 100000) a(n), generate_series(1, 100000) b(n)";

/// A new database; itself, and somebody who looks at it from outside.
fn house(tls: Tls) -> (std::sync::Arc<dyn Database>, Watcher) {
    let name = database("");
    let limits =
        Limits { most_sessions: 2, most_rows: 100_000_000, most_bytes: 1 << 40, ..Limits::default() };
    let target = Target { limits, tls, ..server().target(&name) };
    (open(&target), Watcher { outside: open(&server().target("postgres")), name })
}

struct Watcher {
    outside: std::sync::Arc<dyn Database>,
    name: String,
}

impl Watcher {
    async fn count(&self, condition: &str) -> u64 {
        let sql =
            format!("SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = $1 AND {condition}");
        let answer = read(&*self.outside, &sql, &[self.name.as_str().into()]).await.unwrap();
        let rows: serde_json::Value = serde_json::from_str(&answer).unwrap();
        rows[0]["n"].as_u64().unwrap()
    }

    /// Nothing runs there.
    async fn is_quiet(&self) {
        until("nothing runs at the server", async || self.count("state <> 'idle'").await == 0).await;
    }

    async fn runs(&self) {
        until("something runs at the server", async || self.count("state = 'active'").await > 0).await;
    }
}

#[tokio::test]
async fn d13_a_statement_that_takes_too_long_is_cancelled_at_the_server() {
    let (reader, watcher) = house(Tls::Off);
    let mut slow = query(Mode::ReadOnly, SILENT, &[]);
    slow.timeout = Duration::from_millis(300);
    assert_eq!(reader.run(slow).await.err(), Some(QueryError::Timeout(300)));
    watcher.is_quiet().await;
    // So is one that has answered rows already.
    let mut endless = query(Mode::ReadOnly, ENDLESS, &[]);
    endless.timeout = Duration::from_millis(500);
    let ended = match reader.run(endless).await {
        Ok(rows) => text(rows).await,
        Err(error) => Err(error),
    };
    assert_eq!(ended, Err(QueryError::Timeout(500)));
    watcher.is_quiet().await;
    until("sessions are closed", async || reader.usage().open == 0).await;
    assert_eq!(read(&*reader, "SELECT 1 AS one", &[]).await.unwrap(), "[{\"one\":1}]");
}

#[tokio::test]
async fn d13_the_connections_own_limit_counts_whatever_a_call_asks_for() {
    let name = database("");
    let limits = Limits { most_milliseconds: 400, ..Limits::default() };
    let reader = open(&Target { limits, ..server().target(&name) });
    let error = read(&*reader, SILENT, &[]).await.unwrap_err();
    assert_eq!(error, QueryError::Timeout(400));
}

#[tokio::test]
async fn d13_a_caller_that_leaves_before_the_first_row_ends_the_statement() {
    let (reader, watcher) = house(Tls::Off);
    let asking = {
        let reader = std::sync::Arc::clone(&reader);
        tokio::spawn(async move { reader.run(query(Mode::ReadOnly, SILENT, &[])).await.map(drop) })
    };
    watcher.runs().await;
    asking.abort();
    watcher.is_quiet().await;
    until("sessions are closed", async || reader.usage().open == 0).await;
}

#[tokio::test]
async fn d13_a_caller_that_leaves_in_the_middle_ends_the_statement() {
    let (reader, watcher) = house(Tls::Off);
    let mut rows = reader.run(query(Mode::ReadOnly, ENDLESS, &[])).await.unwrap();
    rows.next().await.unwrap().unwrap();
    watcher.runs().await;
    drop(rows);
    watcher.is_quiet().await;
    until("sessions are closed", async || reader.usage().open == 0).await;
    // So does one who never took a piece.
    drop(reader.run(query(Mode::ReadOnly, ENDLESS, &[])).await.unwrap());
    watcher.is_quiet().await;
}

#[tokio::test]
async fn d13_a_statement_is_cancelled_over_tls() {
    let authorities = Some(server().authority.certificate());
    let (reader, watcher) = house(Tls::Full { authorities });
    let encrypted = "EXISTS (SELECT FROM pg_stat_ssl s WHERE s.pid = pg_stat_activity.pid AND s.ssl)";
    let asking = {
        let reader = std::sync::Arc::clone(&reader);
        tokio::spawn(async move { reader.run(query(Mode::ReadOnly, SILENT, &[])).await.map(drop) })
    };
    until("it runs, encrypted", async || {
        watcher.count(&format!("state = 'active' AND {encrypted}")).await == 1
    })
    .await;
    asking.abort();
    watcher.is_quiet().await;
}

#[tokio::test]
async fn d13_many_callers_that_leave_at_any_moment_leave_nothing() {
    let (reader, watcher) = house(Tls::Off);
    for round in 0..60_u64 {
        let sql = if round % 2 == 0 { SILENT } else { ENDLESS };
        let asked = tokio::time::timeout(
            Duration::from_millis(round % 7),
            reader.run(query(Mode::ReadOnly, sql, &[])),
        );
        drop(asked.await);
    }
    watcher.is_quiet().await;
    until("no session is lost", async || {
        let usage = reader.usage();
        usage.open == usage.idle
    })
    .await;
    assert_eq!(read(&*reader, "SELECT 1 AS one", &[]).await.unwrap(), "[{\"one\":1}]");
    assert!(watcher.count("true").await <= 2);
}
