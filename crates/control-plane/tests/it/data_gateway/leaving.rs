//! Callers who leave, and callers who take nothing.

use serde_json::json;
use test_support::TestDatabase;

use super::world::{CustomerDatabase, PATIENCE, World};

#[test]
fn d52_whoever_leaves_while_a_statement_runs_ends_it_at_the_server() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new("").await;
        world.postgresql("Slow", &customer, json!({})).await;
        let connection = world.begin("Slow", "SELECT pg_sleep(600)", 700_000).await;
        customer.until_running("pg_sleep(600)", 1).await;
        drop(connection);
        customer.until_running("pg_sleep(600)", 0).await;
        assert_eq!(world.query("Slow", "SELECT 1 AS one", json!([])).await.text(), r#"[{"one":1}]"#);
    });
}

#[test]
fn d52_whoever_leaves_in_the_middle_of_an_answer_ends_it_at_the_server() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new("").await;
        let limits = json!({ "mostRows": 100_000_000, "mostBytes": 1_u64 << 40, "mostMilliseconds": 720_000, "mostSessions": 2 });
        world.postgresql("Large", &customer, json!({ "limits": limits })).await;
        // Far more than fits into anybody's buffers.
        let sql = "SELECT generate_series(1, 50000000) AS number, repeat('x', 1000) AS text";
        let mut connection = world.begin("Large", sql, 700_000).await;
        let head = connection.head().await.unwrap();
        assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")));
        assert!(connection.chunk().await.unwrap().starts_with(br#"[{"number":1,"text":"xxxxx"#));
        customer.until_running("generate_series", 1).await;
        drop(connection);
        customer.until_running("generate_series", 0).await;
        let records = world.records_until("", |records| !records.is_empty()).await;
        assert_eq!(records[0]["outcome"], "abandoned");
    });
}

#[test]
fn an_answer_that_fails_late_is_broken_off_and_not_ended() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new("").await;
        world.postgresql("Late", &customer, json!({})).await;
        // Two megabytes, and then a division by zero.
        let sql = "SELECT repeat('x', 1000) AS text, 1 / (2000 - number) AS one FROM generate_series(1, 3000) AS number";
        let mut connection = world.begin("Late", sql, 60_000).await;
        let head = connection.head().await.unwrap();
        assert_eq!(head.status, 200);
        let body = tokio::time::timeout(PATIENCE, connection.body(head)).await.unwrap();
        assert!(body.is_err(), "the last chunk must not come");
        // What fails before the first megabyte is out is answered as an error.
        let sql = "SELECT repeat('x', 1000) AS text, 1 / (500 - number) AS one FROM generate_series(1, 3000) AS number";
        let early = world.query("Late", sql, json!([])).await;
        assert_eq!((early.status, early.json()["code"].clone()), (422, json!("database_refused")));
    });
}

#[test]
fn d52_a_reader_who_takes_nothing_holds_a_session_for_half_a_minute() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new("").await;
        let limits = json!({ "mostRows": 100_000_000, "mostBytes": 1_u64 << 40, "mostMilliseconds": 720_000, "mostSessions": 1 });
        world.postgresql("Large", &customer, json!({ "limits": limits })).await;
        let sql = "SELECT generate_series(1, 50000000) AS number, repeat('x', 1000) AS text";
        let mut connection = world.begin("Large", sql, 700_000).await;
        assert_eq!(connection.head().await.unwrap().status, 200);
        customer.until_running("generate_series", 1).await;
        // The only session is taken, and then it is not.
        let another = json!({ "name": "Large", "sql": "SELECT 1 AS one", "params": [], "timeout": 500 });
        let busy = world.ask("hello", "/api/external-databases/query", another.to_string()).await;
        assert_eq!((busy.status, busy.header("retry-after")), (429, Some("2")), "{}", busy.text());
        assert_eq!(busy.json()["code"], "database_busy");
        customer.until_running("generate_series", 0).await;
        assert_eq!(world.query("Large", "SELECT 1 AS one", json!([])).await.text(), r#"[{"one":1}]"#);
        drop(connection);
    });
}
