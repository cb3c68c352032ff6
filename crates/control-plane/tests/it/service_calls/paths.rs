//! Where a credential goes.

use serde_json::json;
use test_support::{ServedAnswer, TestDatabase};

use super::world::{KEY, World};

#[test]
fn i08_no_path_takes_the_credential_elsewhere() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        let api = world.custom_api("CRM", json!({})).await;
        for path in [
            "//evil.test/x",
            "@evil.test/x",
            "https://evil.test/x",
            "http://evil.test/x",
            ":443@evil.test/x",
            ".evil.test/x",
            "/../x",
            "/a/../../x",
            "/..",
            "/%2e%2e/x",
            "/.%2E/x",
            "/..%2fx",
            "/%2f%2fevil.test",
            "/..%5cx",
            "/\\evil.test",
            "\\\\evil.test",
            "/%5c%5cevil.test",
            "/a//b",
            "/./x",
            "/a#fragment",
            "/a%00",
            "/a\r\nHost: evil.test",
            "/%252e%252e/x",
        ] {
            let answer = world.execute("hello", None, &account, "request", json!({ "path": path })).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("path_refused")), "{path:?}");
            let body = json!({ "path": path }).to_string();
            let answer = world.ask("hello", &format!("/api/custom-apis/{api}/execute"), body).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("path_refused")), "{path:?}");
        }
        assert!(world.service.take_arrived().is_empty());
        // The input of an action stays in its segment.
        for id in ["..", ".", "a/b", "a\\b", ""] {
            let answer = world.execute("hello", None, &account, "read-note", json!({ "id": id })).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("invalid_input")), "{id:?}");
        }
        assert!(world.service.take_arrived().is_empty());
        for (id, target) in [("@evil.test", "/v1/notes/%40evil.test"), ("a?b#c", "/v1/notes/a%3Fb%23c")] {
            let answer = world.execute("hello", None, &account, "read-note", json!({ "id": id })).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let arrived = world.service.take_arrived();
            assert_eq!((arrived.len(), arrived[0].target.as_str()), (1, target));
            assert_eq!(arrived[0].header("host"), Some("api.notes.test"));
        }
    });
}

#[test]
fn i08_callers_set_no_credential_host_or_connection() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        let refused = [
            "Authorization",
            "Host",
            "Cookie",
            "Proxy-Authorization",
            "X-Forwarded-For",
            "x-vybe-user-id",
            "X-Notes-Key",
            "x_notes_key",
            "Forwarded",
            "bad name",
            "VYBE_SERVER_SECRET",
        ];
        for name in refused {
            let input = json!({ "path": "/notes", "headers": { name: "x" } });
            let answer = world.execute("hello", None, &account, "request", input).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("header_refused")), "{name}");
        }
        assert!(world.service.take_arrived().is_empty());
        // What ends at a connection is left out, and the platform's own words are not passed on.
        let input = json!({ "path": "/notes", "headers": { "Connection": "x-notes-key", "Keep-Alive": "1", "X-Own": "y" } });
        assert_eq!(world.execute("hello", None, &account, "request", input).await.status, 200);
        let arrived = world.service.take_arrived();
        assert_eq!(arrived[0].header("x-notes-key"), Some(KEY));
        assert_eq!(arrived[0].header("x-own"), Some("y"));
        for name in
            ["connection", "keep-alive", "vybe_server_secret", "x-vybe-user-token", "x-request-id", "origin"]
        {
            assert_eq!(arrived[0].header(name), None, "{name}");
        }
        for method in ["TRACE", "CONNECT", "get it", "OPTIONS"] {
            let input = json!({ "path": "/notes", "method": method });
            let answer = world.execute("hello", None, &account, "request", input).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("invalid_input")), "{method}");
        }
    });
}

#[test]
fn i09_redirects_are_not_followed() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        for (status, to) in
            [(302, "https://evil.test/take"), (307, "/v1/other"), (308, "http://api.notes.test/v1")]
        {
            world.service.answers(move |_| {
                ServedAnswer::bytes(status, "text/plain", "elsewhere").with("location", to)
            });
            let answer = world.execute("hello", None, &account, "list-notes", json!({})).await;
            assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("service_redirected")));
            assert_eq!(answer.json()["service"], json!({ "status": status, "body": "elsewhere" }));
            assert_eq!(answer.header("location"), None);
            assert_eq!(world.service.take_arrived().len(), 1, "{to}");
        }
    });
}

#[test]
fn i08_private_addresses_are_not_connected_to() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        // The demo permits loopback, and nothing else that is not public.
        for host in ["169.254.169.254", "10.0.0.1", "192.168.1.1", "0.0.0.0", "100.64.0.1"] {
            let api = world.custom_api(host, json!({ "baseUrl": format!("https://{host}/") })).await;
            let answer = world.ask("hello", &format!("/api/custom-apis/{api}/execute"), "{}").await;
            assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("address_refused")), "{host}");
            assert!(!answer.text().contains(host), "{}", answer.text());
        }
        // Its own listener neither.
        let port = world.platform.demo.running.https.port();
        let own = format!("https://127.0.0.1:{port}/");
        let api = world.custom_api("Own", json!({ "baseUrl": own })).await;
        let answer = world.ask("hello", &format!("/api/custom-apis/{api}/execute"), "{}").await;
        assert_eq!((answer.status, &answer.json()["code"]), (502, &json!("address_refused")));
    });
}
