//! What is recorded of queries, and what is not: parameters, constants, texts.

use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};

use super::world::{CustomerDatabase, World};

const TABLE: &str =
    "CREATE TABLE fruit (id int, name text); INSERT INTO fruit VALUES (1, 'apple'), (2, 'pear');";

fn outcomes(records: &[Value]) -> Vec<String> {
    let mut outcomes: Vec<String> =
        records.iter().map(|record| record["outcome"].as_str().unwrap().to_owned()).collect();
    outcomes.sort();
    outcomes.dedup();
    outcomes
}

on_both_stores! {
    async fn every_query_is_recorded_whatever_comes_of_it(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        let limits = json!({ "mostRows": 100, "mostBytes": 4096, "mostMilliseconds": 60_000, "mostSessions": 3 });
        let fruit = world.postgresql("Fruit", &customer, json!({ "readOnly": true, "limits": limits })).await;
        let nowhere = json!({ "port": 1 });
        world.postgresql("Nowhere", &customer, nowhere).await;
        let moved = world.postgresql("Moved", &customer, json!({})).await;
        let point_elsewhere = "UPDATE database_connections SET read_only = NOT read_only WHERE name = 'Moved'";
        database.connection().execute_unprepared(point_elsewhere).await.unwrap();
        let status = async |name: &str, sql: &str, params: Value| {
            let answer = world.query(name, sql, params).await;
            (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
        };
        let named = |code: &str, status: u16| (status, code.to_owned());
        assert_eq!(status("Fruit", "SELECT name FROM fruit WHERE id = $1", json!([1])).await.0, 200);
        assert_eq!(status("Fruit", "SELECT name FROM fruit WHERE id = $1", json!([2])).await.0, 200);
        assert_eq!(status("Fruit", "DELETE FROM fruit", json!([])).await, named("read_only", 403));
        assert_eq!(status("Fruit", "SELECT $1::int", json!([])).await, named("invalid_parameters", 422));
        assert_eq!(status("Fruit", "SELECT 1/0", json!([])).await, named("database_refused", 422));
        assert_eq!(status("Fruit", "SELECT * FROM no_such_table", json!([])).await, named("database_refused", 422));
        assert_eq!(status("Fruit", "SELECT generate_series(1, 1000)", json!([])).await, named("too_many_rows", 413));
        assert_eq!(status("Fruit", "SELECT repeat('x', 10000)", json!([])).await, named("answer_too_large", 413));
        assert_eq!(status("Nowhere", "SELECT 1", json!([])).await, named("database_unreachable", 502));
        // Blocked before anything is attempted: recorded as well. What names no connection of the app's is not.
        assert_eq!(status("Moved", "SELECT 1", json!([])).await, named("connection_tampered", 502));
        assert_eq!(status("Nobody's", "SELECT 1", json!([])).await, named("unknown_database", 404));
        let slow = json!({ "name": "Fruit", "sql": "SELECT pg_sleep(30)", "params": [], "timeout": 200 });
        let late = world.ask("hello", "/api/external-databases/query", slow.to_string()).await;
        assert_eq!((late.status, late.json()["code"].clone()), (504, json!("statement_timeout")));
        customer.until_running("pg_sleep", 0).await;
        let left = world.begin("Fruit", "SELECT pg_sleep(31)", 60_000).await;
        customer.until_running("pg_sleep(31)", 1).await;
        drop(left);
        customer.until_running("pg_sleep(31)", 0).await;

        let wanted = ["abandoned", "answered", "capped", "failed", "parameters", "refused", "timed_out", "unreachable"];
        let records = world.records_until("", |records| outcomes(records) == wanted).await;
        let of_kind = |outcome: &str| records.iter().filter(|record| record["outcome"] == outcome).cloned().collect::<Vec<_>>();
        // They differ in a parameter only; they may have begun in two seconds.
        let answered = of_kind("answered");
        assert_eq!(answered.iter().map(|record| record["count"].as_u64().unwrap()).sum::<u64>(), 2);
        assert_eq!(answered.iter().map(|record| record["rows"].as_u64().unwrap()).sum::<u64>(), 2);
        assert!(answered.iter().all(|record| record["fingerprint"] == answered[0]["fingerprint"]));
        assert_eq!((&answered[0]["kind"], &answered[0]["connectionId"]), (&json!("select"), &json!(fruit)));
        assert_eq!(of_kind("refused")[0]["fingerprint"], "", "it was not let through");
        assert_eq!(of_kind("failed").len(), 2);
        let unreachable = of_kind("unreachable");
        assert!(unreachable.iter().any(|record| record["connectionId"] == json!(moved)), "{unreachable:?}");
        assert_eq!(unreachable.len(), 2, "{unreachable:?}");
        // Narrowed, and in pieces.
        let some = world.records_until("?outcome=capped&limit=1", |records| records.len() == 1).await;
        assert_eq!(some[0]["outcome"], "capped");
        let other = format!("?app={}", world.app_id("reports"));
        assert!(world.records_until(&other, |_| true).await.is_empty());
        let admin = world.platform.signed_in("admin").await;
        let refused = admin.call("GET", &format!("{}/query-records?outcome=odd", world.organization()), None).await;
        assert_eq!(refused.status, 422);
        assert_eq!(world.editor.call("GET", &format!("{}/query-records", world.organization()), None).await.status, 403);
    }

    async fn k08_no_constant_and_no_parameter_is_in_a_record_or_in_an_error(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        world.postgresql("Fruit", &customer, json!({})).await;
        const PLANTED: [&str; 3] = ["planted-constant", "planted-parameter", "planted-number-4711"];
        let sql = format!("SELECT name FROM fruit WHERE name = '{}' AND name = $1", PLANTED[0]);
        assert_eq!(world.query("Fruit", &sql, json!([PLANTED[1]])).await.status, 200);
        let wrong = world.query("Fruit", "SELECT $1::int", json!([PLANTED[2]])).await;
        assert_eq!(wrong.status, 422);
        let unknown = world.query("Fruit", "SELECT $1::int, $2::text", json!([PLANTED[1]])).await;
        assert!(!unknown.text().contains("planted"), "{}", unknown.text());
        world.records_until("", |records| records.len() >= 3).await;
        for table in ["query_records", "audit_events"] {
            let rows = rows(&database, table).await;
            assert!(!rows.contains("planted"), "{table}: {rows}");
        }
    }
}

async fn rows(database: &TestDatabase, table: &str) -> String {
    use sea_orm::Statement;
    let connection = database.connection();
    let column = if table == "audit_events" { "detail" } else { "kind || fingerprint || outcome" };
    let sql = format!("SELECT {column} AS text FROM {table}");
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let rows = connection.query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get::<String>("", "text").unwrap()).collect::<Vec<_>>().join("\n")
}
