//! Who may run what: servers of apps with their secret, pages of apps with a person's session.

use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};

use super::world::{CustomerDatabase, World};

const RAW: [&str; 3] =
    ["/api/database/query", "/api/external-databases/query", "/api/organization-databases/query"];

const TABLE: &str =
    "CREATE TABLE fruit (id int, name text); INSERT INTO fruit VALUES (1, 'apple'), (2, 'pear');";

fn raw_body(path: &str) -> Value {
    match path {
        "/api/database/query" => json!({ "sql": "SELECT 1 AS one", "params": [] }),
        "/api/external-databases/query" => json!({ "name": "Fruit", "sql": "SELECT 1 AS one", "params": [] }),
        _ => json!({ "databaseName": "Fruit", "sql": "SELECT 1 AS one", "params": [] }),
    }
}

on_both_stores! {
    async fn d52_a_session_reaches_no_endpoint_that_takes_sql(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        world.postgresql("Fruit", &customer, json!({})).await;
        let owner = world.platform.signed_in("owner").await;
        for path in RAW {
            let body = raw_body(path);
            // From the platform's pages, from a page of the app, and from nowhere.
            assert_eq!(owner.call("POST", path, Some(&body)).await.status, 401, "{path}");
            let answer = world.as_page(&owner, "hello", path, &body).await;
            assert_eq!(answer.status, 401, "{path}");
            assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
            let client = world.platform.browser().client;
            let nobody = client.request("POST", &world.platform.url(path)).json(&body).send().await;
            assert_eq!(nobody.status, 401, "{path}");
        }
        assert!(customer.sessions().await.is_empty());
        assert_eq!(world.query("Fruit", "SELECT 1 AS one", json!([])).await.text(), r#"[{"one":1}]"#);
    }

    async fn a_user_token_counts_with_the_secret_and_only_while_its_person_may(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        world.postgresql("Fruit", &customer, json!({})).await;
        let member = world.platform.signed_in("member").await;
        let token = world.user_token(&member, "hello").await;
        let body = json!({ "name": "Fruit", "sql": "SELECT name FROM fruit WHERE id = $1", "params": [2] });
        let url = world.platform.url("/api/external-databases/query");
        let client = world.platform.browser().client;
        let with = |secret: Option<&str>| {
            let mut request = client.request("POST", &url).header("x-vybe-user-token", &token);
            if let Some(secret) = secret {
                request = request.header("vybe-server-secret", secret);
            }
            request.json(&body).send()
        };
        let secret = world.platform.server_secret("hello");
        let answer = with(Some(secret)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"[{"name":"pear"}]"#));
        assert_eq!(with(None).await.status, 401);
        // The token is for another app.
        assert_eq!(with(Some(world.platform.server_secret("reports"))).await.status, 401);
        // The record names the person.
        let person = world.platform.demo.seeded.people["member"].id.to_string();
        let records = world.records_until(&format!("?user={person}"), |records| !records.is_empty()).await;
        assert_eq!((&records[0]["userId"], &records[0]["via"]), (&json!(person), &json!("production")));

        let owner = world.platform.signed_in("owner").await;
        let removed = owner.call("DELETE", &format!("{}/members/{person}", world.organization()), None).await;
        assert!(removed.status < 300, "{}", removed.text());
        assert_eq!(with(Some(secret)).await.status, 401);
    }

    async fn the_database_of_another_app_is_one_that_nobody_has(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        let only_reports = json!({ "apps": [world.app_id("reports")] });
        let connection = world.postgresql("Fruit", &customer, only_reports).await;
        let ask = async |app: &str, name: &str| {
            let body = json!({ "name": name, "sql": "SELECT 1 AS one", "params": [] });
            world.ask(app, "/api/external-databases/query", body.to_string()).await
        };
        assert_eq!(ask("reports", "Fruit").await.status, 200);
        let without_number = |mut answer: Value| {
            answer.as_object_mut().unwrap().remove("requestId");
            answer
        };
        let (other, unknown) = (ask("hello", "Fruit").await, ask("hello", "Vegetables").await);
        assert_eq!((other.status, unknown.status), (404, 404));
        assert_eq!(without_number(other.json()), without_number(unknown.json()));
        // Neither as a saved query, nor by its identifier, nor as the app's own database.
        let saved = json!({ "name": "Fruit", "connectionId": connection, "sql": "SELECT 1" });
        let refused = world.editor.call("POST", &world.data_queries("hello"), Some(&saved)).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (422, json!("unknown_database")));
        let by_id = json!({ "databaseId": connection, "sql": "SELECT 1", "params": [] }).to_string();
        for app in ["hello", "reports"] {
            // It is no database of the organization, either.
            assert_eq!(world.ask(app, "/api/organization-databases/query", by_id.clone()).await.status, 404);
            let own = r#"{"sql":"SELECT 1","params":[]}"#;
            assert_eq!(world.ask(app, "/api/database/query", own).await.status, 404);
        }
    }

    async fn the_database_sees_app_and_person_and_no_parameter(database: TestDatabase) {
        let world = World::start(&database).await;
        let customer = CustomerDatabase::new(TABLE).await;
        world.postgresql("Fruit", &customer, json!({})).await;
        let member = world.platform.signed_in("member").await;
        let token = world.user_token(&member, "hello").await;
        let sql = "SELECT pg_sleep(30), $1::text AS parameter";
        let body = json!({ "name": "Fruit", "sql": sql, "params": ["a secret value"] });
        let asking = {
            let (client, url) = (world.platform.browser().client, world.platform.url("/api/external-databases/query"));
            let (secret, token) = (world.platform.server_secret("hello").to_owned(), token.clone());
            tokio::spawn(async move {
                let request = client.request("POST", &url).header("VYBE_SERVER_SECRET", &secret);
                request.header("x-vybe-user-token", &token).json(&body).send().await
            })
        };
        customer.until_running("pg_sleep", 1).await;
        let (name, _, sql) = customer.sessions().await.into_iter().find(|session| session.1 == "active").unwrap();
        let end = |id: &str| id[id.len() - 24..].to_owned();
        let person = world.platform.demo.seeded.people["member"].id.to_string();
        assert_eq!(name, format!("vybe app={} user={}", end(&world.app_id("hello")), end(&person)));
        assert!(name.len() <= 63 && !sql.contains("a secret value"), "{name}: {sql}");
        asking.abort();
        customer.until_running("pg_sleep", 0).await;
    }
}
