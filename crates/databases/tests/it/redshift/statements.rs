//! Statements and their answers, on PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use databases::{Caller, Database, Engine, Limits, Query, QueryError, Target};
use query_guard::{Language, Mode};
use serde_json::{Value, json};

use crate::postgresql::server::{self, database, open, server, text, until};

fn target(statements: &str) -> Target {
    Target { engine: Engine::Redshift, read_only: false, ..server().target(&database(statements)) }
}

fn query(mode: Mode, sql: &str, parameters: &[(&str, Value)]) -> Query {
    let statement = query_guard::check(Language::Redshift, mode, sql)
        .unwrap_or_else(|refusal| panic!("{sql}: {refusal:?}"));
    let named = |name: &String| {
        parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap()
    };
    Query {
        parameters: statement.names().iter().map(named).collect(),
        statement,
        timeout: Duration::from_secs(60),
        caller: Caller::new("vybe app=test"),
    }
}

async fn ask(database: &dyn Database, sql: &str, parameters: &[(&str, Value)]) -> Value {
    let rows = database.run(query(Mode::ReadOnly, sql, parameters)).await.unwrap();
    serde_json::from_str(&text(rows).await.unwrap()).unwrap()
}

#[tokio::test]
async fn an_answer_has_columns_records_and_a_status_exactly_so() {
    let redshift = open(&target(
        "CREATE TABLE items (id bigint, name varchar(20), price numeric(10,2), at timestamp); \
        INSERT INTO items VALUES (9007199254740993, 'a\"é', 1.50, '2026-01-02 03:04:05.678'), (2, NULL, NULL, NULL)",
    ));
    let sql = "SELECT id, name, price, at FROM items WHERE id >= :least ORDER BY id DESC";
    let rows = redshift.run(query(Mode::ReadOnly, sql, &[("least", json!("2"))])).await.unwrap();
    assert_eq!(
        text(rows).await.unwrap(),
        "{\"columnMetadata\":[{\"name\":\"id\",\"typeName\":\"int8\"},{\"name\":\"name\",\"typeName\":\"varchar\"},\
         {\"name\":\"price\",\"typeName\":\"numeric\"},{\"name\":\"at\",\"typeName\":\"timestamp\"}],\
         \"records\":[{\"id\":\"9007199254740993\",\"name\":\"a\\\"é\",\"price\":\"1.50\",\"at\":\"2026-01-02 03:04:05.678\"},\
         {\"id\":\"2\",\"name\":null,\"price\":null,\"at\":null}],\"status\":\"FINISHED\"}"
    );
}

#[tokio::test]
async fn values_are_the_text_of_the_database() {
    let redshift = open(&target(""));
    let sql = "SELECT true AS a, 1.5::float8 AS b, 'NaN'::float8 AS c, date '2026-02-03' AS d, NULL AS e, '' AS f, \
        -7::smallint AS g, 12345678901234567890.123456789::numeric AS h, 1 AS i, 2 AS i";
    let answer = ask(&*redshift, sql, &[]).await;
    let expected = json!({ "a": "t", "b": "1.5", "c": "NaN", "d": "2026-02-03", "e": null, "f": "", "g": "-7",
        "h": "12345678901234567890.123456789", "i": "2" });
    assert_eq!(answer["records"], json!([expected]));
}

#[tokio::test]
async fn parameters_go_by_name_and_are_never_part_of_the_statement() {
    let redshift = open(&target(
        "CREATE TABLE items (id int, name text); INSERT INTO items VALUES (1, 'x'), (2, ':id')",
    ));
    let hostile = "x' OR '1'='1'; DROP TABLE items; --";
    let sql =
        "SELECT id, name, ':id' AS quoted FROM items WHERE name = :name OR (id = :id AND name <> :name)";
    let answer = ask(&*redshift, sql, &[("name", json!(hostile)), ("id", json!(1))]).await;
    assert_eq!(answer["records"], json!([{ "id": "1", "name": "x", "quoted": ":id" }]));
    let answer =
        ask(&*redshift, "SELECT count(*) AS n FROM items WHERE name = :id", &[("id", json!(":id"))]).await;
    assert_eq!(answer["records"], json!([{ "n": "1" }]));
    for unfit in [json!([1]), json!({ "a": 1 })] {
        let error = redshift.run(query(Mode::ReadOnly, "SELECT :a::text AS a", &[("a", unfit)])).await.err();
        assert!(matches!(error, Some(QueryError::Parameters(_))), "{error:?}");
    }
    let zero = redshift.run(query(Mode::ReadOnly, "SELECT :a::text AS a", &[("a", json!("a\0b"))])).await;
    let zero = match zero {
        Ok(rows) => text(rows).await,
        Err(error) => Err(error),
    };
    assert!(zero.is_err() || zero.unwrap().contains("FAILED"));
    assert_eq!(ask(&*redshift, "SELECT 1 AS one", &[]).await["records"], json!([{ "one": "1" }]));
}

#[tokio::test]
async fn the_first_five_thousand_records_come_with_a_word_about_the_rest() {
    let redshift = open(&target(""));
    let sql = "SELECT generate_series(1, :most::int) AS n";
    for (most, said) in [(4_999, false), (5_000, false), (5_001, true), (20_000, true)] {
        let answer = ask(&*redshift, sql, &[("most", json!(most))]).await;
        assert_eq!(answer["status"], "FINISHED");
        assert_eq!(answer["records"].as_array().unwrap().len(), most.min(5_000));
        assert_eq!(answer.get("error").is_some(), said, "{most}");
    }
    assert_eq!(redshift.usage().open, 1);
}

#[tokio::test]
async fn the_limits_of_a_connection_are_errors() {
    let target = target("");
    let rows = Target { limits: Limits { most_rows: 10, ..Limits::default() }, ..target.clone() };
    let rows = open(&rows);
    let sql = "SELECT repeat('x', 1000) AS x FROM generate_series(1, :n::int)";
    assert_eq!(ask(&*rows, sql, &[("n", json!(10))]).await["status"], "FINISHED");
    let many = rows.run(query(Mode::ReadOnly, sql, &[("n", json!(11))])).await.unwrap();
    assert_eq!(text(many).await, Err(QueryError::Rows(10)));
    let bytes = open(&Target { limits: Limits { most_bytes: 50_000, ..Limits::default() }, ..target });
    let large = bytes.run(query(Mode::ReadOnly, sql, &[("n", json!(4_000))])).await.unwrap();
    assert_eq!(text(large).await, Err(QueryError::Bytes(50_000)));
    assert_eq!(ask(&*bytes, "SELECT 1 AS one", &[]).await["status"], "FINISHED");
}

#[tokio::test]
async fn d52_a_row_is_read_only_if_it_may_be_answered() {
    let target = target("");
    let sql = "SELECT repeat('x', :n::int) AS x";
    for (most_bytes, fits, largest) in [(1 << 30, 16_000_000, 16 << 20), (50_000, 40_000, 50_000)] {
        let limits = Limits { most_bytes, ..Limits::default() };
        let redshift = open(&Target { limits, ..target.clone() });
        assert_eq!(ask(&*redshift, sql, &[("n", json!(fits))]).await["status"], "FINISHED");
        let larger = query(Mode::ReadOnly, sql, &[("n", json!(largest))]);
        assert_eq!(text(redshift.run(larger).await.unwrap()).await, Err(QueryError::Row(largest)));
        assert_eq!(ask(&*redshift, sql, &[("n", json!(1))]).await["status"], "FINISHED");
    }
}

/// Takes hours.
const SLOW: &str =
    "SELECT count(*) AS n FROM generate_series(1, 600000) AS a (n), generate_series(1, 600000) AS b (n)";

/// How many sessions of the tests' caller run something.
async fn running(database: &dyn Database) -> String {
    let sql = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE '%count(*) AS n FROM generate_series(1, 600000)%' AND state = 'active' \
        AND pid <> pg_backend_pid() AND datname = current_database()";
    server::read(database, sql, &[]).await.unwrap()
}

#[tokio::test]
async fn a_statement_that_takes_too_long_has_timed_out_and_is_cancelled() {
    let target = target("");
    let watching = open(&Target { engine: Engine::Postgresql, ..target.clone() });
    let redshift = open(&target);
    let mut slow = query(Mode::ReadOnly, SLOW, &[]);
    slow.timeout = Duration::from_millis(300);
    let answer: Value =
        serde_json::from_str(&text(redshift.run(slow).await.unwrap()).await.unwrap()).unwrap();
    assert_eq!(answer["status"], "TIMED_OUT");
    assert_eq!(answer["records"], json!([]));
    assert!(answer["error"].as_str().unwrap().contains("300 ms"));
    until("the statement is cancelled", async || running(&*watching).await == "[{\"n\":0}]").await;
}

#[tokio::test]
async fn whoever_leaves_ends_the_statement_at_the_server() {
    let target = target("");
    let watching = open(&Target { engine: Engine::Postgresql, ..target.clone() });
    let redshift: Arc<dyn Database> = open(&target);
    let rows = redshift.run(query(Mode::ReadOnly, SLOW, &[])).await.unwrap();
    until("the statement runs", async || running(&*watching).await == "[{\"n\":1}]").await;
    drop(rows);
    until("the statement is cancelled", async || running(&*watching).await == "[{\"n\":0}]").await;
    until("the session is closed", async || redshift.usage().open == 0).await;
}

#[tokio::test]
async fn a_refusal_of_the_database_is_an_answer_and_keeps_the_session() {
    let redshift = open(&target(""));
    let answer = ask(&*redshift, "SELECT nothing AS n FROM nowhere", &[]).await;
    assert_eq!(answer["status"], "FAILED");
    assert_eq!(answer["error"], "relation \"nowhere\" does not exist");
    let answer = ask(&*redshift, "SELECT 1 / (n - 5) AS n FROM generate_series(1, 9) AS s (n)", &[]).await;
    assert_eq!(answer["status"], "FAILED");
    assert_eq!(ask(&*redshift, "SELECT 1 AS one", &[]).await["status"], "FINISHED");
    assert_eq!(redshift.usage().open, 1);
}

#[tokio::test]
async fn d19_a_refusal_names_no_database_and_no_value() {
    let target = target("CREATE TABLE cards (number text); INSERT INTO cards VALUES ('4111 1111')");
    let redshift = open(&target);
    let missing = format!("SELECT a FROM \"{}\"", target.database);
    for (sql, parameter, expected) in [
        (missing.as_str(), None, "relation \"…\" does not exist"),
        ("SELECT :a::int AS a", Some("a value of mine"), "invalid input syntax for type integer: …"),
        ("SELECT number::int AS a FROM cards", None, "invalid input syntax for type integer: …"),
        ("SELECT a\nFROM \"a\nb\"", None, "relation \"a"),
    ] {
        let parameters: Vec<_> = parameter.into_iter().map(|value| ("a", json!(value))).collect();
        let answer = ask(&*redshift, sql, &parameters).await;
        assert_eq!((answer["status"].as_str(), answer["error"].as_str()), (Some("FAILED"), Some(expected)));
    }
}

#[tokio::test]
async fn nothing_stays_in_a_session() {
    let target = target("CREATE TABLE items (id int)");
    let writer = open(&Target { limits: Limits { most_sessions: 1, ..Limits::default() }, ..target.clone() });
    let state = "SELECT current_setting('application_name') AS a, current_setting('statement_timeout') AS b, \
        current_setting('transaction_read_only') AS c";
    let first = ask(&*writer, state, &[]).await;
    let insert = query(Mode::ReadWrite, "INSERT INTO items VALUES (:a::int)", &[("a", json!(1))]);
    text(writer.run(insert).await.unwrap()).await.unwrap();
    assert_eq!(ask(&*writer, state, &[]).await, first);
    assert_eq!(ask(&*writer, "SELECT count(*) AS n FROM items", &[]).await["records"], json!([{ "n": "1" }]));
    assert_eq!(writer.usage(), databases::Usage { open: 1, idle: 1 });
    let reader = open(&Target { read_only: true, ..target });
    let answer = ask(&*reader, state, &[]).await;
    assert_eq!(answer["records"][0]["c"], "on");
    assert_eq!(reader.test().await, Ok(()));
}

/// Of a procedure, a temporary table in front of a table and a lock; of functions, locks.
#[tokio::test]
async fn d09_what_a_reset_leaves_ends_with_its_session() {
    let target = target(
        "CREATE TABLE customers (id int); INSERT INTO customers VALUES (1); \
        CREATE PROCEDURE leave() LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE customers AS SELECT 666 AS id; \
        PERFORM pg_advisory_lock(5); END $$; \
        CREATE FUNCTION lock() RETURNS int LANGUAGE sql AS 'SELECT pg_advisory_lock(6); SELECT 1'",
    );
    let limits = Limits { most_sessions: 1, ..Limits::default() };
    let writer = open(&Target { limits, ..target.clone() });
    let reader = open(&Target { limits, read_only: true, ..target });
    let plain = "SELECT id FROM customers";
    let locks = "SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND database = \
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    for (by, mode, sql) in [
        (&writer, Mode::ReadWrite, "CALL leave()"),
        (&writer, Mode::ReadWrite, "CREATE TABLE another (id int)"),
        (&writer, Mode::ReadWrite, "SELECT lock() AS n"),
        (&writer, Mode::ReadWrite, "INSERT INTO customers SELECT lock() WHERE false"),
        (&reader, Mode::ReadOnly, "SELECT lock() AS n"),
    ] {
        text(by.run(query(mode, sql, &[])).await.unwrap()).await.unwrap();
        assert_eq!(by.usage(), databases::Usage { open: 0, idle: 0 }, "{sql}");
        assert_eq!(ask(&**by, plain, &[]).await["records"], json!([{ "id": "1" }]), "{sql}");
        assert_eq!(ask(&**by, locks, &[]).await["records"], json!([{ "n": "0" }]), "{sql}");
        assert_eq!(by.usage(), databases::Usage { open: 1, idle: 1 }, "{sql}");
    }
}
