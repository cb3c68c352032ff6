//! What lasts: WebSockets, events, large bodies.

use std::time::{Duration, Instant};

use serde_json::json;
use test_support::{Frame, TestDatabase, on_both_stores};

use crate::platform::Platform;

on_both_stores! {
    async fn r01_a_web_socket_works_and_ends_with_its_session(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        assert_eq!(member.open(&platform.app_url("hello", "/")).await.status, 200);
        let mut socket = member.web_socket(&platform.app_url("hello", "/ws")).await.unwrap();
        socket.send_text("hello").await;
        assert_eq!(socket.next().await, Frame::Text("hello".to_owned()));

        let signed_out = Instant::now();
        member.sign_out().await;
        let end = socket.next().await;
        assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{end:?}");
        assert!(signed_out.elapsed() < Duration::from_secs(1));
    }

    async fn r01_a_web_socket_ends_with_a_grant_a_rule_a_role_and_its_app(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let (owner, editor) = (platform.signed_in("owner").await, platform.signed_in("editor").await);
        let (admin, member) = (platform.signed_in("admin").await, platform.signed_in("member").await);
        let app = |slug: &str| format!("/api/v1/apps/{}", seeded.apps[slug].id);
        let admin_id = seeded.people["admin"].id;
        let role = format!("/api/v1/organizations/{}/members/{admin_id}", seeded.organization);
        let rule = json!({ "pattern": "/ws", "subjects": [{ "kind": "role", "value": "admin" }] });
        let cases = [
            ("grant", &admin, "payroll", &editor, "DELETE", format!("{}/grants/{admin_id}", app("payroll")), None),
            ("rule", &member, "hello", &editor, "POST", format!("{}/path-rules", app("hello")), Some(rule)),
            ("role", &admin, "hello", &owner, "PATCH", role, Some(json!({ "role": "member" }))),
            ("app", &member, "reports", &editor, "DELETE", app("reports"), None),
        ];
        for (case, person, slug, changer, method, path, body) in cases {
            assert_eq!(person.open(&platform.app_url(slug, "/")).await.status, 200, "{case}");
            let mut socket = person.web_socket(&platform.app_url(slug, "/ws")).await.unwrap();
            socket.send_text("hello").await;
            assert_eq!(socket.next().await, Frame::Text("hello".to_owned()), "{case}");
            let answer = changer.call(method, &path, body.as_ref()).await;
            assert!((200..=299).contains(&answer.status), "{case}: {}", answer.text());
            let changed = Instant::now();
            let end = socket.next().await;
            assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{case}: {end:?}");
            assert!(changed.elapsed() < Duration::from_secs(1), "{case}: {:?}", changed.elapsed());
            let again = person.web_socket(&platform.app_url(slug, "/ws")).await;
            assert!(matches!(again.err().unwrap().status, 403 | 404), "{case}");
        }
    }
}

#[test]
fn a_web_socket_of_nobody_or_under_a_rule_never_reaches_the_app() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let nobody = platform.browser().web_socket(&platform.app_url("hello", "/ws")).await;
        assert_eq!(nobody.err().unwrap().status, 401);
        let member = platform.signed_in("member").await;
        assert_eq!(member.open(&platform.app_url("reports", "/")).await.status, 200);
        let refused = member.web_socket(&platform.app_url("reports", "/admin/ws")).await;
        assert_eq!(refused.err().unwrap().status, 403);
        let upgrades = platform.demo.upstream.access_log();
        assert!(!upgrades.iter().any(|entry| entry.header("upgrade").is_some()));
    });
}

#[test]
fn events_arrive_one_by_one_and_large_bodies_whole() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        assert_eq!(member.open(&platform.app_url("hello", "/")).await.status, 200);

        let url = platform.app_url("hello", "/events?n=1000");
        let mut connection = member.client.connect(&url).await;
        let host = platform.demo.sites().app_authority("hello-acme");
        let cookies = member.client.cookie_header(&url).unwrap();
        let request = format!("GET /events?n=1000 HTTP/1.1\r\nHost: {host}\r\nCookie: {cookies}\r\n\r\n");
        connection.send(request).await.unwrap();
        let head = connection.head().await.unwrap();
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        // The stream lasts for a quarter of an hour; its beginning is here at once.
        member.sign_out().await;
        let cut = tokio::time::timeout(Duration::from_secs(2), connection.body(head)).await;
        assert!(cut.is_ok(), "the stream ends with the session");

        let member = platform.signed_in("member").await;
        assert_eq!(member.open(&platform.app_url("hello", "/")).await.status, 200);
        let down = member.open(&platform.app_url("hello", "/download?n=5000000")).await;
        assert_eq!(down.body.len(), 5_000_000);
        let up = member
            .client
            .request("POST", &platform.app_url("hello", "/upload"))
            .header("origin", &platform.app_url("hello", ""))
            .body("application/octet-stream", vec![b'.'; 8 * 1024 * 1024])
            .send()
            .await;
        assert_eq!(up.json()["received"], 8 * 1024 * 1024);
    });
}
