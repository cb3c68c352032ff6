//! How much a connection gives at once.

use std::sync::Arc;
use std::time::Duration;

use databases::{Database, Limits, QueryError, Target};
use futures_util::StreamExt as _;
use query_guard::Mode;

use super::server::{open, query, read, server, text, until};

fn limited(limits: Limits) -> Arc<dyn Database> {
    open(&Target { limits, ..server().target("postgres") })
}

#[tokio::test]
async fn d13_more_rows_than_the_connection_gives_end_the_answer() {
    let reader = limited(Limits { most_rows: 1000, ..Limits::default() });
    let rows = |count: u32| format!("SELECT n FROM generate_series(1, {count}) AS n");
    assert!(read(&*reader, &rows(1000), &[]).await.is_ok());
    assert_eq!(read(&*reader, &rows(1001), &[]).await, Err(QueryError::Rows(1000)));
    assert_eq!(read(&*reader, &rows(1_000_000), &[]).await, Err(QueryError::Rows(1000)));
    assert!(read(&*reader, &rows(1000), &[]).await.is_ok());
}

#[tokio::test]
async fn d13_more_bytes_than_the_connection_gives_end_the_answer() {
    let reader = limited(Limits { most_bytes: 100_000, ..Limits::default() });
    let text = |length: u32| format!("SELECT repeat('x', {length}) AS t");
    // `[{"t":"…"}]`
    let whole = read(&*reader, &text(100_000 - 10), &[]).await.unwrap();
    assert_eq!(whole.len(), 100_000);
    assert_eq!(read(&*reader, &text(100_000 - 9), &[]).await, Err(QueryError::Bytes(100_000)));
    let many = "SELECT n FROM generate_series(1, 1000000) AS n";
    assert_eq!(read(&*reader, many, &[]).await, Err(QueryError::Bytes(100_000)));
}

#[tokio::test]
async fn the_summary_says_what_was_answered() {
    let reader = limited(Limits::default());
    let mut rows =
        reader.run(query(Mode::ReadOnly, "SELECT n FROM generate_series(1, 50000) AS n", &[])).await.unwrap();
    let mut bytes = 0;
    while let Some(piece) = rows.next().await {
        bytes += piece.unwrap().len() as u64;
    }
    let summary = rows.summary();
    assert_eq!((summary.rows, summary.bytes), (50_000, bytes));
    assert!(summary.duration > Duration::ZERO);
}

/// One row is in memory as a whole, so there is a limit to it that no setting lifts.
#[tokio::test]
async fn d52_a_huge_row_is_refused_before_it_is_in_memory() {
    let reader = limited(Limits { most_bytes: 1 << 40, ..Limits::default() });
    let before = resident();
    let huge = "SELECT repeat('x', 1000000000) AS t";
    assert_eq!(read(&*reader, huge, &[]).await, Err(QueryError::Row(16 << 20)));
    let wide: Vec<String> = (0..1000).map(|at| format!("repeat('x', 1000000) AS c{at}")).collect();
    let wide = format!("SELECT {}", wide.join(", "));
    assert_eq!(read(&*reader, &wide, &[]).await, Err(QueryError::Row(16 << 20)));
    assert!(resident() < before + (256 << 20), "grew from {before} to {}", resident());
    assert_eq!(read(&*reader, "SELECT 1 AS one", &[]).await.unwrap(), "[{\"one\":1}]");
}

/// Few bytes of the server's become many: that stops where the limit is, not after it.
#[tokio::test]
async fn d52_what_grows_when_it_is_written_stops_at_the_limit() {
    let before = resident();
    let row = 16 << 20;
    for (most_bytes, expected) in [
        (1 << 40, QueryError::Row(row)),
        (row, QueryError::Bytes(row)),
        (1 << 20, QueryError::Bytes(1 << 20)),
    ] {
        let reader = limited(Limits { most_bytes, ..Limits::default() });
        for sql in [
            "SELECT array_fill(1e131071::numeric, ARRAY[40000]) AS n",
            "SELECT array_fill(('1e-16383')::numeric, ARRAY[40000]) AS n",
            "SELECT repeat(chr(1), 10000000) AS t",
            "SELECT array_fill(repeat(chr(1), 1000), ARRAY[10000]) AS t",
        ] {
            let answer = read(&*reader, sql, &[]).await.map(|text| text.len());
            // What is longer than the row before it is written is the wire's.
            let is_the_wires = answer == Err(QueryError::Row(1 << 20)) && most_bytes == 1 << 20;
            assert!(answer == Err(expected.clone()) || is_the_wires, "{sql}: {answer:?}");
        }
        assert_eq!(read(&*reader, "SELECT 1 AS one", &[]).await.unwrap(), "[{\"one\":1}]");
    }
    assert!(resident() < before + (256 << 20), "grew from {before} to {}", resident());
    // As much as there is room for is answered whole.
    let reader = limited(Limits::default());
    let sql = "SELECT array_fill(1e131071::numeric, ARRAY[100]) AS n, repeat(chr(1), 500000) AS t";
    let whole = read(&*reader, sql, &[]).await.unwrap();
    assert!(whole.len() > 16_100_000, "{}", whole.len());
    assert!(serde_json::from_str::<serde_json::Value>(&whole).is_ok());
}

/// A gigabyte for a reader who stops now and then: the server waits, and nothing piles up here.
#[tokio::test]
async fn d52_memory_stays_flat_under_a_slow_reader() {
    let reader = limited(Limits { most_rows: 100_000_000, most_bytes: 1 << 40, ..Limits::default() });
    let sql = "SELECT n, repeat('x', 10000) AS t FROM generate_series(1, 100000) AS n";
    let mut rows = reader.run(query(Mode::ReadOnly, sql, &[])).await.unwrap();
    rows.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = resident();
    let mut bytes = 0_u64;
    let mut most = before;
    let mut pieces = 0_u64;
    while let Some(piece) = rows.next().await {
        bytes += piece.unwrap().len() as u64;
        pieces += 1;
        if pieces.is_multiple_of(5000) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        if pieces.is_multiple_of(100) {
            most = most.max(resident());
        }
    }
    assert!(bytes > 1_000_000_000, "{bytes}");
    // Other tests of this process take some, too.
    assert!(most < before + (192 << 20), "grew from {before} to {most}");
}

#[tokio::test]
async fn no_more_sessions_are_opened_than_allowed() {
    let reader = limited(Limits { most_sessions: 3, ..Limits::default() });
    let asking = (0..30).map(|_| {
        let reader = Arc::clone(&reader);
        tokio::spawn(async move {
            let rows = reader.run(query(Mode::ReadOnly, "SELECT pg_sleep(0.02)", &[])).await.unwrap();
            let open = reader.usage().open;
            text(rows).await.unwrap();
            open
        })
    });
    for asked in asking.collect::<Vec<_>>() {
        assert!(asked.await.unwrap() <= 3);
    }
    until("all are idle", async || reader.usage().idle == reader.usage().open).await;
    assert!(reader.usage().open <= 3);
    reader.close_idle().await;
    assert!(reader.usage().open > 0, "they were in use a moment ago");
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
