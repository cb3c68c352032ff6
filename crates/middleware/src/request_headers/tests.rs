use endpoint::http::header::{HeaderName as ClientName, HeaderValue as ClientValue};

use super::*;

const OURS: Identity<'static> = Identity {
    user_token: "the.user.token",
    user_id: "usr_1",
    email: "ada@acme.test",
    name: "Ada",
    request_id: "req_1",
    peer: IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)),
    host: "hello-acme.vybe.test",
};

fn client(pairs: &[(&str, &str)]) -> ClientHeaders {
    let mut headers = ClientHeaders::new();
    for (name, value) in pairs {
        headers.append(
            ClientName::from_bytes(name.as_bytes()).unwrap(),
            ClientValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}

fn forward(pairs: &[(&str, &str)]) -> HeaderMap {
    forwarded(&client(pairs), &OURS, Kind::default()).unwrap()
}

fn only(headers: &HeaderMap, name: &str) -> String {
    let values: Vec<_> = headers.get_all(name).iter().collect();
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    values[0].to_str().unwrap().to_owned()
}

fn assert_ours(headers: &HeaderMap) {
    assert_eq!(only(headers, "x-vybe-user-token"), "the.user.token");
    assert_eq!(only(headers, "x-vybe-user-id"), "usr_1");
    assert_eq!(only(headers, "x-vybe-user-email"), "ada@acme.test");
    assert_eq!(only(headers, "x-vybe-user-name"), "Ada");
    assert_eq!(only(headers, "x-request-id"), "req_1");
    assert_eq!(only(headers, "x-forwarded-for"), "192.0.2.7");
    assert_eq!(only(headers, "x-forwarded-proto"), "https");
    assert_eq!(only(headers, "x-forwarded-host"), "hello-acme.vybe.test");
    assert_eq!(only(headers, "host"), "hello-acme.vybe.test");
}

#[test]
fn h01_h02_every_identity_header_is_there_once_and_ours() {
    let headers = forward(&[
        ("x-vybe-user-token", "forged"),
        ("X-Vybe-User-Token", "forged"),
        ("x-vybe-user-id", "usr_victim"),
        ("X-VYBE-USER-EMAIL", "victim@acme.test"),
        ("x-vybe-user-name", "Victim"),
        ("x-vybe-anything-else", "forged"),
        ("x-request-id", "forged"),
        ("host", "other.test"),
        ("accept", "text/html"),
    ]);
    assert_ours(&headers);
    assert!(!headers.contains_key("x-vybe-anything-else"));
    assert_eq!(only(&headers, "accept"), "text/html");
}

#[test]
fn h03_connection_header_cannot_remove_identity() {
    for connection in [
        "close, x-vybe-user-email",
        "X-Vybe-User-Token",
        "keep-alive,x-vybe-user-id , X-VYBE-USER-NAME",
        "host, x-forwarded-host, x-forwarded-for, x-forwarded-proto, x-request-id",
    ] {
        let headers = forward(&[("connection", connection), ("accept", "*/*")]);
        assert_ours(&headers);
        assert!(!headers.contains_key("connection"), "{connection}");
    }
    let headers = forward(&[("connection", "X-Private"), ("x-private", "1"), ("x-public", "1")]);
    assert!(!headers.contains_key("x-private"));
    assert_eq!(only(&headers, "x-public"), "1");
}

#[test]
fn h04_other_spellings_of_our_headers_are_removed() {
    for name in [
        "x_vybe_user_email",
        "X-Vybe_User-Email",
        "x.vybe.user.email",
        "x~vybe~user~email",
        "x|vybe!user$email",
        "x-vybe.user-email",
        "VYBE_SERVER_SECRET",
        "vybe-server-secret",
        "vybe_server-secret",
        "vybe.server.secret",
        "x_forwarded_host",
        "x.forwarded.for",
        "anything_else",
    ] {
        let headers = forward(&[(name, "forged")]);
        assert_ours(&headers);
        assert!(!headers.iter().any(|(_, value)| value == "forged"), "{name}");
    }
}

#[test]
fn h05_p09_what_the_client_says_about_the_way_here_is_replaced() {
    for name in [
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-uri",
        "x-forwarded-path",
        "x-forwarded-server",
        "x-forwarded",
        "forwarded",
        "x-real-ip",
        "x-original-url",
        "x-original-uri",
        "x-original-host",
        "x-rewrite-url",
        "true-client-ip",
        "proxy",
        "proxy-authorization",
    ] {
        let headers = forward(&[(name, "forged")]);
        assert_ours(&headers);
        assert!(!headers.iter().any(|(_, value)| value == "forged"), "{name}");
    }
}

#[test]
fn p08_framework_internal_headers_are_removed() {
    for name in [
        "x-middleware-subrequest",
        "x-middleware-rewrite",
        "x-middleware-anything",
        "x-invoke-path",
        "x-invoke-status",
        "x-matched-path",
        "x-now-route-matches",
        "x-nextjs-data",
        "x-nextjs-anything",
        "x-prerender-revalidate",
        "x-vercel-id",
        "next-resume",
        "x-next-revalidated-tags",
    ] {
        assert!(!forward(&[(name, "forged")]).contains_key(name), "{name}");
    }
    let kind = Kind { next_data: true, ..Kind::default() };
    let headers = forwarded(&client(&[("x-nextjs-data", "1")]), &OURS, kind).unwrap();
    assert_eq!(only(&headers, "x-nextjs-data"), "1");
    let headers = forward(&[("rsc", "1"), ("next-router-prefetch", "1"), ("next-action", "abc")]);
    assert_eq!(headers.len(), 9 + 3, "what Next's own client sends passes");
}

#[test]
fn p12_h24_s22_method_overrides_upgrades_and_expectations_are_removed() {
    for (name, value) in [
        ("x-http-method-override", "DELETE"),
        ("x-http-method", "DELETE"),
        ("x-method-override", "DELETE"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABkAARAAAAAAAIAAAAA"),
        ("te", "trailers"),
        ("trailer", "x-late"),
        ("expect", "100-continue"),
        ("transfer-encoding", "chunked"),
        ("keep-alive", "timeout=5"),
        ("sec-websocket-key", "x"),
    ] {
        assert!(!forward(&[(name, value)]).contains_key(name), "{name}");
    }
}

#[test]
fn a_checked_handshake_keeps_its_headers() {
    let kind = Kind { web_socket: true, ..Kind::default() };
    let sent = [("upgrade", "WebSocket"), ("connection", "Upgrade, x"), ("sec-websocket-key", "k")];
    let headers = forwarded(&client(&sent), &OURS, kind).unwrap();
    assert_ours(&headers);
    assert_eq!(only(&headers, "upgrade"), "websocket");
    assert_eq!(only(&headers, "connection"), "upgrade");
    assert_eq!(only(&headers, "sec-websocket-key"), "k");
}

#[test]
fn h06_platform_cookies_are_removed_and_others_pass_byte_for_byte() {
    let check = |sent: &str, expected: Option<&str>| {
        let headers = forward(&[("cookie", sent)]);
        assert_eq!(headers.get("cookie").map(|value| value.to_str().unwrap()), expected, "{sent:?}");
    };
    check("a=1;  b=\"2\"; c", Some("a=1;  b=\"2\"; c"));
    check("__Host-vybe_session=x", None);
    check("a=1; __Host-vybe_session=x; b=2", Some("a=1; b=2"));
    check("__Host-vybe_session=x; a=1;b = 2 ", Some("a=1;b = 2 "));
    check("a=1; __HOST-VYBE_session=x", Some("a=1"));
    check("a=1;__Host-vybe_hand_off=x", Some("a=1"));
    check("a=1; =__Host-vybe_session=x", Some("a=1"));
    check("a=1; __Host-vybe_session", Some("a=1"));
    check("vybe=1; my__Host-vybe_session=1", Some("vybe=1; my__Host-vybe_session=1"));
}

#[test]
fn h10_a_name_with_any_characters_is_one_harmless_header() {
    for (name, expected) in [
        ("Ada Lovelace", "Ada%20Lovelace"),
        ("a\r\nx-evil: 1", "a%0D%0Ax-evil%3A%201"),
        ("a,b", "a%2Cb"),
        ("Łukasz 漢字", "%C5%81ukasz%20%E6%BC%A2%E5%AD%97"),
        ("\u{202e}abc\0", "%E2%80%AEabc%00"),
    ] {
        let identity = Identity { name, ..OURS };
        let headers = forwarded(&client(&[]), &identity, Kind::default()).unwrap();
        assert_eq!(only(&headers, "x-vybe-user-name"), expected);
    }
    let identity = Identity { email: "a@b\r\nx: y", ..OURS };
    assert_eq!(forwarded(&client(&[]), &identity, Kind::default()), Err(IdentityHeaderError));
}
