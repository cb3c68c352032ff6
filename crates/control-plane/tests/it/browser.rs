//! The demo in headless Chromium: what a newcomer sees, and what a hostile page can do there.

use std::path::Path;

use serde_json::{Value, json};
use test_support::node::Script;
use test_support::{TestDatabase, browser, on_both_stores};

use crate::platform::{Browser, Platform};

const COOKIE: &str = "__Host-vybe_session";
/// Set, it makes the SQLite run leave a picture of the demo app's page in the documentation.
const WRITE_SCREENSHOT: &str = "VYBE_WRITE_SCREENSHOT";
const DEEP_LINK: &str = "/deep/link?x=1&y=%20z&z=%2F";

/// The visit has gone as far as the last page before signing out.
async fn visit(platform: &Platform, screenshot: bool) -> (Script, Value) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = screenshot && std::env::var_os(WRITE_SCREENSHOT).is_some();
    let picture = wanted.then(|| here.join("../../docs/demo.png"));
    let input = json!({
        "chromium": browser::chromium(),
        "platform": platform.url(""),
        "hello": platform.app_url("hello", ""),
        "reports": platform.app_url("reports", ""),
        "payroll": platform.app_url("payroll", ""),
        "deepLink": platform.app_url("hello", DEEP_LINK),
        "screenshot": picture,
    });
    let mut script = Script::start(&here.join("tests/it/demo_in_the_browser.mjs"), &input).await;
    let seen = script.next_answer().await.expect("the visit succeeds");
    (script, seen)
}

/// A client with nothing but the session cookies that the browser holds.
fn thief(platform: &Platform, seen: &Value) -> Browser {
    let thief = platform.browser();
    let hosts: Vec<&str> = seen["cookies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cookie| cookie["name"] == COOKIE)
        .map(|cookie| {
            let host = cookie["domain"].as_str().unwrap();
            let set = format!("{COOKIE}={}; Path=/; Secure", cookie["value"].as_str().unwrap());
            thief.client.set_cookie(&format!("https://{host}/"), &set);
            host
        })
        .collect();
    assert_eq!(hosts.len(), 3, "the platform and two apps have set one each: {hosts:?}");
    thief
}

/// The status with which each host answers a replayed cookie.
async fn replay(platform: &Platform, thief: &Browser) -> Vec<u16> {
    let mut statuses = vec![
        thief.call("GET", "/api/auth/get-session", None).await.status,
        thief.open_once(&platform.url("/apps")).await.status,
    ];
    for slug in ["hello", "reports"] {
        statuses.push(thief.open_once(&platform.app_url(slug, "/replayed")).await.status);
        let script = thief.client.request("GET", &platform.app_url(slug, "/replayed"));
        statuses.push(script.header("sec-fetch-mode", "cors").send().await.status);
    }
    statuses
}

fn check_arrival(platform: &Platform, arrival: &Value) {
    assert_eq!(
        arrival["prompt"],
        platform.demo.sites().issuer_origin().unwrap().trim_start_matches("https://")
    );
    assert_eq!(arrival["url"], platform.app_url("hello", DEEP_LINK));
    assert_eq!(arrival["target"], DEEP_LINK, "the app saw the query, byte for byte");
    assert_eq!(arrival["email"], "member@acme.example");
    assert_eq!(arrival["userId"], platform.demo.seeded.people["member"].id.to_string());
    assert_eq!(arrival["userName"], "Milo%20Member");
    assert_eq!(arrival["token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(arrival["socket"], "hello over a WebSocket");
    assert!(arrival["event"].as_str().unwrap().starts_with("event "), "{arrival}");
    assert_eq!(arrival["cookiesOfScripts"], "", "no script sees a platform cookie");
}

/// Everything that a script on an app's page tried.
fn check_attempts(platform: &Platform, seen: &Value) {
    let attempted = &seen["attempted"];
    assert_eq!(attempted["session"]["status"], 200);
    let session = attempted["session"]["body"].as_str().unwrap();
    assert!(session.contains("member@acme.example"), "{session}");
    for refused in ["read", "readUnseen", "write", "writeUnseen", "deleteAll"] {
        assert_eq!(attempted[refused]["type"], "error", "{refused}: {}", attempted[refused]);
    }
    assert_eq!(attempted["siblingSocket"], "refused");
    assert_eq!(seen["formStatus"], 403);
    let framed = json!({
        "method": "GET", "url": platform.url("/apps"), "error": "net::ERR_BLOCKED_BY_RESPONSE",
    });
    assert!(seen["refused"].as_array().unwrap().contains(&framed), "{}", seen["refused"]);
}

async fn organizations(browser: &Browser) -> usize {
    browser.call("GET", "/api/v1/organizations", None).await.json().as_array().unwrap().len()
}

on_both_stores! {
    async fn the_demo_is_used_in_a_browser_and_the_old_cookies_are_dead_after_signing_out(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let sqlite = database.url().starts_with("sqlite");
        let (mut script, seen) = visit(&platform, sqlite).await;

        check_arrival(&platform, &seen["arrival"]);
        let host = |url: String| url.trim_start_matches("https://").to_owned();
        assert_eq!(seen["home"]["status"], 200);
        assert_eq!(seen["console"]["status"], 200);
        let shown_by = json!([host(platform.app_url("reports", "")), host(platform.url(""))]);
        assert_eq!(seen["second"], shown_by, "one sign-in serves every host, without another prompt");

        assert_eq!(seen["admin"]["status"], 403);
        assert_eq!(seen["admin"]["url"], platform.app_url("reports", "/admin"));
        assert!(seen["admin"]["decision"].as_str().unwrap().starts_with("dec_"), "{}", seen["admin"]);
        assert_eq!(seen["administrator"], "admin@acme.example", "the rule lets an Admin in");
        for absent in ["restricted", "missing"] {
            assert_eq!(seen[absent]["status"], 404, "{absent}");
            assert_eq!(seen[absent]["title"], "404 Not Found");
            assert_eq!(seen[absent]["decision"], json!(null));
        }
        assert!(platform.access_log("payroll").is_empty());

        check_attempts(&platform, &seen);
        let thief = thief(&platform, &seen);
        assert_eq!(organizations(&thief).await, 1, "no foreign page made one");
        let own = json!({ "slug": "kept", "name": "Kept" });
        assert_eq!(thief.call("POST", "/api/v1/organizations", Some(&own)).await.status, 201);
        assert_eq!(organizations(&thief).await, 2, "the platform's own page can");

        assert_eq!(replay(&platform, &thief).await, [200; 6], "the cookies count while the session lasts");
        let ended = script.ask(&json!("sign out")).await;
        let reached = platform.demo.upstream.access_log().len();
        assert_eq!(replay(&platform, &thief).await, [401, 302, 302, 401, 302, 401]);
        assert_eq!(platform.demo.upstream.access_log().len(), reached, "no app was reached");

        assert_eq!(ended["person"], "member@acme.example");
        assert_eq!(ended["ended"], platform.url("/login"));
        assert_eq!(ended["prompt"], seen["arrival"]["prompt"], "the deep link asks again");
        let kept = ended["cookies"].as_array().unwrap();
        let kept = kept.iter().any(|one| one["name"] == COOKIE && one["domain"] == "vybe.localhost");
        assert!(!kept, "the browser has forgotten the platform's cookie");
    }
}
