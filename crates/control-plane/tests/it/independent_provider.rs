//! Signing in at a provider that is not ours, through `vybe serve`: what works, and every way in which it
//! does not. Lies that a certified provider would not tell are in `identity`'s tests of signing in.

use sea_orm::{ConnectionTrait as _, Statement};
use test_support::{Response, TestDatabase, on_both_stores};
use url::Url;

use crate::installation::{Installation, ORIGIN};
use crate::platform::Browser;

const COOKIE: &str = "__Host-vybe_session";

async fn sessions(database: &TestDatabase) -> usize {
    let statement = Statement::from_string(database.backend(), "SELECT id FROM sessions");
    database.connection().query_all_raw(statement).await.unwrap().len()
}

/// A page that says this, and no cookie that is worth anything.
#[track_caller]
fn check_refused(case: &str, page: &Response, browser: &Browser, status: u16, words: &str) {
    assert_eq!(page.status, status, "{case}: {}", page.text());
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{case}");
    assert!(page.text().contains(words), "{case}: {}", page.text());
    assert!(!page.headers_named("set-cookie").any(|set| set.starts_with(COOKIE)), "{case}");
    assert_eq!(browser.client.cookie("vybe.test", COOKIE), None, "{case}");
}

/// The address with one parameter replaced.
fn with(address: &Url, name: &str, value: Option<&str>) -> String {
    let mut changed = address.clone();
    let kept: Vec<(String, String)> = address
        .query_pairs()
        .filter(|(key, _)| key != name)
        .map(|pair| (pair.0.into(), pair.1.into()))
        .collect();
    changed.query_pairs_mut().clear().extend_pairs(kept).extend_pairs(value.map(|value| (name, value)));
    changed.into()
}

fn parameter(address: &Url, name: &str) -> String {
    address.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

const APPS: &str = "https://vybe.test/apps";
const USED: &str = "This sign-in has been used";
const NOT_PROVED: &str = "does not prove who you are";

on_both_stores! {
    async fn a_deep_link_is_reached_and_again_after_the_provider_has_changed_its_key(database: TestDatabase) {
        let mut installation = Installation::start(&database).await;
        installation.set_up().await;
        let link = installation.app_url("hello", "/deep/link?x=1&y=%20z");
        let mut users = Vec::new();
        for expected_key in ["key-2", "key-3"] {
            let browser = installation.browser();
            let page = installation.sign_in(&browser, &link, "milo").await;
            assert_eq!((page.status, page.url.unwrap().as_str()), (200, link.as_str()));
            let log = installation.upstream.access_log();
            let last = log.last().unwrap();
            assert_eq!(last.target, "/deep/link?x=1&y=%20z");
            assert_eq!(last.header("x-vybe-user-email"), Some("milo@example.com"));
            users.push(last.header("x-vybe-user-id").unwrap().to_owned());
            assert_eq!(installation.provider.rotate().await, expected_key);
        }
        let again = installation.signed_in("milo").await;
        let session = again.call("GET", "/api/auth/get-session", None).await.json();
        users.push(session["user"]["id"].as_str().unwrap().to_owned());
        users.dedup();
        assert_eq!(users.len(), 1, "one account, whatever key signed");
    }

    async fn o01_c04_c05_a_state_belongs_to_one_browser_and_one_answer(database: TestDatabase) {
        let installation = Installation::start(&database).await;
        let browser = installation.browser();
        let begun = installation.begin(&browser, APPS).await;
        let back = installation.provider.authorize(&browser.client, &begun, "milo").await;

        let other = installation.browser();
        let refused = other.open_once(back.as_str()).await;
        check_refused("another browser", &refused, &other, 400, USED);
        // Whoever tried has used the state up.
        let refused = browser.open_once(back.as_str()).await;
        check_refused("replayed", &refused, &browser, 400, USED);

        for state in [None, Some(""), Some("x"), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
            let begun = installation.begin(&browser, APPS).await;
            let back = installation.provider.authorize(&browser.client, &begun, "milo").await;
            let refused = browser.open_once(&with(&back, "state", state)).await;
            check_refused(&format!("state {state:?}"), &refused, &browser, 400, USED);
        }
        assert_eq!(sessions(&database).await, 0);

        let browser = installation.browser();
        let begun = installation.begin(&browser, APPS).await;
        let back = installation.provider.authorize(&browser.client, &begun, "milo").await;
        assert_eq!(browser.open(back.as_str()).await.status, 200);
        let replayed = installation.browser();
        let refused = replayed.open_once(back.as_str()).await;
        check_refused("replayed after success", &refused, &replayed, 400, USED);
        assert_eq!(sessions(&database).await, 1, "the honest one");
    }

    async fn o03_c05_a_code_counts_once_and_for_the_browser_that_it_was_made_for(database: TestDatabase) {
        let installation = Installation::start(&database).await;
        let honest = installation.browser();
        let begun = installation.begin(&honest, APPS).await;
        let used = installation.provider.authorize(&honest.client, &begun, "milo").await;
        assert_eq!(honest.open(used.as_str()).await.status, 200);

        // A used code, and one that was made for another browser's PKCE challenge, with a fresh state.
        let victim = installation.browser();
        let begun = installation.begin(&victim, APPS).await;
        let stolen = installation.provider.authorize(&victim.client, &begun, "adam").await;
        for (case, code) in [("used", &used), ("stolen", &stolen)] {
            let browser = installation.browser();
            let begun = installation.begin(&browser, APPS).await;
            let own = installation.provider.authorize(&browser.client, &begun, "milo").await;
            let forged = with(&own, "code", Some(&parameter(code, "code")));
            let refused = browser.open_once(&forged).await;
            check_refused(case, &refused, &browser, 403, NOT_PROVED);
        }
        assert_eq!(sessions(&database).await, 1, "the honest one");
    }

    async fn o05_the_answer_names_its_issuer(database: TestDatabase) {
        let installation = Installation::start(&database).await;
        for issuer in [None, Some(""), Some("https://accounts.google.com"), Some(ORIGIN)] {
            let browser = installation.browser();
            let begun = installation.begin(&browser, APPS).await;
            let back = installation.provider.authorize(&browser.client, &begun, "milo").await;
            let refused = browser.open_once(&with(&back, "iss", issuer)).await;
            check_refused(&format!("issuer {issuer:?}"), &refused, &browser, 403, NOT_PROVED);
        }
        assert_eq!(sessions(&database).await, 0);
    }

    async fn o08_o10_o11_some_people_stay_out(database: TestDatabase) {
        let installation = Installation::start(&database).await;
        installation.signed_in("olga").await;
        for (login, words) in [
            ("doubtful", "Your e-mail address is not verified"),
            ("unsaid", "Your e-mail address is not verified"),
            ("foreign", "does not belong to a domain that may sign in here"),
            ("homeless", "does not belong to a domain that may sign in here"),
            ("impostor", "belongs to another account"),
        ] {
            let browser = installation.browser();
            let page = installation.sign_in(&browser, APPS, login).await;
            check_refused(login, &page, &browser, 403, words);
            assert_eq!(browser.call("GET", "/api/auth/get-session", None).await.status, 401, "{login}");
        }
        assert_eq!(sessions(&database).await, 1, "olga's");
    }

    async fn o24_a_sign_in_that_was_given_up_ends_on_a_page(database: TestDatabase) {
        let installation = Installation::start(&database).await;
        let browser = installation.browser();
        let begun = installation.begin(&browser, APPS).await;
        let back = installation.provider.abort(&browser.client, &begun).await;
        assert_eq!(parameter(&back, "error"), "access_denied");
        let hostile = with(&back, "error_description", Some("<script>alert(1)</script>"));
        let refused = browser.open_once(&hostile).await;
        check_refused("given up", &refused, &browser, 403, "cancelled or refused");
        assert!(!refused.text().contains("script"), "{}", refused.text());
        assert_eq!(sessions(&database).await, 0);
    }
}
