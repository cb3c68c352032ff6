//! Requests that began while their sender was allowed to do something, and end when they are not.

use serde_json::{Value, json};
use test_support::{RawConnection, Response, TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

/// A request that has been let in: the platform has its head and waits for its body.
struct Begun {
    connection: RawConnection,
    body: String,
}

impl Begun {
    async fn new(browser: &Browser, platform: &Platform, method: &str, path: &str, body: &Value) -> Self {
        let url = platform.url(path);
        let mut connection = browser.client.connect(&url).await;
        let (origin, cookies) = (platform.url(""), browser.client.cookie_header(&url).unwrap());
        let (host, body) = (origin.trim_start_matches("https://"), body.to_string());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\ncookie: {cookies}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
            body.len()
        );
        connection.send(head).await.unwrap();
        Self { connection, body }
    }

    async fn end(mut self) -> Response {
        // Whatever comes first may be the invitation to send the body.
        self.connection.send(&self.body).await.unwrap();
        let first = self.connection.response().await.unwrap();
        if first.status == 100 { self.connection.response().await.unwrap() } else { first }
    }
}

on_both_stores! {
    async fn z03_a_body_that_ends_after_a_removal_changes_nothing(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let (owner, editor) = (platform.signed_in("owner").await, platform.signed_in("editor").await);
        let admin = platform.signed_in("admin").await;
        let app = format!("/api/v1/apps/{}", seeded.apps["hello"].id);
        let groups = format!("/api/v1/organizations/{}/groups", seeded.organization);
        let secret = json!({ "environment": "production" });
        let rename = json!({ "name": "Mine" });
        let calls: [(&Browser, &str, String, &Value, u16); 3] = [
            (&editor, "POST", format!("{app}/server-secrets"), &secret, 404),
            (&editor, "PATCH", app.clone(), &rename, 404),
            (&admin, "POST", groups.clone(), &rename, 401),
        ];
        let secrets = owner.call("GET", &format!("{app}/server-secrets"), None).await.json();

        let mut begun = Vec::new();
        for (browser, method, path, body, _) in &calls {
            begun.push(Begun::new(browser, &platform, method, path, body).await);
        }
        // Both have been let in by now.
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let member = format!("/api/v1/organizations/{}/members/{}", seeded.organization, seeded.people["editor"].id);
        assert_eq!(owner.call("DELETE", &member, None).await.status, 200);
        admin.sign_out().await;

        for (begun, (_, method, path, _, status)) in begun.into_iter().zip(&calls) {
            let answer = begun.end().await;
            assert_eq!(answer.status, *status, "{method} {path}: {}", answer.text());
        }
        assert_eq!(owner.call("GET", &format!("{app}/server-secrets"), None).await.json(), secrets);
        assert_ne!(owner.call("GET", &app, None).await.json()["name"], "Mine");
        let groups = owner.call("GET", &groups, None).await.text();
        assert!(!groups.contains("Mine"), "{groups}");
    }
}
