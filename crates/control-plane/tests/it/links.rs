//! Links that the platform makes lead to configured places, whatever a request says about itself.

use serde_json::json;
use test_support::{RawConnection, Response, TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

/// What a client can say about where it thinks it is.
const CLAIMS: [(&str, &str); 13] = [
    ("x-forwarded-host", "evil.test"),
    ("x-forwarded-proto", "http"),
    ("x-forwarded-port", "81"),
    ("x-forwarded-prefix", "//evil.test"),
    ("x-forwarded-server", "evil.test"),
    ("forwarded", "host=evil.test;proto=http"),
    ("x-original-host", "evil.test"),
    ("x-original-url", "https://evil.test/"),
    ("x-host", "evil.test"),
    ("x-http-host-override", "evil.test"),
    ("x-real-ip", "6.6.6.6"),
    ("via", "1.1 evil.test"),
    ("referer", "https://evil.test/login"),
];

async fn get(browser: &Browser, url: &str, origin: Option<&str>) -> Response {
    let mut request = browser.client.request("GET", url).header("accept", "text/html");
    for (name, value) in CLAIMS {
        request = request.header(name, value);
    }
    if let Some(origin) = origin {
        request = request.header("origin", origin);
    }
    request.send().await
}

/// Nothing of what the client said is in the answer.
#[track_caller]
fn check_untouched(response: &Response) {
    let shown = format!("{:?} {}", response.headers, response.text());
    for word in ["evil", ":81", "http://", "6.6.6.6"] {
        assert!(!shown.contains(word), "{word} in {shown}");
    }
}

/// A request with a `Host` of one's own choice, on a connection to the platform.
async fn with_host(platform: &Platform, host: &str, target: &str) -> Response {
    let mut connection: RawConnection = platform.browser().client.connect(&platform.url("/")).await;
    let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\n\r\n");
    connection.exchange(head).await.unwrap()
}

on_both_stores! {
    async fn v04_a_sign_in_leads_where_the_configuration_says(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        for origin in [None, Some("https://evil.test"), Some("null")] {
            let browser = platform.browser();
            let link = platform.app_url("hello", "/deep?x=1");
            // From the app's page to the platform, to the provider: whoever it is has to be signed in.
            let first = get(&browser, &link, origin).await;
            if first.status == 302 {
                check_untouched(&first);
                assert!(first.location().starts_with(&platform.url("/login?return_to=https%3A%2F%2Fhello-acme.")));
                let mut response = get(&browser, first.location(), origin).await;
                while response.location().starts_with('/') {
                    check_untouched(&response);
                    response = get(&browser, &platform.url(response.location()), origin).await;
                }
                check_untouched(&response);
                let provider = url::Url::parse(response.location()).unwrap();
                assert!(provider.host_str().unwrap().starts_with("issuer."), "{provider}");
                let redirect = provider.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1;
                let expected = platform.url("/login/development/callback");
                assert_eq!(redirect, expected);
            } else {
                // A script of another origin is not sent to sign in.
                assert!((400..=499).contains(&first.status), "{origin:?}: {}", first.status);
                check_untouched(&first);
            }
        }
        // The host itself: ours in some spelling, with our links, or nobody's.
        let ours = url::Url::parse(&platform.url("/")).unwrap();
        let (name, port) = (ours.host_str().unwrap(), ours.port().unwrap());
        for host in [
            format!("{name}:{port}"),
            format!("{}:{port}", name.to_uppercase()),
            name.to_owned(),
            format!("{name}:443"),
            format!("{name}:81"),
            format!("{name}.:{port}"),
            format!("{name}:{port}.evil.test"),
            format!("evil.test:{port}"),
            format!("{name}.evil.test:{port}"),
            format!("evil.test@{name}:{port}"),
        ] {
            let answer = with_host(&platform, &host, "/login/development?return_to=%2Fapps").await;
            check_untouched(&answer);
            if answer.status < 400 {
                assert!(host.eq_ignore_ascii_case(&format!("{name}:{port}")), "{host}: {}", answer.status);
                let redirect = format!("redirect_uri={}", platform.url("/login/development/callback"));
                let encoded = redirect.replace(':', "%3A").replace('/', "%2F");
                assert!(answer.location().contains(&encoded), "{host}: {}", answer.location());
            } else {
                assert!(answer.status < 500, "{host}: {}", answer.status);
                assert_eq!(answer.headers_named("set-cookie").count(), 0, "{host}");
            }
        }
    }

    async fn v04_an_invitation_leads_to_the_configured_platform(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let path = format!("/api/v1/organizations/{}/invitations", platform.demo.seeded.organization);
        let invite = async |number: usize, origin: &str| {
            let body = json!({ "email": format!("guest{number}@elsewhere.example"), "role": "member" });
            let mut request = owner.client.request("POST", &platform.url(&path)).header("origin", origin);
            for (name, value) in CLAIMS {
                request = request.header(name, value);
            }
            request.json(&body).send().await
        };
        let made = invite(0, &platform.url("")).await;
        assert_eq!(made.status, 201, "{}", made.text());
        check_untouched(&made);
        let link = made.json()["link"].as_str().unwrap().to_owned();
        assert!(link.starts_with(&platform.url("/invitations/accept?token=")), "{link}");
        let foreign =
            ["https://evil.test", "null", &platform.app_url("hello", ""), &platform.url(".evil.test")];
        for (number, origin) in foreign.into_iter().enumerate() {
            let refused = invite(number + 1, origin).await;
            assert_eq!(refused.status, 403, "{origin}: {}", refused.text());
            check_untouched(&refused);
        }
        let all = owner.call("GET", &path, None).await.json();
        assert_eq!(all["invitations"].as_array().unwrap().len(), 1, "nothing was made: {all}");
    }
}
