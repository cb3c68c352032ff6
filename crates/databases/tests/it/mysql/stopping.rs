//! What nobody wants any more ends at the server.

use std::time::Duration;

use test_support::MariaServer;

use super::*;

fn running(server: &MariaServer, database: &str) -> usize {
    let sql = format!(
        "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database}' AND COMMAND <> 'Sleep'"
    );
    server.run("", &sql).len()
}

#[tokio::test]
async fn d13_a_statement_that_runs_too_long_is_cancelled() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    let mut slow = query(Mode::ReadOnly, "SELECT SLEEP(1000) AS v", vec![]);
    slow.timeout = Duration::from_millis(300);
    assert_eq!(collect(&*database, slow).await, Err(QueryError::Timeout(300)));
    until("it has ended at the server", || server.run("", &super::sessions::processes(&name)).is_empty())
        .await;
    until("its place is free", || database.usage().open == 0).await;
    rows(&*database, "SELECT 1 AS v").await.unwrap();
}

/// The connection's limit holds, whatever the call asks for; and the server's own is there for when ours does not come
/// through.
#[tokio::test]
async fn d13_the_connections_limit_of_time_counts() {
    let server = MariaServer::shared();
    let name = server.database("");
    let mut limited = target(server, &name);
    limited.limits.most_milliseconds = 200;
    let database = open(limited);
    let slow = query(Mode::ReadOnly, "SELECT SLEEP(1000) AS v", vec![]);
    assert_eq!(collect(&*database, slow).await, Err(QueryError::Timeout(200)));
    let limit = read(&*database, "SELECT @@SESSION.max_statement_time AS v").await.unwrap();
    let seconds = limit[0]["v"].as_f64().unwrap();
    assert!((1.0..=1.2).contains(&seconds), "{seconds}");
}

/// The statement computes, so that the server does not notice by itself that nobody is there any more.
#[tokio::test]
async fn d13_a_caller_that_leaves_before_the_answer_ends_it() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    let sql = "SELECT COUNT(*) AS n FROM seq_1_to_10000000 AS a, seq_1_to_10000000 AS b";
    let mut left = query(Mode::ReadOnly, sql, vec![]);
    left.timeout = Duration::from_secs(600);
    let left = async {
        tokio::select! {
            _ = database.run(left) => panic!("it computes"),
            () = until("it runs", || running(server, &name) == 1) => {}
        }
    };
    left.await;
    until("it has ended at the server", || server.run("", &super::sessions::processes(&name)).is_empty())
        .await;
    until("its place is free", || database.usage().open == 0).await;
}

#[tokio::test]
async fn d13_a_caller_that_leaves_in_the_middle_ends_it() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    let sql = "SELECT REPEAT('x', 1000) AS v FROM seq_1_to_1000000000";
    let mut rows = database.run(query(Mode::ReadOnly, sql, vec![])).await.unwrap();
    assert!(rows.next().await.unwrap().is_ok());
    assert_eq!(running(server, &name), 1);
    drop(rows);
    until("it has ended at the server", || server.run("", &super::sessions::processes(&name)).is_empty())
        .await;
    until("its place is free", || database.usage().open == 0).await;
}

/// A reader that does not read is a statement that does not end: its time runs, too.
#[tokio::test]
async fn d13_a_stalled_reader_holds_a_session_only_for_the_time_it_has() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    let sql = "SELECT REPEAT('x', 1000) AS v FROM seq_1_to_1000000000";
    let mut stalled = query(Mode::ReadOnly, sql, vec![]);
    stalled.timeout = Duration::from_secs(1);
    let mut rows = database.run(stalled).await.unwrap();
    until("it has ended at the server", || server.run("", &super::sessions::processes(&name)).is_empty())
        .await;
    until("its place is free", || database.usage().open == 0).await;
    // What was on its way is followed by the reason.
    let mut last = None;
    while let Some(piece) = rows.next().await {
        last = Some(piece);
    }
    assert_eq!(last.unwrap().unwrap_err(), QueryError::Timeout(1000));
}
