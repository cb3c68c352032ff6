//! From a deep link through the provider and back, and out again.

use test_support::{TestDatabase, on_both_stores};

use crate::platform::Platform;

const COOKIE: &str = "__Host-vybe_session";

on_both_stores! {
    async fn a_deep_link_is_reached_with_its_query_and_the_app_is_told_who_asks(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let browser = platform.browser();
        let link = platform.app_url("hello", "/deep/link?x=1&y=%20z&z=%2F");
        let page = browser.sign_in(&link, "member").await;
        assert_eq!((page.status, page.url.clone().unwrap().as_str()), (200, link.as_str()));
        assert!(page.text().contains("<span id=\"email\">member@acme.example</span>"), "{}", page.text());

        let log = platform.access_log("hello");
        assert_eq!(log.len(), 1, "nothing reached the app before the sign-in");
        assert_eq!(log[0].target, "/deep/link?x=1&y=%20z&z=%2F");
        let member = &platform.demo.seeded.people["member"];
        assert_eq!(log[0].header("x-vybe-user-id"), Some(member.id.to_string().as_str()));
        assert_eq!(log[0].header("x-vybe-user-name"), Some("Milo%20Member"));
        assert!(log[0].header("x-vybe-user-token").is_some());
        assert_eq!(log[0].header("cookie"), None);
    }

    async fn one_sign_in_serves_every_app(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let browser = platform.signed_in("member").await;
        for slug in ["hello", "reports"] {
            assert_eq!(browser.open(&platform.app_url(slug, "/")).await.status, 200, "{slug}");
        }
        let value = |host: &str| browser.client.cookie(host, COOKIE).unwrap();
        let hosts = ["vybe.localhost".to_owned(), platform.app_host("hello"), platform.app_host("reports")];
        let values: std::collections::BTreeSet<_> = hosts.iter().map(|host| value(host)).collect();
        assert_eq!(values.len(), 3, "every host has a cookie of its own");
    }

    async fn a_member_is_refused_by_a_path_rule_with_a_decision(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        assert_eq!(member.open(&platform.app_url("reports", "/")).await.status, 200);
        let before = platform.access_log("reports").len();
        for path in ["/admin", "/admin/x", "/ADMIN", "/%61dmin", "//admin"] {
            let refused = member.open(&platform.app_url("reports", path)).await;
            assert_eq!(refused.status, 403, "{path}");
            assert!(refused.text().contains("<dd id=\"decision\">dec_"), "{}", refused.text());
        }
        assert_eq!(platform.access_log("reports").len(), before, "no refused request reaches the app");
        assert_eq!(member.open(&platform.app_url("reports", "/administrator")).await.status, 200);

        let admin = platform.signed_in("admin").await;
        assert_eq!(admin.open(&platform.app_url("reports", "/admin")).await.status, 200);
    }

    async fn a_restricted_app_looks_like_none(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let tell = |response: test_support::Response| {
            let text = response.text();
            let (before, rest) = text.split_once("req_").unwrap();
            (response.status, format!("{before}{}", rest.split_once('<').unwrap().1))
        };
        for subject in ["owner", "member", "outsider"] {
            let browser = platform.signed_in(subject).await;
            let restricted = tell(browser.open(&platform.app_url("payroll", "/")).await);
            let missing = tell(browser.open(&platform.app_url("missing", "/")).await);
            assert_eq!(restricted.0, 404, "{subject}");
            assert_eq!(restricted, missing, "{subject}");
        }
        assert!(platform.access_log("payroll").is_empty());
        for subject in ["editor", "admin"] {
            let browser = platform.signed_in(subject).await;
            assert_eq!(browser.open(&platform.app_url("payroll", "/")).await.status, 200, "{subject}");
        }
    }

    async fn c02_after_signing_out_the_old_cookies_are_dead_everywhere(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let browser = platform.signed_in("member").await;
        for slug in ["hello", "reports"] {
            assert_eq!(browser.open(&platform.app_url(slug, "/")).await.status, 200);
        }
        let thief = browser.copy();
        browser.sign_out().await;
        assert_eq!(browser.client.cookie("vybe.localhost", COOKIE), None);
        let reached = platform.demo.upstream.access_log().len();
        assert_eq!(thief.call("GET", "/api/auth/get-session", None).await.status, 401);
        let dashboard = thief.open_once(&platform.url("/apps")).await;
        assert_eq!((dashboard.status, dashboard.location()), (302, "/login?return_to=%2Fapps"));
        for slug in ["hello", "reports"] {
            let app = thief.open_once(&platform.app_url(slug, "/")).await;
            assert_eq!(app.status, 302, "{slug}");
            assert!(app.location().starts_with(&platform.url("/login?")), "{}", app.location());
        }
        assert_eq!(platform.demo.upstream.access_log().len(), reached);
    }

    async fn whoever_belongs_nowhere_gets_an_organization_once(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        for _ in 0..2 {
            let browser = platform.signed_in("outsider").await;
            let organizations = browser.call("GET", "/api/v1/organizations", None).await.json();
            let slugs: Vec<_> =
                organizations.as_array().unwrap().iter().map(|one| one["slug"].clone()).collect();
            assert_eq!(slugs, ["outsider"]);
        }
        let member = platform.signed_in("member").await;
        let organizations = member.call("GET", "/api/v1/organizations", None).await.json();
        assert_eq!(organizations.as_array().unwrap().len(), 1, "members have one already");
    }
}

#[test]
fn pages_send_a_signed_out_browser_to_sign_in_and_back() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        for path in ["/apps", "/organizations", "/sessions", "/invitations/accept?token=abc", "/set-up"] {
            let browser = platform.browser();
            let page = browser.sign_in(&platform.url(path), "owner").await;
            assert_eq!((page.status, page.url.unwrap().to_string()), (200, platform.url(path)));
        }
        let answer = platform.browser().call("GET", "/apps", None).await;
        assert_eq!(answer.status, 401, "a script is not redirected");
    });
}

/// A sibling app can set cookies for the parent domain; the platform must not take them for a session.
#[test]
fn c07_tossed_cookies_sign_nobody_else_in_on_the_platform() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let (member, evil) = (platform.signed_in("member").await, platform.signed_in("owner").await);
        let host = "vybe.localhost";
        let mine = member.client.cookie(host, COOKIE).unwrap();
        let evil = evil.client.cookie(host, COOKIE).unwrap();
        let junk: Vec<String> = (0..150).map(|number| format!("sess{number}=EVIL{number}")).collect();
        let junk = junk.join("; ");
        let ask = async |cookies: &str| {
            let mut connection = platform.browser().client.connect(&platform.url("/")).await;
            let head = format!(
                "GET /api/auth/get-session HTTP/1.1\r\nhost: {}\r\ncookie: {cookies}\r\n\r\n",
                platform.url("").trim_start_matches("https://"),
            );
            let answer = connection.exchange(head).await.unwrap();
            (answer.status == 200).then(|| answer.json()["user"]["email"].as_str().unwrap().to_owned())
        };
        let member = Some("member@acme.example".to_owned());
        for tossed in [
            junk.clone(),
            format!("{junk}; sess=EVIL"),
            format!("vybe_session={evil}; __Secure-vybe_session={evil}; session={evil}"),
            format!("__host-vybe_session={evil}"),
            format!("\"__Host-vybe_session\"={evil}"),
        ] {
            assert_eq!(ask(&format!("{tossed}; {COOKIE}={mine}")).await, member, "{tossed}");
            assert_eq!(ask(&format!("{COOKIE}={mine}; {tossed}")).await, member, "{tossed}");
            assert_eq!(ask(&tossed).await, None, "{tossed}");
        }
        for tossed in [format!("{COOKIE}={evil}"), format!("={COOKIE}={evil}"), format!(" {COOKIE} ={evil}")]
        {
            for cookies in
                [format!("{tossed}; {COOKIE}={mine}"), format!("{COOKIE}={mine}; {junk}; {tossed}")]
            {
                let seen = ask(&cookies).await;
                assert!(seen.is_none() || seen == member, "{tossed}: {seen:?}");
            }
        }
    });
}

#[test]
fn c10_one_session_and_all_sessions_can_be_ended_from_the_page() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let platform = Platform::start(&database).await;
        let (first, second) = (platform.signed_in("member").await, platform.signed_in("member").await);
        let sessions = first.call("GET", "/api/v1/sessions", None).await.json();
        let other = sessions["sessions"].as_array().unwrap().iter().find(|one| one["current"] == false);
        let id = other.unwrap()["id"].as_str().unwrap();
        let ended = first.submit(&platform.url(&format!("/sessions/{id}/end")), &[]).await;
        assert_eq!((ended.status, ended.location()), (303, "/sessions"));
        assert_eq!(second.call("GET", "/api/auth/get-session", None).await.status, 401);

        let third = platform.signed_in("member").await;
        let foreign = platform.signed_in("owner").await;
        let id = foreign.call("GET", "/api/auth/get-session", None).await.json()["session"]["id"].clone();
        let refused =
            first.submit(&platform.url(&format!("/sessions/{}/end", id.as_str().unwrap())), &[]).await;
        assert_eq!(refused.status, 404, "another person's session is none of one's business");
        assert_eq!(first.submit(&platform.url("/sessions/end-all"), &[]).await.status, 303);
        for browser in [&first, &third] {
            assert_eq!(browser.call("GET", "/api/auth/get-session", None).await.status, 401);
        }
        assert_eq!(foreign.call("GET", "/api/auth/get-session", None).await.status, 200);
    });
}
