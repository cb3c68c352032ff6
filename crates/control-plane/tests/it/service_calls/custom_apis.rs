//! Custom APIs: what proves them goes where it was given for, and comes back nowhere.

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use test_support::{ServedAnswer, TestDatabase, on_both_stores};

use super::world::{KEY, World};

const CRM: &str = "https://crm.test/api";

on_both_stores! {
    async fn each_kind_of_credential_is_put_where_it_belongs(database: TestDatabase) {
        let world = World::start(&database).await;
        for (authentication, given, header, value) in [
            ("api_key", json!({ "value": "k-1" }), "x-api-key", "k-1"),
            ("bearer_token", json!({ "value": "t-1" }), "authorization", "Bearer t-1"),
            ("basic", json!({ "user": "ada", "password": "pä:ss" }), "authorization", "Basic YWRhOnDDpDpzcw=="),
        ] {
            let mut body = json!({ "name": authentication, "baseUrl": CRM, "authentication": authentication });
            body.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
            let path = format!("{}/custom-apis", world.organization());
            let made = world.editor.call("POST", &path, Some(&body)).await;
            assert_eq!(made.status, 201, "{}", made.text());
            let made = made.json();
            for (name, secret) in given.as_object().unwrap() {
                assert!(made.get(name).is_none(), "{made}");
                assert!(!made.to_string().contains(secret.as_str().unwrap()), "{made}");
            }
            let path = format!("/api/custom-apis/{}/execute", made["id"].as_str().unwrap());
            let answer = world.ask("hello", &path, json!({ "path": "/contacts" }).to_string()).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"ok":true}"#));
            let arrived = world.service.take_arrived();
            assert_eq!(arrived[0].header(header), Some(value), "{authentication}");
            assert_eq!(arrived[0].target, "/api/contacts");
        }
    }

    async fn credentials_stay_with_their_place(database: TestDatabase) {
        let world = World::start(&database).await;
        let id = world.custom_api("CRM", json!({})).await;
        let path = format!("{}/custom-apis/{id}", world.organization());
        let definition = |more: Value| {
            let mut body = json!({ "name": "CRM", "baseUrl": CRM, "authentication": "api_key" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        for more in [
            json!({ "baseUrl": "https://evil.test/api" }),
            json!({ "baseUrl": "https://crm.test/" }),
            json!({ "authentication": "bearer_token" }),
        ] {
            let answer = world.editor.call("PUT", &path, Some(&definition(more))).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("credentials_needed")));
        }
        let renamed = json!({ "name": "CRM 2", "fromPages": true, "expectedVersion": 1 });
        let answer = world.editor.call("PUT", &path, Some(&definition(renamed.clone()))).await;
        assert_eq!((answer.status, &answer.json()["version"]), (200, &json!(2)), "{}", answer.text());
        let answer = world.editor.call("PUT", &path, Some(&definition(renamed))).await;
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("changed_meanwhile")));
        let execute = format!("/api/custom-apis/{id}/execute");
        let answer = world.as_page(&world.editor, "hello", &execute, &json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.service.take_arrived()[0].header("x-api-key"), Some(KEY));
        let moved = json!({ "baseUrl": "https://evil.test/api", "value": "another" });
        let answer = world.editor.call("PUT", &path, Some(&definition(moved))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.ask("hello", &execute, "{}").await.status, 200);
        let arrived = world.service.take_arrived();
        assert_eq!((arrived[0].header("host"), arrived[0].header("x-api-key")), (Some("evil.test"), Some("another")));
        assert_eq!(world.editor.call("DELETE", &path, None).await.status, 204);
        assert_eq!(world.ask("hello", &execute, "{}").await.status, 404);
        assert_eq!(world.editor.call("GET", &path, None).await.status, 404);
    }

    async fn whoever_writes_to_the_tables_points_no_credential_elsewhere(database: TestDatabase) {
        let world = World::start(&database).await;
        let id = world.custom_api("CRM", json!({ "apps": [world.app_id("hello")] })).await;
        let execute = format!("/api/custom-apis/{id}/execute");
        let reports = world.app_id("reports");
        for (tamper, undo) in [
            ("base_url = 'https://evil.test/api'", "base_url = 'https://crm.test/api'"),
            ("authentication = 'bearer_token'", "authentication = 'api_key'"),
            ("headers = '{\"x\":\"y\"}'", "headers = '{}'"),
            ("every_app = TRUE", "every_app = FALSE"),
            ("from_pages = TRUE", "from_pages = FALSE"),
        ] {
            execute_sql(&database, &format!("UPDATE custom_apis SET {tamper} WHERE id = '{id}'")).await;
            let answer = world.ask("hello", &execute, "{}").await;
            assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("custom_api_tampered")), "{tamper}");
            execute_sql(&database, &format!("UPDATE custom_apis SET {undo} WHERE id = '{id}'")).await;
            assert_eq!(world.ask("hello", &execute, "{}").await.status, 200, "{undo}");
        }
        let grant = format!("INSERT INTO custom_api_apps (custom_api_id, app_id) VALUES ('{id}', '{reports}')");
        execute_sql(&database, &grant).await;
        let answer = world.ask("reports", &execute, "{}").await;
        assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("custom_api_tampered")));
        assert!(world.service.take_arrived().iter().all(|call| call.header("host") == Some("crm.test")));
        let owner = world.platform.signed_in("owner").await;
        let path = format!("{}/audit-events?action=custom_apis.tampering_detected", world.organization());
        let began = std::time::Instant::now();
        loop {
            let events = owner.call("GET", &path, None).await;
            if events.status == 200 && events.text().contains(&id) {
                break;
            }
            assert!(began.elapsed().as_secs() < 60, "no alarm: {} {}", events.status, events.text());
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    async fn definitions_that_cannot_be_held_are_refused(database: TestDatabase) {
        let world = World::start(&database).await;
        let path = format!("{}/custom-apis", world.organization());
        let create = async |more: Value| {
            let mut body = json!({ "name": "CRM", "baseUrl": CRM, "authentication": "api_key", "value": "k" });
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            world.editor.call("POST", &path, Some(&body)).await
        };
        for more in [
            json!({ "baseUrl": "http://crm.test/api" }),
            json!({ "baseUrl": "https://user:pass@crm.test/api" }),
            json!({ "baseUrl": "https://crm.test/api?x=1" }),
            json!({ "baseUrl": "https://crm.test/api#x" }),
            json!({ "baseUrl": "https://crm.test/a%2fb" }),
            json!({ "baseUrl": "https://crm.test//a" }),
            json!({ "baseUrl": "https://localhost/" }),
            json!({ "baseUrl": "https://*.test/" }),
            json!({ "baseUrl": "https://[::1]/" }),
            json!({ "baseUrl": "crm.test" }),
            json!({ "headers": { "Authorization": "x" } }),
            json!({ "headers": { "X-Api-Key": "x" } }),
            json!({ "headers": { "Host": "x" } }),
            json!({ "headers": { "x y": "x" } }),
            json!({ "headers": { "x": "a\nb" } }),
            json!({ "value": "a\r\nb" }),
            json!({ "value": "" }),
            json!({ "user": "ada" }),
            json!({ "authentication": "basic" }),
            json!({ "value": null, "authentication": "basic", "user": "a:b", "password": "x" }),
        ] {
            let answer = create(more.clone()).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("invalid_custom_api")), "{more}");
        }
        let answer = create(json!({ "value": null })).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("credentials_needed")));
        let nobodys = "app_00000000000000000000000000000000";
        let answer = create(json!({ "apps": [nobodys] })).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("unknown_app")));
        assert_eq!(create(json!({})).await.status, 201);
        let answer = create(json!({ "name": "crm" })).await;
        assert_eq!((answer.status, &answer.json()["code"]), (409, &json!("name_taken")));
    }
}

#[test]
fn what_a_custom_api_answers_is_no_page_of_the_platform() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let id = world.custom_api("CRM", json!({ "fromPages": true })).await;
        world.service.answers(|_| {
            ServedAnswer::bytes(200, "text/html", "<script>alert(1)</script>")
                .with("set-cookie", "a=b")
                .with("content-security-policy", "script-src *")
                .with("access-control-allow-origin", "*")
                .with("link", "<https://crm.test/api?page=2>; rel=\"next\"")
                .with("www-authenticate", "Basic realm=x")
                .with("x-anything", "1")
        });
        let path = format!("/api/custom-apis/{id}/execute");
        let answer = world.as_page(&world.editor, "hello", &path, &json!({})).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html")));
        assert_eq!(answer.header("content-disposition"), Some("attachment"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
        let origin = world.platform.app_url("hello", "");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin.as_str()));
        assert_eq!(answer.header("link"), Some("<https://crm.test/api?page=2>; rel=\"next\""));
        for name in ["set-cookie", "www-authenticate", "x-anything"] {
            assert_eq!(answer.header(name), None, "{name}");
        }
    });
}

async fn execute_sql(database: &TestDatabase, sql: &str) {
    let connection = database.connection();
    let statement = Statement::from_string(connection.get_database_backend(), sql.to_owned());
    connection.execute_raw(statement).await.unwrap();
}
