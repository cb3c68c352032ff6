//! A visit in headless Chromium: what a newcomer sees, and what a hostile page can do there. The same visit
//! to the demo, and to `vybe serve` with a provider that is not ours.

use std::path::Path;

use development::Upstream;
use serde_json::{Value, json};
use test_support::node::Script;
use test_support::{TestDatabase, browser, on_both_stores};

use crate::installation::{Installation, ORIGIN};
use crate::platform::{Browser, Platform};

const COOKIE: &str = "__Host-vybe_session";
/// Set, it makes the demo on SQLite leave a picture of an app's page in the documentation.
const WRITE_SCREENSHOT: &str = "VYBE_WRITE_SCREENSHOT";
const DEEP_LINK: &str = "/deep/link?x=1&y=%20z&z=%2F";

/// What is visited, and what is known about it.
struct Stage<'a> {
    platform: String,
    /// What follows an app's slug in its host.
    app_domain: String,
    upstream: &'a Upstream,
    /// A client that nobody has used yet.
    thief: Browser,
    /// Where the browser finds the hosts, if not on loopback by their names alone.
    resolve: Option<String>,
    provider: String,
    /// Whether the provider signs the person in again without asking.
    provider_remembers: bool,
    member: Known,
    administrator: Known,
    screenshot: bool,
}

/// Somebody, and what they do at the provider's page.
struct Known {
    choice: Value,
    id: String,
    email: &'static str,
    encoded_name: &'static str,
}

impl Stage<'_> {
    fn host(&self, slug: &str) -> String {
        format!("{slug}{}", self.app_domain)
    }

    fn app_url(&self, slug: &str, path: &str) -> String {
        format!("https://{}{path}", self.host(slug))
    }

    /// The visit has gone as far as the last page before signing out.
    async fn visit(&self) -> (Script, Value) {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let wanted = self.screenshot && std::env::var_os(WRITE_SCREENSHOT).is_some();
        let input = json!({
            "chromium": browser::chromium(),
            "resolve": self.resolve,
            "platform": self.platform,
            "hello": self.app_url("hello", ""),
            "reports": self.app_url("reports", ""),
            "payroll": self.app_url("payroll", ""),
            "deepLink": self.app_url("hello", DEEP_LINK),
            "member": self.member.choice,
            "administrator": self.administrator.choice,
            "screenshot": wanted.then(|| here.join("../../docs/demo.png")),
        });
        let mut script = Script::start(&here.join("tests/it/visit.mjs"), &input).await;
        let seen = script.next_answer().await.expect("the visit succeeds");
        (script, seen)
    }

    /// Gives the thief nothing but the session cookies that the browser holds.
    fn steal(&self, seen: &Value) {
        let cookies = seen["cookies"].as_array().unwrap().iter().filter(|cookie| cookie["name"] == COOKIE);
        let mut hosts = Vec::new();
        for cookie in cookies {
            let host = cookie["domain"].as_str().unwrap();
            let set = format!("{COOKIE}={}; Path=/; Secure", cookie["value"].as_str().unwrap());
            self.thief.client.set_cookie(&format!("https://{host}/"), &set);
            hosts.push(host);
        }
        assert_eq!(hosts.len(), 3, "the platform and two apps have set one each: {hosts:?}");
    }

    /// The status with which each host answers replayed cookies, and how many requests reached an app.
    async fn replay(&self) -> (Vec<u16>, usize) {
        let thief = &self.thief;
        let mut statuses = vec![
            thief.call("GET", "/api/auth/get-session", None).await.status,
            thief.open_once(&format!("{}/apps", self.platform)).await.status,
        ];
        for slug in ["hello", "reports"] {
            let url = self.app_url(slug, "/replayed");
            statuses.push(thief.open_once(&url).await.status);
            let script = thief.client.request("GET", &url).header("sec-fetch-mode", "cors");
            statuses.push(script.send().await.status);
        }
        let log = self.upstream.access_log();
        (statuses, log.iter().filter(|entry| entry.target == "/replayed").count())
    }

    fn check_arrival(&self, arrival: &Value) {
        assert_eq!(arrival["prompt"], host(&self.provider));
        assert_eq!(arrival["url"], self.app_url("hello", DEEP_LINK));
        assert_eq!(arrival["target"], DEEP_LINK, "the app saw the query, byte for byte");
        assert_eq!(arrival["email"], self.member.email);
        assert_eq!(arrival["userId"], self.member.id);
        assert_eq!(arrival["userName"], self.member.encoded_name);
        assert_eq!(arrival["token"].as_str().unwrap().split('.').count(), 3);
        assert_eq!(arrival["socket"], "hello over a WebSocket");
        assert!(arrival["event"].as_str().unwrap().starts_with("event "), "{arrival}");
        assert_eq!(arrival["cookiesOfScripts"], "", "no script sees a platform cookie");
    }

    fn check_decisions(&self, seen: &Value) {
        assert_eq!(seen["home"]["status"], 200);
        assert_eq!(seen["console"]["status"], 200);
        let shown_by = json!([self.host("reports"), host(&self.platform)]);
        assert_eq!(seen["second"], shown_by, "one sign-in serves every host, without another prompt");

        assert_eq!(seen["admin"]["status"], 403);
        assert_eq!(seen["admin"]["url"], self.app_url("reports", "/admin"));
        assert!(seen["admin"]["decision"].as_str().unwrap().starts_with("dec_"), "{}", seen["admin"]);
        assert_eq!(seen["administrator"], self.administrator.email, "the rule lets an Admin in");
        for absent in ["restricted", "missing"] {
            assert_eq!(seen[absent]["status"], 404, "{absent}");
            assert_eq!(seen[absent]["title"], "404 Not Found");
            assert_eq!(seen[absent]["decision"], json!(null));
        }
        let payroll = self.host("payroll");
        let log = self.upstream.access_log();
        let reached = log.iter().any(|entry| entry.header("x-forwarded-host") == Some(payroll.as_str()));
        assert!(!reached, "the restricted app");
    }

    /// Everything that a script on an app's page tried.
    fn check_attempts(&self, seen: &Value) {
        let attempted = &seen["attempted"];
        assert_eq!(attempted["session"]["status"], 200);
        let session = attempted["session"]["body"].as_str().unwrap();
        assert!(session.contains(self.member.email), "{session}");
        for refused in ["read", "readUnseen", "write", "writeUnseen", "deleteAll"] {
            assert_eq!(attempted[refused]["type"], "error", "{refused}: {}", attempted[refused]);
        }
        assert_eq!(attempted["siblingSocket"], "refused");
        assert_eq!(seen["formStatus"], 403);
        let framed = json!({
            "method": "GET",
            "url": format!("{}/apps", self.platform),
            "error": "net::ERR_BLOCKED_BY_RESPONSE",
        });
        assert!(seen["refused"].as_array().unwrap().contains(&framed), "{}", seen["refused"]);
    }

    async fn check(&self) {
        let (mut script, seen) = self.visit().await;
        self.check_arrival(&seen["arrival"]);
        self.check_decisions(&seen);
        self.check_attempts(&seen);

        self.steal(&seen);
        let thief = &self.thief;
        assert!(!organizations(thief).await.contains(&json!("stolen")), "no foreign page made one");
        let own = json!({ "slug": "kept", "name": "Kept" });
        assert_eq!(thief.call("POST", "/api/v1/organizations", Some(&own)).await.status, 201);
        assert!(organizations(thief).await.contains(&json!("kept")), "the platform's own page can");
        let alive = self.replay().await;
        assert_eq!(alive, (vec![200; 6], 4), "the cookies count while the session lasts");

        let ended = script.ask(&json!("sign out")).await;
        let dead = self.replay().await;
        assert_eq!(dead, (vec![401, 302, 302, 401, 302, 401], 4), "no app was reached again");
        assert_eq!(ended["person"], self.member.email);
        assert_eq!(ended["ended"], format!("{}/login", self.platform));
        let again = if self.provider_remembers { self.host("hello") } else { host(&self.provider) };
        assert_eq!(ended["again"], again, "the deep link leads to the provider once more");
        let kept = ended["cookies"].as_array().unwrap().iter();
        let platform = host(&self.platform);
        let platform = platform.split(':').next().unwrap();
        let kept = kept.filter(|one| one["name"] == COOKIE && one["domain"] == platform).count();
        assert_eq!(kept, 0, "the browser has forgotten the platform's cookie");
    }
}

/// What follows the scheme.
fn host(origin: &str) -> String {
    origin.trim_start_matches("https://").to_owned()
}

/// The slugs of somebody's organizations.
async fn organizations(browser: &Browser) -> Vec<Value> {
    let own = browser.call("GET", "/api/v1/organizations", None).await.json();
    own.as_array().unwrap().iter().map(|one| one["slug"].clone()).collect()
}

on_both_stores! {
    async fn the_demo_in_a_browser_and_after_signing_out_the_old_cookies_are_dead(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let known = |subject: &str, button: &str, email: &'static str, encoded_name: &'static str| Known {
            choice: json!({ "button": button }),
            id: platform.demo.seeded.people[subject].id.to_string(),
            email,
            encoded_name,
        };
        let stage = Stage {
            platform: platform.url(""),
            app_domain: host(&platform.app_url("", "")),
            upstream: &platform.demo.upstream,
            thief: platform.browser(),
            resolve: None,
            provider: platform.demo.sites().issuer_origin().unwrap(),
            provider_remembers: false,
            member: known("member", "Milo Member", "member@acme.example", "Milo%20Member"),
            administrator: known("admin", "Adam Admin", "admin@acme.example", "Adam%20Admin"),
            screenshot: database.url().starts_with("sqlite"),
        };
        stage.check().await;
    }

    async fn the_same_with_a_provider_that_is_not_ours(database: TestDatabase) {
        let installation = Installation::start(&database).await;
        let members = installation.members(&installation.set_up().await).await;
        let known = |login: &str, email: &'static str, encoded_name: &'static str| Known {
            choice: json!({ "login": login }),
            id: members[email].clone(),
            email,
            encoded_name,
        };
        let port = installation.address.port();
        let stage = Stage {
            platform: ORIGIN.to_owned(),
            app_domain: host(&installation.app_url("", "")),
            upstream: &installation.upstream,
            thief: installation.browser(),
            resolve: Some(format!(
                "MAP vybe.test 127.0.0.1:{port}, MAP *.apps.vybe.test 127.0.0.1:{port}, \
                 MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
            )),
            provider: installation.provider.issuer(),
            provider_remembers: true,
            member: known("milo", "milo@example.com", "The%20milo"),
            administrator: known("adam", "adam@example.com", "The%20adam"),
            screenshot: false,
        };
        stage.check().await;
    }
}
