//! What is judged is what is forwarded.

use crate::house::House;

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
