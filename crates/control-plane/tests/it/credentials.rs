//! Apps that call the platform: with a server secret, with a user token, with both.

use serde_json::json;
use test_support::{Response, TestDatabase, on_both_stores};

use crate::platform::Platform;

async fn whoami(platform: &Platform, secret: Option<&str>, token: Option<&str>) -> Response {
    let browser = platform.browser();
    let mut request = browser.client.request("GET", &platform.url("/api/v1/whoami"));
    if let Some(secret) = secret {
        request = request.header("VYBE_SERVER_SECRET", secret);
    }
    if let Some(token) = token {
        request = request.header("x-vybe-user-token", token);
    }
    request.send().await
}

/// The user token that an app was given for somebody's latest request.
async fn token(platform: &Platform, subject: &str, slug: &str) -> (crate::platform::Browser, String) {
    let browser = platform.signed_in(subject).await;
    assert_eq!(browser.open(&platform.app_url(slug, "/")).await.status, 200);
    let log = platform.access_log(slug);
    let token = log.last().unwrap().header("x-vybe-user-token").unwrap().to_owned();
    (browser, token)
}

on_both_stores! {
    async fn j07_a_secret_is_the_app_and_a_user_token_with_it_the_person(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (_browser, token) = token(&platform, "member", "hello").await;
        let secret = platform.server_secret("hello");

        let alone = whoami(&platform, Some(secret), None).await;
        assert_eq!(alone.status, 200, "{}", alone.text());
        assert_eq!(alone.json()["app"]["slug"], "hello");
        assert_eq!(alone.json()["user"], json!(null));

        let both = whoami(&platform, Some(secret), Some(&token)).await;
        assert_eq!(both.status, 200, "{}", both.text());
        assert_eq!(both.json()["user"]["email"], "member@acme.example");

        for (secret, token) in [
            (None, Some(token.as_str())),
            (None, None),
            (Some("vybe_sk_production_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), None),
            (Some(&secret[..secret.len() - 1]), None),
            (Some(secret), Some("")),
            (Some(secret), Some("a.b.c")),
        ] {
            let refused = whoami(&platform, secret, token).await;
            assert_eq!(refused.status, 401, "{secret:?} {token:?}");
            assert_eq!(refused.json()["code"], "unauthenticated");
        }
    }

    async fn j08_a_user_token_counts_with_its_own_apps_secret_only(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (_browser, token) = token(&platform, "member", "hello").await;
        let refused = whoami(&platform, Some(platform.server_secret("reports")), Some(&token)).await;
        assert_eq!(refused.status, 401);
    }

    async fn j10_a_removed_members_user_token_is_worthless_at_once(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (member, token) = token(&platform, "member", "hello").await;
        let secret = platform.server_secret("hello");
        assert_eq!(whoami(&platform, Some(secret), Some(&token)).await.status, 200);

        let owner = platform.signed_in("owner").await;
        let seeded = &platform.demo.seeded;
        let path =
            format!("/api/v1/organizations/{}/members/{}", seeded.organization, seeded.people["member"].id);
        assert_eq!(owner.call("DELETE", &path, None).await.status, 204);
        assert_eq!(whoami(&platform, Some(secret), Some(&token)).await.status, 401);
        assert_eq!(whoami(&platform, Some(secret), None).await.status, 200, "the app itself goes on");
        assert_eq!(member.open_once(&platform.app_url("hello", "/")).await.status, 404);
    }

    async fn a_user_token_ends_with_its_session(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (member, token) = token(&platform, "member", "hello").await;
        let secret = platform.server_secret("hello");
        assert_eq!(whoami(&platform, Some(secret), Some(&token)).await.status, 200);
        member.sign_out().await;
        assert_eq!(whoami(&platform, Some(secret), Some(&token)).await.status, 401);
    }
}
