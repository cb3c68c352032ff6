//! Open redirects: nothing leads off the platform, whatever the spelling.

use endpoint::Sites;
use identity::ReturnTo;
use test_support::TestDatabase;
use url::form_urlencoded::Serializer;

use crate::house::{House, OPEN_LABEL, sign_in_from};

/// Hosts of somebody else, in spellings that some reader takes for a host.
const EVIL: [&str; 12] = [
    "evil.test",
    "EVIL.test",
    "evil.test:443",
    "evil\u{3002}test",
    "evil%E3%80%82test",
    "\u{ff45}vil.test",
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "[::1]",
    "vybe.test.evil.test",
    "evil.test%00.vybe.test",
];

/// `{}` is where the host goes. Families: scheme-relative, backslashes, control characters, white space,
/// userinfo, odd schemes, encodings, dots, parameters, fragments.
const TEMPLATES: [&str; 76] = [
    "//{}",
    "///{}",
    "////{}",
    "//{}/",
    "//{}/%2f..",
    "///{}/%2f..",
    "/\\{}",
    "\\/{}",
    "\\\\{}",
    "/\\/{}",
    "\\/\\/{}/",
    "/\t/{}",
    "/\n/{}",
    "/\r/{}",
    "/\r\n/{}",
    "\t//{}",
    " //{}",
    "\u{0}//{}",
    "\u{a0}//{}",
    "\u{2028}//{}",
    "/%09/{}",
    "/%0a/{}",
    "/%0d/{}",
    "/%0D%0A/{}",
    "/%00/{}",
    "/%2f{}",
    "/%2F{}",
    "/%2f%2f{}",
    "/%5c{}",
    "/%5C{}",
    "/%5c%5c{}",
    "/%252f{}",
    "/%2%66{}",
    "/%0%44/{}",
    "/%25%32%66{}",
    "/.//{}",
    "/..//{}",
    "/./{}",
    "/../{}",
    "/%2e%2e//{}",
    "/%2e//{}",
    "/;//{}",
    "/;@{}",
    "/x//{}",
    "/@{}",
    "https:{}",
    "https:/{}",
    "https://{}",
    "https:///{}",
    "https:\\\\{}",
    "https:/\\{}",
    "https://{}\\@hello-acme.vybe.test",
    "https://hello-acme.vybe.test@{}",
    "https://hello-acme.vybe.test:x@{}/",
    "https://hello-acme.vybe.test%40{}",
    "https://hello-acme.vybe.test\\.{}",
    "https://hello-acme.vybe.test%2f.{}",
    "https://hello-acme.vybe.test#@{}/",
    "https://hello-acme.vybe.test;@{}/",
    "https://{}#.vybe.test",
    "https://{}?.vybe.test",
    "https://{}/hello-acme.vybe.test",
    "HTTPS://{}",
    "http://{}",
    "http:{}",
    "ftp://{}",
    "ws://{}",
    "javascript://{}/%0aalert(1)",
    "javascript:alert('{}')",
    "JaVaScRiPt:alert('{}')",
    "java\tscript:alert('{}')",
    "data:text/html,<script src=//{}>",
    "vbscript:x('{}')",
    "blob:https://{}/x",
    "{}",
    "?//{}",
];

#[test]
fn c06_nothing_leads_off_the_platform() {
    let sites = Sites::new("vybe.test", "vybe.test", 443);
    let mut corpus = 0;
    for template in TEMPLATES {
        for host in EVIL {
            let text = template.replace("{}", host);
            check(&sites, &text);
            corpus += 1;
        }
    }
    assert!(corpus >= 800, "{corpus}");
}

#[test]
fn c06_addresses_that_only_resemble_an_app_are_the_start_page() {
    let sites = Sites::new("vybe.test", "vybe.test", 8443);
    for text in [
        "https://hello-acme.vybe.test",
        "https://hello-acme.vybe.test:443",
        "https://hello-acme.vybe.test:8443.evil.test",
        "https://hello-acme.vybe.test:08443",
        "https://hello-acme.vybe.test:8443@evil.test",
        "https://HELLO-acme.vybe.test:8443",
        "https://hello-acme.vybe.test.:8443",
        "https://a.hello-acme.vybe.test:8443",
        "https://hello-acmevybe.test:8443",
        "https://x@hello-acme.vybe.test:8443",
        "https://:x@hello-acme.vybe.test:8443",
        "http://hello-acme.vybe.test:8443",
        "https:hello-acme.vybe.test:8443",
        "https:///hello-acme.vybe.test:8443",
        "https://vybe.test:8443/",
        "https://hello-acme.vybe.test:8443\\",
        " https://hello-acme.vybe.test:8443",
        "https://hello-acme.vybe.test:8443/\r\nset-cookie: x=y",
        "https://hello_acme.vybe.test:8443/",
        "https://hell\u{f6}-acme.vybe.test:8443/",
        "",
        "apps",
        "/a/../../b",
    ] {
        let read = ReturnTo::parse(text, |origin| sites.app_label_of_origin(origin));
        assert_eq!(read, ReturnTo::start(), "{text:?}");
    }
    let long = format!("/{}", "x".repeat(5000));
    assert_eq!(ReturnTo::parse(&long, |_| None), ReturnTo::start());
}

#[test]
fn c06_no_answer_of_the_sign_in_pages_leads_away() {
    test_support::run(async {
        let mut house = House::on(TestDatabase::sqlite().await).await;
        let server = house.serve();
        sign_in_from(&house, &server.client, &house.platform("/login?return_to=%2F")).await;
        let stranger = server.other_browser();
        let open = house.app(OPEN_LABEL, "");
        let (mut onward, mut refused) = (0, 0);
        for template in TEMPLATES {
            for host in EVIL {
                let text = template.replace("{}", host);
                let query = Serializer::new(String::new()).append_pair("return_to", &text).finish();
                let url = house.platform(&format!("/login?{query}"));
                // Somebody who is signed in is sent on at once, and nobody with a code that was not asked for.
                let answer = server.client.get(&url).await;
                if answer.status == 302 {
                    let there = answer.url.clone().unwrap().join(answer.location()).unwrap();
                    let origin = there.origin().ascii_serialization();
                    assert!(origin == house.platform("") || origin == open, "{text:?} leads to {there}");
                    assert!(!there.path().starts_with("/.vybe/session"), "{text:?} leads to {there}");
                    onward += 1;
                } else {
                    assert!((400..=499).contains(&answer.status), "{text:?}: {}", answer.status);
                    refused += 1;
                }
                // A stranger is sent to the provider, by way of a page of ours that says the same.
                let answer = stranger.get(&url).await;
                let there = answer.url.clone().unwrap().join(answer.location()).unwrap();
                assert_eq!(
                    there.origin().ascii_serialization(),
                    house.platform(""),
                    "{text:?} leads to {there}"
                );
            }
        }
        assert_eq!(onward + refused, TEMPLATES.len() * EVIL.len());
        assert!(onward > 0);
        // The control: an app that one may open, through the hand-off that its host began.
        let away = server.client.get(&house.app(OPEN_LABEL, "/x")).await;
        let answer = server.client.get(away.location()).await;
        assert!(
            answer.location().starts_with(&format!("{open}/.vybe/session?code=")),
            "{}",
            answer.location()
        );
    });
}

/// Resolves the answer as a browser does and looks where it leads.
fn check(sites: &Sites, text: &str) {
    let read = ReturnTo::parse(text, |origin| sites.app_label_of_origin(origin));
    let address = match &read {
        ReturnTo::Platform(path) => format!("{}{path}", sites.platform_origin()),
        ReturnTo::App { label, path } => format!("{}{path}", sites.origin_of(label)),
    };
    let url = url::Url::parse(&address).unwrap();
    let host = url.host_str().unwrap();
    assert!(host == "vybe.test" || host == "hello-acme.vybe.test", "{text:?} leads to {url}");
    assert!(url.scheme() == "https" && url.username().is_empty(), "{text:?} leads to {url}");
    // Even as a bare path, for a reader that resolves it against a page.
    if let ReturnTo::Platform(path) = &read {
        let base = url::Url::parse("https://vybe.test/login?x=y").unwrap();
        assert_eq!(base.join(path).unwrap().host_str(), Some("vybe.test"), "{text:?}");
    }
}
