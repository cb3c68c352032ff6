//! A3 of the security page, as far as it is the kit's: which host gets what.

use test_support::RawConnection;

use crate::fixture::Running;

fn get(host: &str, target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

#[tokio::test]
async fn v02_spellings_of_a_host_are_one_tenant_or_none() {
    let server = Running::start().await;
    for host in ["hello-acme.vybe.test", "Hello-ACME.VYBE.test", "hello-acme.vybe.test:443"] {
        let answer = server.ask(&get(host, "/x")).await;
        assert!(answer.text().starts_with("hello-acme GET /x "), "{host}: {}", answer.text());
    }
    for host in ["hello-acme.vybe.test.", "hello-acme.vybe.test:8443", "hello-acme.vybe.test:0443"] {
        assert_eq!(server.ask(&get(host, "/x")).await.status, 421, "{host}");
    }
}

#[tokio::test]
async fn v03_v23_nobody_answers_for_a_foreign_host() {
    let server = Running::start().await;
    for host in [
        "example.test",
        "127.0.0.1",
        "[::1]",
        "hello-acme.vybe.test.evil.test",
        "evilvybe.test",
        "hello-acmevybe.test",
        "hello-acme.vybe.test:0",
        "a.b.vybe.test",
        ".vybe.test",
        "localhost",
    ] {
        let answer = server.ask(&get(host, "/")).await;
        assert_eq!(answer.status, 421, "{host}");
        assert_eq!(answer.json()["code"], "unknown_host");
        assert_eq!(answer.headers_named("set-cookie").count(), 0, "{host}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn no_host_reaches_the_endpoints_of_another_surface() {
    let server = Running::start().await;
    let status = async |host, target| server.ask(&get(host, target)).await.status;
    assert_eq!(status("vybe.test", "/public/x").await, 200);
    assert_eq!(status("vybe.test", "/.vybe/hello").await, 404);
    assert_eq!(status("vybe.test", "/authorize").await, 404);
    assert_eq!(status("vybe.test", "/healthz").await, 404);
    assert_eq!(status("hello-acme.vybe.test", "/.vybe/hello").await, 200);
    assert_eq!(status("hello-acme.vybe.test", "/.vybe/healthz").await, 404);
    assert_eq!(status("hello-acme.vybe.test", "/.vybe").await, 404);
    assert_eq!(status("issuer.vybe.test", "/authorize").await, 200);
    assert_eq!(status("issuer.vybe.test", "/public/x").await, 404);
    assert!(server.requests().is_empty());
    // Paths of the platform belong to the app, on its host.
    assert_eq!(status("hello-acme.vybe.test", "/public/x").await, 200);
    assert_eq!(status("hello-acme.vybe.test", "/.vybex").await, 200);
    assert_eq!(server.requests(), ["hello-acme GET /public/x", "hello-acme GET /.vybex"]);
}

#[tokio::test]
async fn the_admin_listener_serves_its_surface_only() {
    let server = Running::start().await;
    let ask = async |target: &str| {
        let mut connection = RawConnection::plain(server.admin).await.unwrap();
        connection.exchange(get("vybe.test", target)).await.unwrap().status
    };
    assert_eq!(ask("/healthz").await, 200);
    assert_eq!(ask("/public/x").await, 404);
    assert_eq!(ask("/.vybe/style.css").await, 404);
}

#[tokio::test]
async fn plain_http_only_redirects_and_only_for_hosts_of_ours() {
    let server = Running::start().await;
    let ask = async |request: String| {
        let mut connection = RawConnection::plain(server.redirect).await.unwrap();
        connection.exchange(request).await.unwrap()
    };
    for (host, origin) in [
        ("vybe.test", "https://vybe.test"),
        ("vybe.test:80", "https://vybe.test"),
        ("Hello-acme.vybe.test", "https://hello-acme.vybe.test"),
        ("issuer.vybe.test:8080", "https://issuer.vybe.test"),
    ] {
        let answer = ask(get(host, "/a/b?c=d")).await;
        assert_eq!((answer.status, answer.location()), (308, format!("{origin}/a/b?c=d").as_str()));
    }
    for host in ["evil.test", "vybe.test.evil.test", "127.0.0.1", "vybe.test:", "vybe.test."] {
        assert_eq!(ask(get(host, "/")).await.status, 421, "{host}");
    }
    assert_eq!(ask(get("vybe.test", "//evil.test/")).await.location(), "https://vybe.test//evil.test/");
    assert!(server.requests().is_empty());
}
