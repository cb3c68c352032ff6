//! Saved queries: made by who may edit the app, run by its servers, by its pages, and in the console.

use serde_json::{Value, json};
use test_support::{Response, TestDatabase, on_both_stores};

use super::world::{CustomerDatabase, World};
use crate::platform::Browser;

const TABLE: &str = "CREATE TABLE fruit (id int, name text, picked date, sizes int[]); \
    INSERT INTO fruit VALUES (1, 'apple', '2026-01-31', '{1,2}'), (2, 'pear', '2026-02-28', '{3}');";

const RUN: &str = "/api/data-queries/run";

async fn save(world: &World, app: &str, body: &Value) -> Response {
    world.editor.call("POST", &world.data_queries(app), Some(body)).await
}

async fn saved(world: &World, app: &str, body: &Value) -> String {
    let made = save(world, app, body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()["id"].as_str().unwrap().to_owned()
}

fn by_name(connection: &str, from_pages: bool) -> Value {
    json!({
        "name": "Fruit by name",
        "connectionId": connection,
        "sql": "SELECT id FROM fruit WHERE name = :name OR name = :name || :ending ORDER BY id",
        "parameters": [
            { "name": "name", "type": "text", "required": true },
            { "name": "ending", "type": "text", "default": "s" },
        ],
        "fromPages": from_pages,
    })
}

async fn world_with_fruit(database: &TestDatabase) -> (World, CustomerDatabase, String) {
    let world = World::start(database).await;
    let customer = CustomerDatabase::new(TABLE).await;
    let connection = world.postgresql("Fruit", &customer, json!({ "readOnly": true })).await;
    (world, customer, connection)
}

fn pear() -> Value {
    json!({ "dataQueryName": "Fruit by name", "params": { "name": "pear" } })
}

on_both_stores! {
    async fn a_saved_query_is_made_changed_and_deleted_and_the_trail_tells(database: TestDatabase) {
        let (world, _customer, connection) = world_with_fruit(&database).await;
        let path = world.data_queries("hello");
        let id = saved(&world, "hello", &by_name(&connection, false)).await;
        let one = format!("{path}/{id}");
        let found = world.editor.call("GET", &one, None).await.json();
        assert_eq!((&found["name"], &found["version"], &found["timeout"]), (&json!("Fruit by name"), &json!(1), &json!(10_000)));
        assert_eq!(found["parameters"][1], json!({ "name": "ending", "type": "text", "required": false, "default": "s" }));
        assert_eq!(world.editor.call("GET", &path, None).await.json()["dataQueries"].as_array().unwrap().len(), 1);
        // Its name is taken in this app, and free in another one.
        let taken = save(&world, "hello", &by_name(&connection, false)).await;
        assert_eq!((taken.status, taken.json()["code"].clone()), (409, json!("name_taken")));
        saved(&world, "reports", &by_name(&connection, false)).await;

        let mut changed = by_name(&connection, true);
        changed["expectedVersion"] = json!(7);
        let refused = world.editor.call("PUT", &one, Some(&changed)).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (409, json!("changed_meanwhile")));
        changed["expectedVersion"] = json!(1);
        let after = world.editor.call("PUT", &one, Some(&changed)).await;
        assert_eq!((after.status, after.json()["version"].clone(), after.json()["fromPages"].clone()), (200, json!(2), json!(true)));
        assert_eq!(world.editor.call("DELETE", &one, None).await.status, 204);
        assert_eq!(world.editor.call("GET", &one, None).await.status, 404);

        let admin = world.platform.signed_in("admin").await;
        let trail = format!("{}/audit-events?action=data_queries.manage", world.organization());
        let events = admin.call("GET", &trail, None).await;
        assert_eq!(events.status, 200, "{}", events.text());
        let text = events.text();
        assert_eq!(text.matches("\"fromPages\":true").count(), 2, "{text}");
        assert!(!text.contains("SELECT id"), "{text}");
        // Two were made, one was changed, one deleted: what was there before is told as what is there after.
        assert_eq!(text.matches("\"fingerprint\":\"").count(), 5, "{text}");
    }

    async fn only_who_may_edit_the_app_makes_and_tries_its_queries(database: TestDatabase) {
        let (world, _customer, connection) = world_with_fruit(&database).await;
        let path = world.data_queries("hello");
        let id = saved(&world, "hello", &by_name(&connection, false)).await;
        let try_out = async |browser: &Browser, app: &str, params: Value| {
            let path = format!("{}/{id}/run", world.data_queries(app));
            browser.call("POST", &path, Some(&json!({ "params": params }))).await
        };
        let answer = try_out(&world.editor, "hello", json!({ "name": "pear" })).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, r#"[{"id":2}]"#));
        for (who, status) in [("member", 403), ("outsider", 404)] {
            let browser = world.platform.signed_in(who).await;
            assert_eq!(browser.call("GET", &path, None).await.status, status, "{who}");
            assert_eq!(browser.call("POST", &path, Some(&by_name(&connection, false))).await.status, status, "{who}");
            assert_eq!(try_out(&browser, "hello", json!({ "name": "pear" })).await.status, status, "{who}");
        }
        // It is none of another app's.
        assert_eq!(try_out(&world.editor, "reports", json!({ "name": "pear" })).await.status, 404);
        let records = world.records_until("", |records| !records.is_empty()).await;
        assert_eq!((&records[0]["via"], &records[0]["dataQueryId"]), (&json!("console"), &json!(id)));
    }

    async fn servers_run_every_saved_query_and_pages_those_that_are_for_pages(database: TestDatabase) {
        let (world, _customer, connection) = world_with_fruit(&database).await;
        let id = saved(&world, "hello", &by_name(&connection, false)).await;
        let by_server = world.ask("hello", RUN, pear().to_string()).await;
        assert_eq!((by_server.status, by_server.text().as_str()), (200, r#"[{"id":2}]"#));
        // In the order in which they are declared.
        let by_number = json!({ "dataQueryName": "Fruit by name", "params": ["pea", "r"] });
        assert_eq!(world.ask("hello", RUN, by_number.to_string()).await.text(), r#"[{"id":2}]"#);
        assert_eq!(world.ask("reports", RUN, pear().to_string()).await.status, 404, "another app's secret");

        let member = world.platform.signed_in("member").await;
        let refused = world.as_page(&member, "hello", RUN, &pear()).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (404, json!("unknown_data_query")));
        let path = format!("{}/{id}", world.data_queries("hello"));
        assert_eq!(world.editor.call("PUT", &path, Some(&by_name(&connection, true))).await.status, 200);
        let by_page = world.as_page(&member, "hello", RUN, &pear()).await;
        assert_eq!((by_page.status, by_page.text().as_str()), (200, r#"[{"id":2}]"#));
        let origin = world.platform.app_url("hello", "");
        assert_eq!(by_page.header("access-control-allow-origin"), Some(origin.as_str()));
        assert_eq!(by_page.header("access-control-allow-credentials"), Some("true"));

        // A page of another app, a page of one that the person may not open, a person who may not open this one.
        assert_eq!(world.as_page(&member, "reports", RUN, &pear()).await.status, 404);
        let hidden = world.as_page(&member, "payroll", RUN, &pear()).await;
        assert_eq!((hidden.status, hidden.header("access-control-allow-origin")), (403, None));
        let outsider = world.platform.signed_in("outsider").await;
        assert_eq!(world.as_page(&outsider, "hello", RUN, &pear()).await.status, 403);
        // The platform's own pages are none of an app's; nor is what says nothing, or something else.
        assert_eq!(member.call("POST", RUN, Some(&pear())).await.status, 401);
        let url = world.platform.url(RUN);
        let bare = member.client.request("POST", &url).json(&pear()).send().await;
        assert_eq!(bare.status, 401);
        for elsewhere in ["https://evil.example", "null", "http://hello-acme.localhost"] {
            let answer = member.client.request("POST", &url).header("origin", elsewhere).json(&pear()).send().await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, None), "{elsewhere}");
        }
        // A session and a secret together are neither.
        let secret = world.platform.server_secret("hello");
        let both = member.client.request("POST", &url).header("origin", &origin).header("VYBE_SERVER_SECRET", secret);
        assert_eq!(both.json(&pear()).send().await.status, 401);
        let records = world.records_until("", |records| records.iter().any(|record| record["via"] == "page")).await;
        let person = json!(world.platform.demo.seeded.people["member"].id.to_string());
        assert!(records.iter().any(|record| record["via"] == "page" && record["userId"] == person));

        // Signed out, and no member any more.
        let thief = member.copy();
        member.sign_out().await;
        assert_eq!(world.as_page(&thief, "hello", RUN, &pear()).await.status, 401);
        let member = world.platform.signed_in("member").await;
        let owner = world.platform.signed_in("owner").await;
        let person = format!("{}/members/{}", world.organization(), person.as_str().unwrap());
        assert!(owner.call("DELETE", &person, None).await.status < 300);
        assert_eq!(world.as_page(&member, "hello", RUN, &pear()).await.status, 403);
    }

    async fn c11_a_page_asks_first_and_may_send_json(database: TestDatabase) {
        let (world, _customer, _) = world_with_fruit(&database).await;
        let client = world.platform.browser().client;
        let origin = world.platform.app_url("hello", "");
        let preflight = |path: &str, method: &str| {
            client
                .request("OPTIONS", &world.platform.url(path))
                .header("origin", &origin)
                .header("access-control-request-method", method)
                .header("access-control-request-headers", "content-type")
                .send()
        };
        let answer = preflight(RUN, "POST").await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin.as_str()));
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
        for path in ["/api/database/query", "/api/external-databases/query", "/api/organization-databases/query"] {
            let answer = preflight(path, "POST").await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None), "{path}");
        }
    }

    async fn what_could_not_be_run_is_not_saved(database: TestDatabase) {
        let (world, _customer, connection) = world_with_fruit(&database).await;
        let with = |sql: &str, parameters: Value| {
            json!({ "name": "A query", "connectionId": connection, "sql": sql, "parameters": parameters })
        };
        let text = json!([{ "name": "name", "type": "text" }]);
        for (body, code) in [
            (with("DELETE FROM fruit", json!([])), "read_only"),
            (with("SELECT 1; SELECT 2", json!([])), "several_statements"),
            (with("SELECT :name", json!([])), "invalid_data_query"),
            (with("SELECT 1", text.clone()), "invalid_data_query"),
            (with("SELECT :name", json!([{ "name": "name", "type": "varchar" }])), "invalid_body"),
            (with("SELECT :name", json!([{ "name": "name", "type": "json[]" }])), "invalid_body"),
            (with("SELECT :name", json!([{ "name": "name", "type": "integer", "default": "x" }])), "invalid_data_query"),
            (with("SELECT :name", json!([{ "name": "name", "type": "text", "required": true, "default": "x" }])), "invalid_data_query"),
            (with("SELECT :name", json!([{ "name": "name", "type": "text" }, { "name": "name", "type": "text" }])), "invalid_data_query"),
        ] {
            let refused = save(&world, "hello", &body).await;
            assert_eq!((refused.status, refused.json()["code"].clone()), (422, json!(code)), "{body}: {}", refused.text());
        }
        let mut unknown = with("SELECT :name", text);
        unknown["connectionId"] = json!("dbc_00000000000000000000000000000000");
        let refused = save(&world, "hello", &unknown).await;
        assert_eq!((refused.status, refused.json()["code"].clone()), (422, json!("unknown_database")), "{}", refused.text());
    }

    async fn parameters_are_what_they_were_declared_to_be(database: TestDatabase) {
        let (world, _customer, connection) = world_with_fruit(&database).await;
        let sql = "SELECT :text::text AS text, :integer::bigint AS integer, :number::numeric AS number, \
                   :boolean::boolean AS boolean, :date::date AS date, :timestamp::timestamptz AS timestamp, \
                   :json::jsonb AS json, :texts::text[] AS texts, :integers::bigint[] AS integers";
        let kinds = ["text", "integer", "number", "boolean", "date", "timestamp", "json"];
        let mut parameters: Vec<Value> = kinds.iter().map(|kind| json!({ "name": kind, "type": kind })).collect();
        parameters.push(json!({ "name": "texts", "type": "text[]" }));
        parameters.push(json!({ "name": "integers", "type": "integer[]" }));
        let body = json!({ "name": "All", "connectionId": connection, "sql": sql, "parameters": parameters });
        saved(&world, "hello", &body).await;
        let run = async |params: Value| {
            world.ask("hello", RUN, json!({ "dataQueryName": "All", "params": params }).to_string()).await
        };
        let given = json!({
            "text": "it's; --", "integer": "9007199254740993", "number": "3.25", "boolean": true, "date": "2026-01-31",
            "timestamp": "2026-01-31T12:00:00+01:00", "json": { "a": [1] }, "texts": ["a", "b,\"}"], "integers": [1, -2],
        });
        let answer = run(given).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let row = answer.json()[0].clone();
        assert_eq!(row["text"], json!("it's; --"));
        assert!(row["integer"].to_string().contains("9007199254740993"), "{row}");
        assert_eq!((&row["boolean"], &row["json"], &row["texts"]), (&json!(true), &json!({ "a": [1] }), &json!(["a", "b,\"}"])));
        assert_eq!(row["timestamp"], json!("2026-01-31T11:00:00.000Z"));
        // Nothing is required.
        let empty = run(json!({})).await;
        assert_eq!((empty.status, empty.json()[0]["text"].clone()), (200, Value::Null), "{}", empty.text());
        for (name, value) in [
            ("text", json!(1)), ("text", json!("a\u{0}b")), ("integer", json!(1.5)), ("integer", json!("1e3")), ("integer", json!("9223372036854775808")),
            ("number", json!("1,5")), ("number", json!("1; DROP")), ("boolean", json!("true")), ("date", json!("2026-02-30")),
            ("date", json!("31.01.2026")), ("timestamp", json!("yesterday")), ("texts", json!("only one")), ("texts", json!(["a", 1])),
            ("integers", json!([null])), ("other", json!(1)),
        ] {
            let refused = run(json!({ name: value })).await;
            let told = refused.json();
            assert_eq!((refused.status, &told["code"]), (422, &json!("invalid_parameters")), "{name}: {value}: {told}");
            if value.is_string() {
                assert!(!told["detail"].as_str().unwrap().contains(value.as_str().unwrap()), "{told}");
            }
        }
    }
}
