//! A5 of the security page: what pages of other origins can do.

use test_support::Response;

use crate::fixture::{COOKIE, Running, endpoints, open_to_apps};

const APP: &str = "https://hello-acme.vybe.test";
const CORS: [&str; 5] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-max-age",
];

fn silent(answer: &Response, about: &str) {
    for name in CORS {
        assert_eq!(answer.header(name), None, "{about}: {name}");
    }
}

async fn call(server: &Running, method: &str, target: &str, headers: &str) -> Response {
    server
        .ask(&format!("{method} {target} HTTP/1.1\r\nhost: vybe.test\r\n{headers}content-length: 0\r\n\r\n"))
        .await
}

#[tokio::test]
async fn c08_a_sibling_origin_writes_nothing() {
    let server = Running::start().await;
    for origin in [
        "origin: https://evil-acme.vybe.test\r\nsec-fetch-site: same-site\r\n",
        "origin: https://hello-acme.vybe.test\r\nsec-fetch-site: same-site\r\n",
        "origin: null\r\n",
        "origin: https://vybe.test.evil.test\r\n",
        "origin: http://vybe.test\r\n",
        "origin: https://vybe.test\r\norigin: https://evil.test\r\nsec-fetch-site: same-site\r\n",
        "sec-fetch-site: same-site\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n",
        "",
    ] {
        for kind in [
            "application/json",
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
        ] {
            let body = r#"{"name":"evil"}"#;
            let answer = server
                .ask(&format!(
                    "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\n{COOKIE}{origin}\
                     content-type: {kind}\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                ))
                .await;
            assert_eq!(answer.status, 403, "{origin:?} {kind}");
            silent(&answer, origin);
        }
    }
    assert!(server.changes().is_empty(), "{:?}", server.changes());
    // The control: the platform's own page may.
    let body = r#"{"name":"ours"}"#;
    let answer = server
        .ask(&format!(
            "POST /api/v1/organizations HTTP/1.1\r\nhost: vybe.test\r\n{COOKIE}origin: https://vybe.test\r\n\
             sec-fetch-site: same-origin\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(server.changes(), ["ours"]);
}

#[tokio::test]
async fn c11_the_page_of_an_app_reads_what_is_open_to_it() {
    let server = Running::start().await;
    let headers = format!("{COOKIE}origin: {APP}\r\nsec-fetch-site: same-site\r\nsec-fetch-mode: cors\r\n");
    for (target, status) in [("/api/auth/get-session", 200), ("/api/auth/get-session?fail=1", 404)] {
        let answer = call(&server, "GET", target, &headers).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(APP), "{target}");
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{target}");
        assert_eq!(answer.header("vary"), Some("Origin"), "{target}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-site"), "{target}");
    }
    let answer = call(&server, "POST", "/api/auth/sign-out", &headers).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, Some(APP)));
    assert_eq!(server.changes(), ["signed out"]);
}

#[tokio::test]
async fn c11_no_other_origin_is_ever_told_that_it_may_read() {
    let server = Running::start().await;
    for origin in [
        "https://other-acme.vybe.test",
        "null",
        "https://vybe.test.evil.test",
        "https://hello-acme.vybe.test.evil.test",
        "https://hello-acme.vybe.test:8443",
        "http://hello-acme.vybe.test",
        "https://HELLO-acme.vybe.test",
        "https://hello-acme.vybe.test/",
        "https://evilvybe.test",
        "https://a.hello-acme.vybe.test",
        "https://issuer.vybe.test",
    ] {
        for (method, target) in [
            ("GET", "/api/auth/get-session"),
            ("POST", "/api/auth/sign-out"),
            ("GET", "/api/v1/organizations"),
        ] {
            let answer = call(&server, method, target, &format!("{COOKIE}origin: {origin}\r\n")).await;
            assert_eq!(answer.status, 403, "{origin} {target}");
            silent(&answer, origin);
        }
    }
    // Nobody signed in: nothing to read, for no origin.
    let answer = call(&server, "GET", "/api/auth/get-session", &format!("origin: {APP}\r\n")).await;
    assert_eq!(answer.status, 401);
    silent(&answer, "nobody");
    assert!(server.changes().is_empty());
}

#[tokio::test]
async fn c11_a_preflight_tells_nothing_about_which_apps_exist() {
    let server = Running::start().await;
    let preflight = async |origin: &str, method: &str, target: &str| {
        let headers = format!(
            "origin: {origin}\r\naccess-control-request-method: {method}\r\naccess-control-request-headers: content-type\r\n"
        );
        call(&server, "OPTIONS", target, &headers).await
    };
    for origin in [APP, "https://there-is-no-such-app.vybe.test"] {
        let answer = preflight(origin, "POST", "/api/auth/sign-out").await;
        assert_eq!(answer.status, 204);
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("content-type"));
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    for (origin, method, target) in [
        (APP, "POST", "/api/v1/organizations"),
        (APP, "GET", "/api/auth/sign-out"),
        (APP, "DELETE", "/api/auth/sign-out"),
        ("https://evil.test", "POST", "/api/auth/sign-out"),
        ("null", "POST", "/api/auth/sign-out"),
        ("https://vybe.test", "POST", "/api/auth/sign-out"),
    ] {
        let answer = preflight(origin, method, target).await;
        assert_eq!(answer.status, 405, "{origin} {method} {target}");
        silent(&answer, origin);
    }
    assert_eq!(open_to_apps(&endpoints(&server.seen)), ["session.read", "session.end"]);
}

#[tokio::test]
async fn c12_every_answer_of_the_platform_has_the_security_headers() {
    let server = Running::start().await;
    let page = "accept: text/html\r\n";
    for (host, method, target, headers, status) in [
        ("vybe.test", "GET", "/public/x", "", 200),
        ("vybe.test", "GET", "/", page, 200),
        ("vybe.test", "GET", "/nothing", "", 404),
        ("vybe.test", "GET", "/nothing", page, 404),
        ("vybe.test", "PUT", "/public/x", "", 405),
        ("vybe.test", "GET", "/api/v1/organizations", "", 401),
        ("vybe.test", "GET", "/panic", "", 500),
        ("vybe.test", "GET", "x", "", 400),
        ("hello-acme.vybe.test", "GET", "/.vybe/hello", "", 200),
        ("hello-acme.vybe.test", "GET", "/.vybe/nothing", page, 404),
        ("hello-acme.vybe.test", "GET", "/panic", "", 500),
        ("issuer.vybe.test", "GET", "/authorize", page, 200),
        ("evil.test", "GET", "/", page, 421),
    ] {
        let answer =
            server.ask(&format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n")).await;
        let about = format!("{method} {host}{target}");
        assert_eq!(answer.status, status, "{about}");
        let header = |name| answer.header(name).unwrap_or_else(|| panic!("{about} without {name}"));
        assert!(header("strict-transport-security").starts_with("max-age=63072000"));
        let policy = header("content-security-policy");
        for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"] {
            assert!(policy.contains(part), "{about}: {policy}");
        }
        assert!(!policy.contains("unsafe"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store");
        assert!(header("x-request-id").starts_with("req_"), "{about}");
        if headers == page && status >= 400 {
            assert!(answer.text().contains("/.vybe/style.css"), "{about}: {}", answer.text());
        } else if status >= 400 {
            assert_eq!(header("content-type"), "application/problem+json", "{about}");
            assert_eq!(answer.json()["status"], status, "{about}");
        }
    }
}

#[tokio::test]
async fn c26_no_page_of_ours_can_be_framed_or_opened_by_an_app() {
    let server = Running::start().await;
    for host in ["vybe.test", "issuer.vybe.test"] {
        let answer = server
            .ask(&format!("GET /authorize HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\n\r\n"))
            .await;
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        // The opener has no handle, so `postMessage` has no target.
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
    }
}

#[tokio::test]
async fn the_style_sheet_is_at_one_path_on_every_host() {
    let server = Running::start().await;
    for host in ["vybe.test", "hello-acme.vybe.test", "issuer.vybe.test"] {
        let answer = server.ask(&format!("GET /.vybe/style.css HTTP/1.1\r\nhost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
        assert!(!answer.text().contains("url("));
    }
}

#[tokio::test]
async fn c07_a_cookie_that_a_sibling_adds_does_not_hide_the_others() {
    let server = Running::start().await;
    let ask = async |cookies: &str| {
        call(&server, "GET", "/api/auth/get-session", &format!("{cookies}\r\n")).await.status
    };
    for cookies in [
        "cookie: __Host-vybe_session=alice",
        "cookie: a=é; __Host-vybe_session=alice",
        "cookie: __Host-vybe_session=alice; ü",
        "cookie: é=1\r\ncookie: __Host-vybe_session=alice",
        "cookie: ;;=; a; __Host-vybe_session=alice ; __host-vybe_session=mallory",
    ] {
        assert_eq!(ask(cookies).await, 200, "{cookies}");
    }
    // Two of one name have no single reading, even if one is no text.
    for cookies in [
        "cookie: __Host-vybe_session=alice; __Host-vybe_session=mallory",
        "cookie: __Host-vybe_session=é; __Host-vybe_session=alice",
        "cookie: __Host-vybe_session=alice\r\ncookie: a=é; __Host-vybe_session=mallory",
        "cookie: __Host-vybe_session=é",
        "cookie: a=__Host-vybe_session=alice",
    ] {
        assert_eq!(ask(cookies).await, 401, "{cookies}");
    }
}
