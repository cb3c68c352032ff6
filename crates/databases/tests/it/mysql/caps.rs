//! How much an answer may be.

use serde_json::json;
use test_support::MariaServer;

use super::*;

#[tokio::test]
async fn d13_rows_and_bytes_have_a_limit() {
    let server = MariaServer::shared();
    let name = server.database("");
    let mut limited = target(server, &name);
    limited.limits.most_rows = 10;
    limited.limits.most_bytes = 100_000;
    let database = open(limited);
    let ten = read(&*database, "SELECT seq AS v FROM seq_1_to_10").await.unwrap();
    assert_eq!(ten.as_array().unwrap().len(), 10);
    let eleven = read(&*database, "SELECT seq AS v FROM seq_1_to_11").await;
    assert_eq!(eleven.unwrap_err(), QueryError::Rows(10));
    let long = read(&*database, "SELECT REPEAT('x', 20000) AS v FROM seq_1_to_10").await;
    assert_eq!(long.unwrap_err(), QueryError::Bytes(100_000));
    // What grows in JSON counts as it is sent.
    let grown = read(&*database, "SELECT REPEAT(X'00', 60000) AS v").await;
    assert_eq!(grown.unwrap_err(), QueryError::Bytes(100_000));
    let row = read(&*database, "SELECT REPEAT('x', 100001) AS v").await;
    assert_eq!(row.unwrap_err(), QueryError::Row(100_000));
    until("nothing runs", || server.run("", &super::sessions::processes(&name)).is_empty()).await;
    assert_eq!(read(&*database, "SELECT 1 AS v").await.unwrap(), json!([{"v": 1}]));
}

/// Memory is measured in a process where nothing else runs: this test again, in one of its own.
fn alone(test: &str) -> bool {
    const ALONE: &str = "VYBE_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let itself = std::env::current_exe().unwrap();
    let name = format!("mysql::caps::{test}");
    let run = std::process::Command::new(itself)
        .args(["--exact", &name, "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout) + String::from_utf8_lossy(&run.stderr);
    eprintln!("{said}");
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    false
}

#[tokio::test]
async fn d52_a_huge_row_is_not_read() {
    if !alone("d52_a_huge_row_is_not_read") {
        return;
    }
    let server = MariaServer::shared();
    let mut limited = target(server, &server.database(""));
    limited.limits.most_bytes = 1 << 40;
    let database = open(limited);
    let before = resident();
    let huge = read(&*database, "SELECT REPEAT('x', 500000000) AS v").await;
    assert_eq!(huge.unwrap_err(), QueryError::Row(16 << 20));
    assert!(resident() < before + (100 << 20), "{} MiB more", (resident() - before) >> 20);
}

/// 2 GB pass through, and wait as long as their reader does.
#[tokio::test]
async fn d52_a_large_answer_takes_no_memory() {
    if !alone("d52_a_large_answer_takes_no_memory") {
        return;
    }
    let server = MariaServer::shared();
    let mut limited = target(server, &server.database(""));
    limited.limits.most_bytes = 1 << 40;
    limited.limits.most_rows = 100_000_000;
    let database = open(limited);
    let sql = "SELECT seq AS n, REPEAT('x', 10000) AS v FROM seq_1_to_200000";
    let mut large = query(Mode::ReadOnly, sql, vec![]);
    large.timeout = Duration::from_secs(600);
    let mut rows = database.run(large).await.unwrap();
    let before = resident();
    let (mut bytes, mut most, mut pieces) = (0_u64, 0, 0_u32);
    tokio::time::sleep(Duration::from_secs(1)).await;
    while let Some(piece) = rows.next().await {
        bytes += piece.unwrap().len() as u64;
        pieces += 1;
        if pieces.is_multiple_of(100) {
            most = most.max(resident());
        }
    }
    assert_eq!(rows.summary().rows, 200_000);
    assert_eq!(rows.summary().bytes, bytes);
    assert!(bytes > 2_000_000_000, "{bytes}");
    eprintln!("{bytes} bytes, {} KiB more memory", most.saturating_sub(before) >> 10);
    assert!(most < before + (64 << 20), "{} MiB more", (most - before) >> 20);
}

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}
