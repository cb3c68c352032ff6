//! Connecting accounts at a service, in browsers.

use std::sync::Arc;
use std::time::Duration;

use catalogue::Service;
use control_plane::demo::ReachableServices;
use serde_json::{Value, json};
use test_support::TestDatabase;
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET, HOST, Reuse, TokenServer};

use crate::platform::{Browser, Platform};

/// A platform, and a service to consent at.
struct World {
    platform: Platform,
    server: TokenServer,
    editor: Browser,
}

impl World {
    async fn start(database: &TestDatabase) -> Self {
        let server = TokenServer::start(Reuse::SingleUse, Duration::from_secs(3600)).await;
        let reachable = ReachableServices {
            services: vec![Arc::new(Service::parse(&entry(&server.origin())).unwrap())],
            hosts: vec![server.host()],
            authorities: vec![server.root()],
        };
        let platform = Platform::reaching(database.connection().clone(), reachable).await;
        let editor = platform.signed_in("editor").await;
        let world = Self { platform, server, editor };
        let client = json!({ "service": "papers", "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET });
        let admin = world.platform.signed_in("admin").await;
        let made = admin.call("POST", &world.path("/oauth-clients"), Some(&client)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        assert!(!made.text().contains(CLIENT_SECRET));
        world
    }

    fn path(&self, below: &str) -> String {
        format!("/api/v1/organizations/{}{below}", self.platform.demo.seeded.organization)
    }

    /// The Editor begins, and consents at the service: where the service sends the browser back to.
    async fn consent(&self, kind: &str) -> String {
        let attempt = json!({ "service": "papers", "name": "Papers", "returnTo": "/organizations" });
        let path = self.path(&format!("/{kind}/connect-attempts"));
        let begun = self.editor.call("POST", &path, Some(&attempt)).await;
        assert_eq!(begun.status, 201, "{}", begun.text());
        let url = begun.json()["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with(&format!("{}/authorize?", self.server.origin())), "{url}");
        self.server.authorize(&url).into()
    }

    async fn accounts(&self, kind: &str) -> Value {
        self.editor.call("GET", &self.path(&format!("/{kind}")), None).await.json()["accounts"].clone()
    }
}

test_support::on_both_stores! {
    async fn an_account_is_connected_in_a_browser_tried_and_disconnected(database: TestDatabase) {
        let world = World::start(&database).await;
        world.server.grant_scopes("read <b>bold</b>");
        let described = world.editor.call("GET", &world.path("/services/papers"), None).await.json();
        assert_eq!((&described["needsClient"], &described["hasClient"]), (&json!(true), &json!(true)));
        assert_eq!(described["redirectUrl"], world.platform.url("/integrations/callback"));
        assert_eq!(
            described["continuation"],
            json!({ "kind": "link", "next": null, "parameter": null, "size": "per_page" })
        );
        assert_eq!(
            described["rateLimit"],
            json!({ "stated": "100 calls per minute", "remaining": "x-calls-left", "statuses": [429] })
        );
        let page = world.editor.open_once(&world.consent("accounts").await).await;
        let text = page.text();
        assert_eq!(page.status, 200, "{text}");
        // What the service says is text.
        assert!(text.contains("&lt;b&gt;bold&lt;/b&gt;") && !text.contains("<b>bold"), "{text}");
        assert!(text.contains("Asked for, and not granted") && text.contains("<li>write</li>"), "{text}");
        assert!(text.contains("href=\"/organizations\""), "{text}");

        let accounts = world.accounts("accounts").await;
        assert_eq!(accounts.as_array().unwrap().len(), 1);
        let account = world.path(&format!("/accounts/{}", accounts[0]["id"].as_str().unwrap()));
        let tried = world.editor.call("POST", &format!("{account}/test"), None).await;
        assert_eq!(tried.json()["outcome"], "works", "{}", tried.text());
        let again = json!({});
        let begun = world.editor.call("POST", &format!("{account}/connect-attempts"), Some(&again)).await;
        let back = world.server.authorize(begun.json()["url"].as_str().unwrap());
        assert_eq!(world.editor.open_once(back.as_str()).await.status, 200);
        let connected = world.accounts("accounts").await;
        assert_eq!((&connected[0]["id"], connected.as_array().unwrap().len()), (&accounts[0]["id"], 1));

        let gone = world.editor.call("DELETE", &account, None).await;
        assert_eq!(gone.json()["revocation"], "revoked", "{}", gone.text());
        assert!(world.server.history(1).revoked);
        assert_eq!(world.accounts("accounts").await, json!([]));
    }

    async fn two_hundred_calls_of_an_app_around_the_second_in_which_a_token_ends(database: TestDatabase) {
        const LIFE: Duration = Duration::from_secs(5);
        let world = World::start(&database).await;
        world.server.set(Reuse::SingleUse, LIFE);
        assert_eq!(world.editor.open_once(&world.consent("accounts").await).await.status, 200);
        world.server.set(Reuse::SingleUse, Duration::from_secs(3600));
        let connected = tokio::time::Instant::now();
        let account = world.accounts("accounts").await[0]["id"].as_str().unwrap().to_owned();
        let call = world.platform.url(&format!("/api/integrations/accounts/{account}/execute"));
        let body = json!({ "actionId": "request", "input": { "path": "/me" } });
        let secret = world.platform.server_secret("hello");
        let calls: Vec<_> = (0..200_u32)
            .map(|number| {
                let (client, call) = (world.platform.browser().client, call.clone());
                let (secret, body) = (secret.to_owned(), body.clone());
                // Over two seconds, the token's last one among them.
                let at = connected + LIFE - Duration::from_secs(1) + number * Duration::from_millis(10);
                tokio::spawn(async move {
                    tokio::time::sleep_until(at).await;
                    client.request("POST", &call).header("VYBE_SERVER_SECRET", &secret).json(&body).send().await
                })
            })
            .collect();
        for call in calls {
            let answer = call.await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        let load = world.server.take_load();
        assert_eq!((load.refreshes, load.calls_after_the_end), (1, 0));
    }

    async fn i05_another_browser_connects_nothing(database: TestDatabase) {
        let world = World::start(&database).await;
        let admin = world.platform.signed_in("admin").await;
        let outsider = world.platform.signed_in("outsider").await;
        // The same person, signed in a second time.
        let second = world.platform.signed_in("editor").await;
        let nobody = world.platform.browser();
        for kind in ["accounts", "own-accounts"] {
            for (browser, status) in [(&admin, 400), (&outsider, 400), (&second, 400), (&nobody, 401)] {
                let back = world.consent(kind).await;
                let page = browser.open_once(&back).await;
                assert_eq!(page.status, status, "{}", page.text());
                // Whoever is signed in has used it up. A browser that nobody is signed in at is not even heard.
                let late = world.editor.open_once(&back).await;
                assert_eq!(late.status, if status == 400 { 400 } else { 200 }, "{}", late.text());
            }
            let back = world.consent(kind).await;
            assert_eq!(world.editor.open_once(&back).await.status, 200);
            let twice = world.editor.open_once(&back).await;
            assert_eq!(twice.status, 400);
            assert!(twice.text().contains("Begin again"), "{}", twice.text());
            assert_eq!(world.accounts(kind).await.as_array().unwrap().len(), 2);
        }
        // What is one's own is nobody else's.
        let own = admin.call("GET", &world.path("/own-accounts"), None).await.json();
        assert_eq!(own["accounts"], json!([]));
        for account in world.accounts("own-accounts").await.as_array().unwrap() {
            for kind in ["own-accounts", "accounts"] {
                let one = world.path(&format!("/{kind}/{}", account["id"].as_str().unwrap()));
                assert_eq!(admin.call("GET", &one, None).await.status, 404);
                assert_eq!(admin.call("DELETE", &one, None).await.status, 404);
            }
        }
    }

    async fn what_a_service_says_when_it_refuses_is_shown_as_text(database: TestDatabase) {
        let world = World::start(&database).await;
        let back = world.consent("accounts").await;
        let back = url::Url::parse(&back).unwrap();
        let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let mut refused = back.clone();
        refused.query_pairs_mut().clear().append_pair("state", &state).append_pair("error", "access_denied")
            .append_pair("error_description", "<script>alert(1)</script>");
        let page = world.editor.open_once(refused.as_str()).await;
        let text = page.text();
        assert_eq!(page.status, 502, "{text}");
        assert!(text.contains("access_denied: &lt;script&gt;") && !text.contains("<script>"), "{text}");
        let twice = format!("{refused}&state={state}");
        assert_eq!(world.editor.open_once(&twice).await.status, 400);
        assert_eq!(world.accounts("accounts").await, json!([]));
    }
}

fn entry(origin: &str) -> String {
    format!(
        r#"
schema = 1
id = "papers"
name = "Papers"
categories = ["files"]
tier = "fixture"
documentation = "https://{HOST}/docs"

[authentication]
kind = "oauth2_code"
authorize_url = "{origin}/authorize"
token_url = "{origin}/token"
default_scopes = ["read", "write"]

[authentication.lifetime]
margin_seconds = 0
reuse = "single_use"

[authentication.revocation]
url = "{origin}/revoke"

[api]
base = "{origin}/api"
hosts = ["{HOST}"]
credential = [{{ place = "header", name = "Authorization", format = "Bearer {{token}}" }}]
test = {{ path = "/me" }}
page = {{ kind = "link", size = "per_page" }}
rate_limit = {{ remaining = "x-calls-left", stated = "100 calls per minute" }}
"#
    )
}
