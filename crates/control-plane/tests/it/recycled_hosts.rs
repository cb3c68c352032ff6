//! A host that one app left and another, of another organization, has taken.

use serde_json::{Value, json};
use test_support::{Response, TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

async fn made(browser: &Browser, path: &str, body: Value) -> Value {
    let answer = browser.call("POST", path, Some(&body)).await;
    assert_eq!(answer.status, 201, "{path}: {}", answer.text());
    answer.json()
}

/// An organization, and an app of it that runs; answers the app's path and a secret of it.
async fn open_app(platform: &Platform, browser: &Browser, organization: &str, app: &str) -> (String, String) {
    let body = json!({ "slug": organization, "name": organization });
    let organization = made(browser, "/api/v1/organizations", body).await;
    let apps = format!("/api/v1/organizations/{}/apps", organization["id"].as_str().unwrap());
    let app = made(browser, &apps, json!({ "slug": app, "name": app })).await;
    let path = format!("/api/v1/apps/{}", app["id"].as_str().unwrap());
    let upstream = json!({ "upstream": format!("http://{}", platform.demo.upstream.address()) });
    assert_eq!(browser.call("PATCH", &path, Some(&upstream)).await.status, 200);
    let issued =
        made(browser, &format!("{path}/server-secrets"), json!({ "environment": "production" })).await;
    (path, issued["value"].as_str().unwrap().to_owned())
}

async fn whoami(platform: &Platform, secret: &str, token: Option<&str>) -> Response {
    let client = platform.browser().client;
    let mut request = client.request("GET", &platform.url("/api/v1/whoami"));
    request = request.header("VYBE_SERVER_SECRET", secret);
    if let Some(token) = token {
        request = request.header("x-vybe-user-token", token);
    }
    request.send().await
}

on_both_stores! {
    async fn v06_a_host_used_again_is_another_app(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (before, after) = (platform.signed_in("owner").await, platform.signed_in("outsider").await);
        // `a-b` of `c` and `a` of `b-c` print the same label.
        let host = platform.demo.sites().origin_of("a-b-c");
        let (path, secret) = open_app(&platform, &before, "c", "a-b").await;
        let rule = json!({ "pattern": "/admin", "subjects": [] });
        made(&before, &format!("{path}/path-rules"), rule).await;
        assert_eq!(before.open(&format!("{host}/")).await.status, 200);
        assert_eq!(before.open(&format!("{host}/admin")).await.status, 403);
        assert_eq!(after.open(&format!("{host}/")).await.status, 404);
        let log = platform.demo.upstream.access_log();
        let token = log.last().unwrap().header("x-vybe-user-token").unwrap().to_owned();
        assert_eq!(whoami(&platform, &secret, Some(&token)).await.status, 200);

        assert_eq!(before.call("DELETE", &path, None).await.status, 204);
        let (heir_path, heir_secret) = open_app(&platform, &after, "b-c", "a").await;
        let heir = after.call("GET", &heir_path, None).await;
        assert_eq!(heir.status, 200, "{}", heir.text());

        // Whoever came in before stays outside, with the very cookie of this host.
        let reached = platform.demo.upstream.access_log().len();
        assert_eq!(before.open_once(&format!("{host}/")).await.status, 404);
        assert_eq!(before.call("GET", &heir_path, None).await.status, 404);
        assert_eq!(platform.demo.upstream.access_log().len(), reached);
        // No secret and no token counts for the heir, and no rule of before binds it.
        assert_eq!(whoami(&platform, &secret, None).await.status, 401);
        assert_eq!(whoami(&platform, &secret, Some(&token)).await.status, 401);
        assert_eq!(whoami(&platform, &heir_secret, Some(&token)).await.status, 401);
        assert_eq!(whoami(&platform, &heir_secret, None).await.status, 200);
        assert_eq!(after.open(&format!("{host}/admin")).await.status, 200);
        let access = after.call("GET", &format!("{heir_path}/access"), None).await.json();
        assert_eq!((&access["grants"], &access["pathRules"]), (&json!([]), &json!([])), "{access}");
    }
}
