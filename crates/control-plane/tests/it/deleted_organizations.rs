//! What an organization leaves behind when it is deleted: hosts that are dead at once.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_support::{Frame, TestDatabase, on_both_stores};
use tokio::task::JoinSet;

use crate::platform::Platform;

on_both_stores! {
    async fn v06_the_hosts_of_a_deleted_organization_are_dead_at_once(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let organization = platform.demo.seeded.organization;
        assert_eq!(member.open(&platform.app_url("hello", "/")).await.status, 200);
        let mut socket = member.web_socket(&platform.app_url("hello", "/ws")).await.unwrap();
        socket.send_text("still here").await;
        assert_eq!(socket.next().await, Frame::Text("still here".to_owned()));
        let secret = platform.server_secret("hello").to_owned();
        let path = format!("/api/v1/organizations/{organization}");

        for (who, query, status) in [("admin", "?slug=acme", 403), ("outsider", "?slug=acme", 404)] {
            let refused = platform.signed_in(who).await.call("DELETE", &format!("{path}{query}"), None).await;
            assert_eq!(refused.status, status, "{who}: {}", refused.text());
        }
        for query in ["", "?slug=", "?slug=ACME", "?slug=other", "?slug=acme%20"] {
            let refused = owner.call("DELETE", &format!("{path}{query}"), None).await;
            assert_eq!(refused.status, 422, "{query}: {}", refused.text());
        }
        let began = Instant::now();
        let deleted = owner.call("DELETE", &format!("{path}?slug=acme"), None).await;
        assert_eq!(deleted.status, 200, "{}", deleted.text());
        let end = socket.next().await;
        assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{end:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());

        let reached = platform.demo.upstream.access_log().len();
        for slug in ["hello", "reports", "payroll"] {
            for who in [&owner, &member] {
                assert_eq!(who.open(&platform.app_url(slug, "/")).await.status, 404, "{slug}");
            }
        }
        assert_eq!(platform.demo.upstream.access_log().len(), reached);
        assert_eq!(owner.call("GET", &path, None).await.status, 404);
        let client = platform.browser().client;
        let whoami = client.request("GET", &platform.url("/api/v1/whoami"));
        assert_eq!(whoami.header("VYBE_SERVER_SECRET", &secret).send().await.status, 401);
        // The person is still signed in.
        assert_eq!(owner.call("GET", "/api/auth/get-session", None).await.status, 200);

        // Nobody takes the slug, or one of the hosts by another pair of slugs.
        let outsider = platform.signed_in("outsider").await;
        let slug = json!({ "slug": "acme", "name": "Acme" });
        let taken = outsider.call("POST", "/api/v1/organizations", Some(&slug)).await;
        assert_eq!((taken.status, taken.json()["code"].clone()), (409, json!("slug_taken")));
    }

    async fn v06_a_host_that_rests_is_not_taken_by_other_slugs(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (before, after) = (platform.signed_in("owner").await, platform.signed_in("outsider").await);
        // `a-b` of `c` and `a` of `b-c` print the same label.
        let made = before.call("POST", "/api/v1/organizations", Some(&json!({ "slug": "c", "name": "C" }))).await;
        let first = format!("/api/v1/organizations/{}", made.json()["id"].as_str().unwrap());
        let app = json!({ "slug": "a-b", "name": "A" });
        assert_eq!(before.call("POST", &format!("{first}/apps"), Some(&app)).await.status, 201);
        assert_eq!(before.call("DELETE", &format!("{first}?slug=c"), None).await.status, 200);
        let made = after.call("POST", "/api/v1/organizations", Some(&json!({ "slug": "b-c", "name": "C" }))).await;
        let second = format!("/api/v1/organizations/{}", made.json()["id"].as_str().unwrap());
        let taken = after.call("POST", &format!("{second}/apps"), Some(&json!({ "slug": "a", "name": "A" }))).await;
        assert_eq!((taken.status, taken.json()["code"].clone()), (409, json!("host_taken")));
        let free = after.call("POST", &format!("{second}/apps"), Some(&json!({ "slug": "z", "name": "Z" }))).await;
        assert_eq!(free.status, 201);
    }

    async fn an_app_of_somebody_who_left_is_handed_on(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, editor) = (platform.signed_in("owner").await, platform.signed_in("editor").await);
        let organization = format!("/api/v1/organizations/{}", platform.demo.seeded.organization);
        let body = json!({ "slug": "mine", "name": "Mine" });
        let made = editor.call("POST", &format!("{organization}/apps"), Some(&body)).await.json();
        let app = format!("/api/v1/apps/{}", made["id"].as_str().unwrap());
        let level = json!({ "level": "user", "upstream": format!("http://{}", platform.demo.upstream.address()) });
        assert_eq!(editor.call("PATCH", &app, Some(&level)).await.status, 200);
        let orphans = format!("{organization}/orphaned-apps");
        let listed = async || owner.call("GET", &orphans, None).await.json();
        assert_eq!(listed().await, json!({ "apps": [], "nextCursor": null }));
        assert_eq!(owner.open(&platform.app_url("mine", "/")).await.status, 404);

        assert_eq!(editor.call("POST", &format!("{organization}/leave"), None).await.status, 204);
        let found = listed().await;
        let slugs: Vec<_> = found["apps"].as_array().unwrap().iter().map(|app| app["slug"].clone()).collect();
        // Payroll keeps an editor's grant of the admin; what the editor made alone is nobody's.
        assert!(slugs.contains(&json!("mine")), "{found}");
        let heir = &platform.demo.seeded.people["owner"];
        let transfer = format!("{orphans}/{}/transfer", made["id"].as_str().unwrap());
        let moved = owner.call("POST", &transfer, Some(&json!({ "userId": heir.id }))).await;
        assert_eq!((moved.status, moved.json()["creatorId"].clone()), (200, json!(heir.id)), "{}", moved.text());
        assert_eq!(owner.open(&platform.app_url("mine", "/")).await.status, 200, "on the very next request");
        let again = owner.call("POST", &transfer, Some(&json!({ "userId": heir.id }))).await;
        assert_eq!(again.status, 404);
    }

    async fn who_writes_while_an_organization_is_deleted_is_told_that_it_is_gone(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let made = async |path: &str, body: Value| {
            let made = owner.call("POST", path, Some(&body)).await;
            assert_eq!(made.status, 201, "{}", made.text());
            made.json()["id"].as_str().unwrap().to_owned()
        };
        let (mut written, mut gone) = (0, 0);
        for round in 0..4 {
            let slug = format!("round{round}");
            let id = made("/api/v1/organizations", json!({ "slug": slug, "name": slug })).await;
            let organization = format!("/api/v1/organizations/{id}");
            let secret = json!({ "kind": "api_key", "name": "kept", "environment": "preview", "value": "kept" });
            let kept = made(&format!("{organization}/secrets"), secret).await;
            let mut writers = JoinSet::new();
            for writer in 0..6 {
                let app = made(&format!("{organization}/apps"), json!({ "slug": format!("app{writer}"), "name": "App" })).await;
                let requests = [
                    ("POST", format!("/api/v1/apps/{app}/server-secrets/rotate"), json!({ "environment": "preview", "graceSeconds": 0, "force": true })),
                    ("POST", format!("{organization}/secrets"), json!({ "kind": "api_key", "environment": "preview", "value": "another" })),
                    ("PUT", format!("{organization}/secrets/{kept}"), json!({ "value": "replaced" })),
                ];
                for (method, path, mut body) in requests {
                    let browser = owner.copy();
                    writers.spawn(async move {
                        for number in 0.. {
                            if body.get("kind").is_some() {
                                body["name"] = json!(format!("n{writer}-{number}"));
                            }
                            let answer = browser.call(method, &path, Some(&body)).await;
                            match answer.status {
                                200 | 201 => {}
                                404 => return number,
                                _ => panic!("{method} {path}: {} {}", answer.status, answer.text()),
                            }
                        }
                        unreachable!("ends with the organization")
                    });
                }
            }
            tokio::time::sleep(Duration::from_millis(150 + 40 * round)).await;
            let deleted = owner.call("DELETE", &format!("{organization}?slug={slug}"), None).await;
            assert_eq!(deleted.status, 200, "{}", deleted.text());
            while let Some(writer) = writers.join_next().await {
                written += writer.unwrap();
                gone += 1;
            }
        }
        assert!(written > gone, "{written} writes by {gone} writers");
    }
}
