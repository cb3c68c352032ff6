//! What is judged is what is forwarded.

use crate::house::{HELLO, House};

/// The answer's status, and the target that reached the app, if any.
async fn forwarded(house: &House, line: &str, headers: &str) -> (u16, Option<String>) {
    let before = house.upstream.seen().len();
    let status = house.ask(line, headers).await.status;
    let seen = house.upstream.seen();
    (status, seen.get(before).map(|seen| seen.target().to_owned()))
}

#[tokio::test]
async fn p01_p02_p03_p04_p10_p11_no_spelling_of_a_ruled_path_passes() {
    let house = House::build().await;
    for path in [
        "/admin",
        "/admin/",
        "/admin/x",
        "/x/../admin",
        "/./admin",
        "/admin/.",
        "//admin",
        "/admin//api",
        "/.//admin",
        "/x/%2e%2e/admin",
        "/%2e/admin",
        "/%2E/admin",
        "/x/.%2e/admin",
        "/%61dmin",
        "/%61dmin/file.txt",
        "/ADMIN",
        "/Admin/x",
        "/x/y/../../admin",
        "/admin?x=/public",
        "/admin?cb=/.vybe/session",
        "/admin?",
        "/admin/..%20/x",
    ] {
        assert_eq!(forwarded(&house, &format!("GET {path}"), "").await, (403, None), "{path}");
    }
    for path in [
        "/x/..%2fadmin",
        "/..%2fadmin",
        "/a%2fb",
        "/admin%5c",
        "/x\\admin",
        "/..;/admin",
        "/admin;x",
        "/admin%00",
        "/a%zz",
        "/../admin",
        "/a%ff",
    ] {
        assert_eq!(forwarded(&house, &format!("GET {path}"), "").await, (400, None), "{path}");
    }
    for (path, expected) in [
        ("/administrator", "/administrator"),
        ("/x/../hello", "/hello"),
        ("//hello//x/", "/hello/x/"),
        ("/%68ello", "/hello"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/a?b=%2f&c=//../admin&c", "/a?b=%2f&c=//../admin&c"),
        ("/?", "/?"),
        ("/Hello", "/Hello"),
    ] {
        let got = forwarded(&house, &format!("GET {path}"), "").await;
        assert_eq!(got, (200, Some(expected.to_owned())), "{path}");
    }
}

#[tokio::test]
async fn p05_p09_nothing_but_the_path_decides() {
    let house = House::build().await;
    for headers in [
        "x-forwarded-uri: /hello\r\n",
        "x-forwarded-prefix: /hello\r\n",
        "x-forwarded-path: /hello\r\n",
        "x-original-url: /hello\r\n",
        "x-rewrite-url: /hello\r\n",
        "forwarded: for=1;path=/hello\r\n",
        "x-http-method-override: OPTIONS\r\n",
        "referer: https://hello-acme.vybe.test/hello\r\n",
        "user-agent: kube-probe/1.0\r\n",
    ] {
        assert_eq!(forwarded(&house, "GET /admin", headers).await, (403, None), "{headers}");
        assert_eq!(
            forwarded(&house, "GET /hello", headers).await,
            (200, Some("/hello".to_owned())),
            "{headers}"
        );
    }
}

#[tokio::test]
async fn p06_p07_p13_p14_aliases_of_a_ruled_page_are_refused() {
    let house = House::build().await;
    for (line, headers) in [
        ("GET /_next/data/build/admin.json", ""),
        ("GET /_next/data/build/admin/users.json", ""),
        ("GET /admin?_rsc=1", "rsc: 1\r\n"),
        ("GET /admin.rsc", ""),
        ("GET /_next/image?url=%2Fadmin%2Flogo.png&w=64&q=75", ""),
        ("POST /hello", "next-action: abc\r\ncontent-length: 0\r\n"),
        ("POST /hello", "content-type: multipart/form-data; boundary=x\r\ncontent-length: 0\r\n"),
    ] {
        assert_eq!(forwarded(&house, line, headers).await, (403, None), "{line} {headers}");
    }
    for line in [
        "GET /_next/data/build/hello.json",
        "GET /_next/image?url=%2Flogo.png&w=64&q=75",
        "GET /hello?_rsc=1",
    ] {
        assert_eq!(forwarded(&house, line, "").await.0, 200, "{line}");
    }
}

#[tokio::test]
async fn p12_methods() {
    let house = House::build().await;
    for method in ["TRACE", "TRACK", "CONNECT"] {
        let (status, seen) = forwarded(&house, &format!("{method} /hello"), "").await;
        assert!((400..=405).contains(&status) && seen.is_none(), "{method}: {status}");
    }
    for method in ["OPTIONS", "DELETE", "PATCH", "PROPFIND"] {
        assert_eq!(
            forwarded(&house, &format!("{method} /hello"), "content-length: 0\r\n").await.0,
            200,
            "{method}"
        );
        let seen = house.upstream.seen().pop().unwrap();
        assert!(seen.head.starts_with(method), "{}", seen.head);
    }
    let answer = house.ask("POST /hello?_method=DELETE", "content-length: 0\r\n").await;
    assert_eq!(answer.status, 200);
    assert!(house.upstream.seen().pop().unwrap().head.starts_with("POST "));
}

#[tokio::test]
async fn h06_paths_of_the_platform_never_reach_an_app() {
    let house = House::build().await;
    for path in [
        "/.vybe/session?code=x",
        "//.vybe/session?code=x",
        "/x/../.vybe/session?code=x",
        "/.VYBE/session",
        "/%2evybe/session",
    ] {
        let (status, seen) = forwarded(&house, &format!("GET {path}"), "").await;
        assert_eq!((status, seen), (404, None), "{path}");
    }
}

/// CVE-2026-44576 and its like: one address, several answers.
#[tokio::test]
async fn p07_variants_of_a_page_are_decided_alike_and_share_no_cache_entry() {
    let house = House::build().await;
    let tree = "next-router-state-tree: %5B%22%22%5D\r\n";
    let variants = [
        String::new(),
        "rsc: 1\r\n".to_owned(),
        format!("rsc: 1\r\nnext-router-prefetch: 1\r\n{tree}"),
        "rsc: 1\r\nnext-router-segment-prefetch: /_tree\r\n".to_owned(),
        "RSC: 0\r\n".to_owned(),
        "purpose: prefetch\r\nsec-purpose: prefetch\r\n".to_owned(),
        "x-middleware-prefetch: 1\r\n".to_owned(),
    ];
    for headers in &variants {
        for target in ["/admin", "/admin?_rsc=1x2y3", "/admin/x?_rsc=", "/admin.rsc"] {
            let refused = house.ask(&format!("GET {target}"), headers).await;
            assert_eq!(refused.status, 403, "{target} {headers}");
            assert_eq!(refused.header("cache-control"), Some("no-store"), "{target} {headers}");
        }
    }
    assert!(house.upstream.seen().is_empty());
    // On one connection and for one address, each gets its own, and no shared cache may keep it.
    let mut connection = house.connect(HELLO).await;
    for round in 0..2 {
        for (headers, body) in [("", "page"), ("rsc: 1\r\n", "payload")] {
            let head = house.head("GET /variant", &house.member, headers);
            let answer = connection.exchange(head).await.unwrap();
            assert_eq!((answer.status, answer.text().as_str()), (200, body), "round {round}");
            assert_eq!(answer.header("vary"), Some("rsc, next-router-state-tree"));
            assert_eq!(answer.header("cache-control"), Some("private, stale-while-revalidate=60"));
            assert_eq!(answer.header("cdn-cache-control"), None);
        }
    }
    let asked = house.upstream.seen().iter().filter(|seen| seen.target() == "/variant").count();
    assert_eq!(asked, 4, "nothing was answered from memory");
}

#[tokio::test]
async fn p13_a_server_action_needs_every_rule_unless_the_app_opts_out() {
    let house = House::build().await;
    let empty = "content-length: 0\r\n";
    let multipart = |name: &str| {
        let body = format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n1\r\n--x--\r\n");
        format!(
            "content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let actions = [
        format!("next-action: 40a1b2c3\r\n{empty}"),
        format!("NEXT-ACTION: 40a1b2c3\r\n{empty}"),
        format!("next-action:\r\n{empty}"),
        format!("next-action: 40a1b2c3\r\ncontent-type: text/plain;charset=UTF-8\r\n{empty}"),
        multipart("$ACTION_ID_40a1b2c3"),
        multipart("1_$ACTION_REF_1"),
    ];
    let ask = async |somebody, target: &str, headers: &str| {
        let mut connection = house.connect(HELLO).await;
        // What follows the headers of a multipart request is its body.
        let mut head = house.head(&format!("POST {target}"), somebody, headers);
        if headers.contains("\r\n\r\n") {
            head.truncate(head.len() - 2);
        }
        connection.exchange(head).await.unwrap().status
    };
    for action in &actions {
        for target in ["/hello", "/", "/missing", "/api/x"] {
            assert_eq!(ask(&house.member, target, action).await, 403, "{target} {action}");
        }
    }
    assert!(house.upstream.seen().is_empty(), "{:?}", house.upstream.seen());
    for action in &actions {
        assert_eq!(ask(&house.owner, "/hello", action).await, 200, "whoever passes every rule: {action}");
    }
    assert_eq!(ask(&house.member, "/hello", empty).await, 200, "an ordinary request");
    house.judge_server_actions_by_page().await;
    for action in &actions {
        assert_eq!(ask(&house.member, "/hello", action).await, 200, "the app opted out: {action}");
        assert_eq!(ask(&house.member, "/admin", action).await, 403, "the page's own rule holds: {action}");
    }
}
