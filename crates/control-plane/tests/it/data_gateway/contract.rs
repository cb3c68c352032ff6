//! The wire contract with existing apps: requests as they send them, and answers as they read them, byte for byte.
//!
//! `contract/<name>.request.json` is sent as it is; what comes back has to be `contract/<name>.answer.json`. Whoever
//! changes the contract on purpose sets `VYBE_WRITE_CONTRACT` and looks at the difference.

use std::path::PathBuf;

use serde_json::{Value, json};
use test_support::{MariaServer, Response, TestDatabase};

use super::world::{CustomerDatabase, World, external, mariadb};

const WRITE: &str = "VYBE_WRITE_CONTRACT";

/// Of longer answers the records between the first and the last are only counted.
const LONGEST_FILE: usize = 16_384;

const POSTGRESQL: &str = include_str!("contract/postgresql.sql");
const MYSQL: &str = include_str!("contract/mysql.sql");

const INTERNAL: &str = "/api/database/query";
const EXTERNAL: &str = "/api/external-databases/query";
const ORGANIZATION: &str = "/api/organization-databases/query";
const SAVED: &str = "/api/data-queries/run";

/// Name, path, status.
const EXCHANGES: &[(&str, &str, u16)] = &[
    ("internal-rows", INTERNAL, 200),
    ("internal-no-rows", INTERNAL, 200),
    ("organization-rows", ORGANIZATION, 200),
    ("postgresql-rows", EXTERNAL, 200),
    ("postgresql-parameters", EXTERNAL, 200),
    ("postgresql-array-parameter", EXTERNAL, 200),
    ("postgresql-types", EXTERNAL, 200),
    ("postgresql-returning", EXTERNAL, 200),
    ("postgresql-update", EXTERNAL, 200),
    ("postgresql-refused", EXTERNAL, 422),
    ("postgresql-read-only", EXTERNAL, 403),
    ("postgresql-too-many-rows", EXTERNAL, 413),
    ("postgresql-unreachable", EXTERNAL, 502),
    ("postgresql-several-statements", EXTERNAL, 422),
    ("postgresql-timeout-range", EXTERNAL, 422),
    ("mysql-rows", EXTERNAL, 200),
    ("mysql-types", EXTERNAL, 200),
    ("mysql-insert", EXTERNAL, 200),
    ("mysql-update", EXTERNAL, 200),
    ("mysql-refused", EXTERNAL, 422),
    ("redshift-rows", EXTERNAL, 200),
    ("redshift-types", EXTERNAL, 200),
    ("redshift-many-rows", EXTERNAL, 200),
    ("redshift-timed-out", EXTERNAL, 200),
    ("redshift-failed", EXTERNAL, 200),
    ("unknown-database", EXTERNAL, 404),
    ("saved-postgresql", SAVED, 200),
    ("saved-mysql", SAVED, 200),
    ("saved-redshift", SAVED, 200),
    ("saved-unknown", SAVED, 404),
];

/// Limits of a connection with one session and short answers.
fn small() -> Value {
    json!({ "mostRows": 100, "mostBytes": 4096, "mostMilliseconds": 120_000, "mostSessions": 1 })
}

#[test]
fn existing_apps_get_the_bytes_that_they_know() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(POSTGRESQL).await;
        let mysql = MariaServer::shared().database(MYSQL);
        let app = json!({ "kind": "internal", "appId": world.app_id("hello") });
        world.connect(&external("Internal", "postgresql", &customer, app)).await;
        let of_organization = json!({ "kind": "organization" });
        let organization =
            world.connect(&external("Warehouse", "postgresql", &customer, of_organization)).await;
        let postgresql = world.postgresql("Shop", &customer, json!({})).await;
        let mysql = world.connect(&mariadb("Web shop", &mysql)).await;
        world.postgresql("Archive", &customer, json!({ "readOnly": true, "limits": small() })).await;
        world.postgresql("Gone", &customer, json!({ "port": 1 })).await;
        let redshift = world.connect(&external("Lake", "redshift", &customer, json!({}))).await;
        for (name, connection, sql) in [
            (
                "Customers by name",
                postgresql,
                "SELECT id, name FROM customers WHERE name LIKE :name ORDER BY id",
            ),
            ("Products", mysql, "SELECT sku FROM products WHERE sku LIKE :name ORDER BY sku"),
            ("Events", redshift, "SELECT id, name FROM customers WHERE name LIKE :name ORDER BY id"),
        ] {
            let parameters = json!([{ "name": "name", "type": "text", "required": true }]);
            let body =
                json!({ "name": name, "connectionId": connection, "sql": sql, "parameters": parameters });
            let made = world.editor.call("POST", &world.data_queries("hello"), Some(&body)).await;
            assert_eq!(made.status, 201, "{name}: {}", made.text());
        }
        let mut differences = Vec::new();
        for (name, path, status) in EXCHANGES {
            let request = std::fs::read(file(&format!("{name}.request.json"))).unwrap();
            let answer = world.ask("hello", path, request).await;
            let media_type = if *status == 200 { "application/json" } else { "application/problem+json" };
            assert_eq!(
                (answer.status, answer.header("content-type")),
                (*status, Some(media_type)),
                "{name}: {}",
                answer.text()
            );
            differences.extend(difference(name, &answer));
        }
        // By its identifier, which differs from run to run.
        let by_id = json!({ "databaseId": organization, "sql": "SELECT 1 AS one", "params": [] });
        assert_eq!(world.ask("hello", ORGANIZATION, by_id.to_string()).await.text(), r#"[{"one":1}]"#);
        // The secret under a name that passes through gateways which drop underscores.
        let rows = std::fs::read(file("postgresql-rows.request.json")).unwrap();
        let answer =
            as_app(&world, Some(("VYBE-SERVER-SECRET", world.platform.server_secret("hello"))), rows.clone())
                .await;
        assert_eq!(answer.status, 200);
        differences.extend(difference("postgresql-rows", &answer));
        let answer = as_app(&world, None, rows).await;
        assert_eq!(answer.status, 401);
        differences.extend(difference("no-secret", &answer));
        // The only session is taken.
        let taken = world.begin("Archive", "SELECT pg_sleep(60)", 120_000).await;
        customer.until_running("pg_sleep(60)", 1).await;
        let busy = std::fs::read(file("postgresql-busy.request.json")).unwrap();
        let answer = world.ask("hello", EXTERNAL, busy).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("2")));
        differences.extend(difference("postgresql-busy", &answer));
        drop(taken);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
        assert!(
            std::env::var_os(WRITE).is_none(),
            "answers were written, not compared: look at the difference"
        );
    });
}

/// Asks with this header in the place of the usual secret.
async fn as_app(world: &World, secret: Option<(&str, &str)>, body: Vec<u8>) -> Response {
    let client = world.platform.browser().client;
    let mut request = client.request("POST", &world.platform.url(EXTERNAL)).body("application/json", body);
    if let Some((name, value)) = secret {
        request = request.header(name, value);
    }
    request.send().await
}

/// What is not as it is written down.
fn difference(name: &str, answer: &Response) -> Option<String> {
    let mut got = answer.text();
    if answer.status != 200 {
        let problem = answer.json();
        for (member, prefix) in [("requestId", "req"), ("decisionId", "dec")] {
            if let Some(number) = problem[member].as_str() {
                got = got.replace(number, &format!("{prefix}_00000000000000000000000000000000"));
            }
        }
    }
    if got.len() > LONGEST_FILE
        && let (Some(first), Some(last)) = (got.find("},{"), got.rfind("},{"))
    {
        let between = got[first..=last].matches("},{").count();
        got.replace_range(first + 1..last + 1, &format!(",… {between} more …"));
    }
    let path = file(&format!("{name}.answer.json"));
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, &got).unwrap();
        return None;
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    (wanted != got).then(|| format!("{name}:\n  wanted {wanted}\n  got    {got}"))
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/data_gateway/contract").join(name)
}

#[test]
fn bodies_are_read_strictly() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new("").await;
        world.postgresql("Shop", &customer, json!({})).await;
        for (path, body, status, code) in [
            (EXTERNAL, json!({ "name": "Shop", "sql": "SELECT 1" }), 200, ""),
            (EXTERNAL, json!({ "name": "Shop", "sql": "SELECT 1", "params": null }), 200, ""),
            (EXTERNAL, json!({ "name": "shop", "sql": "SELECT 1;", "params": [] }), 200, ""),
            (EXTERNAL, json!({ "name": "Shop", "sql": "SELECT 1", "params": {} }), 200, ""),
            (EXTERNAL, json!({ "name": "Shop", "sql": "SELECT 1", "timeout": 720_000 }), 200, ""),
            (
                EXTERNAL,
                json!({ "name": "Shop", "sql": "SELECT 1", "timeout": 720_001 }),
                422,
                "invalid_timeout",
            ),
            (EXTERNAL, json!({ "name": "Shop", "sql": "SELECT 1", "timeout": 0 }), 422, "invalid_timeout"),
            (EXTERNAL, json!({ "name": "Shop", "sql": "SELECT 1", "timeout": -1 }), 422, "invalid_body"),
            (EXTERNAL, json!({ "name": "Shop", "sql": "SELECT 1", "database": "x" }), 422, "invalid_body"),
            (EXTERNAL, json!({ "sql": "SELECT 1" }), 422, "invalid_body"),
            (
                EXTERNAL,
                json!({ "name": "Shop", "sql": "SELECT $1::int", "params": { "one": 1 } }),
                422,
                "invalid_parameters",
            ),
            (
                EXTERNAL,
                json!({ "name": "Shop", "sql": "SELECT 1", "params": [1] }),
                422,
                "invalid_parameters",
            ),
            (EXTERNAL, json!({ "name": "Shop", "sql": "", "params": [] }), 422, "statement_empty"),
            (ORGANIZATION, json!({ "sql": "SELECT 1" }), 422, "invalid_body"),
            (
                ORGANIZATION,
                json!({ "databaseName": "a", "databaseId": "b", "sql": "SELECT 1" }),
                422,
                "invalid_body",
            ),
            (ORGANIZATION, json!({ "databaseId": "b", "sql": "SELECT 1" }), 404, "unknown_database"),
            (INTERNAL, json!({ "sql": "SELECT 1", "name": "Shop" }), 422, "invalid_body"),
        ] {
            let answer = world.ask("hello", path, body.to_string()).await;
            assert_eq!(answer.status, status, "{body}: {}", answer.text());
            if status != 200 {
                assert_eq!(answer.json()["code"], code, "{body}");
            }
        }
        let large = json!({ "name": "Shop", "sql": "SELECT $1::text", "params": ["x".repeat(1 << 20)] });
        assert_eq!(world.ask("hello", EXTERNAL, large.to_string()).await.status, 413);
        let fits = json!({ "name": "Shop", "sql": "SELECT length($1::text) AS length", "params": ["x".repeat(1_000_000)] });
        assert_eq!(world.ask("hello", EXTERNAL, fits.to_string()).await.text(), r#"[{"length":1000000}]"#);
    });
}
