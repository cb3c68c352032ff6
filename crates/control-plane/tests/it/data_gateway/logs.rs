//! What is not in the log, at any level: statements, parameters, rows, passwords.

use serde_json::{Value, json};
use test_support::{MariaServer, TestDatabase, on_both_stores};

use super::world::{CustomerDatabase, external, mariadb};
use crate::installation::{Installation, ORIGIN};

/// In constants, in parameters, in rows, and in names of columns.
const PLANTED: [&str; 4] =
    ["planted-constant-1b3f", "planted-parameter-77c2", "planted-row-90aa", "planted_column_5e5e"];

on_both_stores! {
    async fn k08_no_statement_parameter_row_or_password_is_logged_at_any_level(database: TestDatabase) {
        let networks = "[database_connections]\nallowed_networks = [\"127.0.0.0/8\"]\n";
        let installation = Installation::start_with(&database, networks).await;
        let olga = installation.set_up().await;
        let organization = installation.organization(&olga).await;
        let apps = olga.call("GET", &format!("{organization}/apps"), None).await.json();
        let apps = apps["apps"].as_array().unwrap();
        let app = apps.iter().find(|app| app["slug"] == "hello").unwrap()["id"].as_str().unwrap().to_owned();
        let secrets = format!("/api/v1/apps/{app}/server-secrets");
        let issued = olga.call("POST", &secrets, Some(&json!({ "environment": "production" }))).await;
        let secret = issued.json()["value"].as_str().unwrap().to_owned();
        let table = format!("CREATE TABLE t (n int, {} text); INSERT INTO t VALUES (1, '{}');", PLANTED[3], PLANTED[2]);
        let customer = CustomerDatabase::new(&table).await;
        let mysql = MariaServer::shared().database(&table);
        let bodies =
            [external("Pg", "postgresql", &customer, json!({})), external("Rs", "redshift", &customer, json!({})), mariadb("My", &mysql)];
        for body in &bodies {
            let made = olga.call("POST", &format!("{organization}/database-connections"), Some(body)).await;
            assert_eq!(made.status, 201, "{}", made.text());
        }
        let wrong = external("Wrong", "postgresql", &customer, json!({ "password": "planted-password-2d2d" }));
        assert_eq!(olga.call("POST", &format!("{organization}/database-connections"), Some(&wrong)).await.status, 201);
        let ask = async |name: &str, sql: &str, params: Value| {
            let client = installation.browser().client;
            let request = client.request("POST", &format!("{ORIGIN}/api/external-databases/query"));
            let body = json!({ "name": name, "sql": sql, "params": params });
            request.header("VYBE_SERVER_SECRET", &secret).json(&body).send().await
        };
        let [constant, parameter, row, column] = PLANTED;
        for (name, placeholder, params) in [
            ("Pg", "$1", json!([parameter])),
            ("My", "?", json!([parameter])),
            ("Rs", ":p", json!({ "p": parameter })),
        ] {
            let good = format!("SELECT {column} FROM t WHERE {column} <> {placeholder} AND {column} <> '{constant}'");
            let answer = ask(name, &good, params.clone()).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.text());
            assert!(answer.text().contains(row), "{name}: {}", answer.text());
            let failing = format!("SELECT {column} FROM nowhere WHERE {column} = {placeholder} AND 'x' = '{constant}'");
            ask(name, &failing, params.clone()).await;
            let refused = format!("SELECT '{constant}'; SELECT {placeholder}");
            assert_eq!(ask(name, &refused, params.clone()).await.status, 422, "{name}");
            // A value that does not fit, which databases like to repeat.
            let odd = format!("SELECT n FROM t WHERE n = CAST('{constant}' AS decimal) AND {column} = {placeholder}");
            ask(name, &odd, params).await;
        }
        let refused = ask("Wrong", "SELECT 1", json!([])).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (502, json!("database_login")));
        let log = installation.log();
        assert!(log.contains("TRACE") && log.contains("/api/external-databases/query"), "the log is complete");
        let passwords = bodies.iter().map(|body| body["password"].as_str().unwrap()).chain(["planted-password-2d2d"]);
        for planted in PLANTED.into_iter().chain(passwords) {
            if let Some(at) = log.find(planted) {
                let around = &log.as_bytes()[at.saturating_sub(600)..(at + 100).min(log.len())];
                panic!("{planted} is in the log: {}", String::from_utf8_lossy(around));
            }
        }
    }
}
