//! What an app is told about the person, and what it may tell the browser.

use crate::house::{HELLO, House, Plan};

#[tokio::test]
async fn h01_h02_h05_identity_is_ours_and_there_once() {
    let house = House::build().await;
    let forged = "x-vybe-user-id: usr_victim\r\nX-Vybe-User-Email: victim@acme.test\r\nx-vybe-user-token: a.b.c\r\n\
        X-VYBE-USER-NAME: Victim\r\nx_vybe_user_id: usr_victim\r\nVYBE_SERVER_SECRET: x\r\nvybe-server-secret: x\r\n\
        x-forwarded-host: evil.test\r\nx-forwarded-proto: http\r\nx-forwarded-for: 1.2.3.4\r\nforwarded: for=1.2.3.4\r\n\
        x-real-ip: 1.2.3.4\r\nx-request-id: mine\r\nx-original-url: /admin\r\nx-rewrite-url: /admin\r\n";
    let answer = house.ask("GET /", forged).await;
    assert_eq!(answer.status, 200);
    let seen = &house.upstream.seen()[0];
    assert_eq!(seen.only("x-vybe-user-id"), house.member.signed_in.user.to_string());
    assert_eq!(seen.only("x-vybe-user-email"), "member@acme.test");
    assert_eq!(seen.only("x-vybe-user-name"), "Milo%20Member");
    assert_eq!(seen.only("x-vybe-user-token").split('.').count(), 3);
    assert_ne!(seen.only("x-vybe-user-token"), "a.b.c");
    assert_eq!(seen.only("x-forwarded-host"), house.host(HELLO));
    assert_eq!(seen.only("x-forwarded-proto"), "https");
    assert_eq!(seen.only("x-forwarded-for"), "127.0.0.1");
    assert_eq!(seen.only("host"), house.host(HELLO));
    assert_eq!(seen.only("x-request-id"), answer.header("x-request-id").unwrap());
    for forgery in ["usr_victim", "victim", "Victim", "evil.test", "1.2.3.4", "SECRET", "secret", "/admin"] {
        assert!(!seen.head.contains(forgery), "{forgery} in {}", seen.head);
    }
}

#[tokio::test]
async fn h03_connection_header_cannot_remove_identity() {
    let house = House::build().await;
    for connection in [
        "close, x-vybe-user-email",
        "X-Vybe-User-Token, x-vybe-user-id",
        "keep-alive , X-VYBE-USER-NAME, host, x-forwarded-host",
    ] {
        assert_eq!(house.ask("GET /", &format!("connection: {connection}\r\n")).await.status, 200);
        let seen = house.upstream.seen().pop().unwrap();
        for name in ["x-vybe-user-email", "x-vybe-user-token", "x-vybe-user-id", "x-vybe-user-name", "host"] {
            assert!(!seen.only(name).is_empty(), "{name} with {connection}");
        }
    }
}

#[tokio::test]
async fn h04_other_spellings_do_not_reach_the_app() {
    let house = House::build().await;
    for name in ["x_vybe_user_email", "X-Vybe_User-Email", "x.vybe.user.email", "vybe_server-secret", "a_b"] {
        assert_eq!(house.ask("GET /", &format!("{name}: forged\r\n")).await.status, 200);
        let seen = house.upstream.seen().pop().unwrap();
        assert!(!seen.head.contains("forged"), "{name}");
    }
    assert_eq!(house.ask("GET /", "x-vybe-user-email : forged\r\n").await.status, 400);
}

#[tokio::test]
async fn h06_the_app_never_sees_a_token_of_the_platforms_api() {
    let house = House::build().await;
    for token in
        ["Bearer vybe_api_0123_secret", "bearer  vybe_agent_secret", "Bearer x, Bearer VYBE_API_secret"]
    {
        assert_eq!(house.ask("GET /", &format!("authorization: {token}\r\n")).await.status, 200);
        let seen = house.upstream.seen().pop().unwrap();
        assert!(!seen.head.contains("secret"), "{}", seen.head);
    }
    // What an app uses the header for otherwise is the app's business.
    for own in ["Bearer of-the-apps-own", "Bearer vybe", "Basic dTpw"] {
        assert_eq!(house.ask("GET /", &format!("authorization: {own}\r\n")).await.status, 200);
        assert_eq!(house.upstream.seen().pop().unwrap().only("authorization"), own);
    }
}

#[tokio::test]
async fn h06_the_app_never_sees_a_platform_cookie() {
    let house = House::build().await;
    let session = house.cookie(&house.member, HELLO);
    let session = session.trim_end().strip_prefix("cookie: ").unwrap();
    for cookies in [
        format!("cookie: theme=\"dark; {session}; __Host-vybe_hand_off=secret; lang=de\r\n"),
        format!(
            "cookie: theme=\"dark\r\ncookie: {session}\r\ncookie: lang=de; __Host-vybe_sign_in=secret\r\n"
        ),
    ] {
        let mut connection = house.connect(HELLO).await;
        let answer = connection.exchange(house.head_on(HELLO, "GET /", &cookies, "")).await.unwrap();
        assert_eq!(answer.status, 200);
        let seen = house.upstream.seen().pop().unwrap();
        assert!(!seen.head.to_ascii_lowercase().contains("__host"), "{}", seen.head);
        assert!(seen.head.contains("theme=\"dark") && seen.head.contains("lang=de"), "{}", seen.head);
    }
}

#[tokio::test]
async fn h07_an_app_does_not_speak_for_the_platform() {
    let house = House::build().await;
    let answer = house.ask("GET /headers", "").await;
    assert_eq!(answer.status, 200);
    let cookies: Vec<_> = answer.headers_named("set-cookie").collect();
    assert_eq!(cookies, ["a=1; Path=/"]);
    assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000; includeSubDomains"));
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
    for name in ["x-vybe-user-id", "x_vybe_token", "clear-site-data", "alt-svc", "x-hop", "connection"] {
        assert_eq!(answer.header(name), None, "{name}");
    }
}

#[tokio::test]
async fn h08_identity_headers_of_strangers_go_nowhere() {
    let house = House::build().await;
    let mut connection = house.connect(HELLO).await;
    let head = house.head_on(HELLO, "GET /health", "", "x-vybe-user-id: usr_victim\r\n");
    assert_eq!(connection.exchange(head).await.unwrap().status, 401);
    assert_eq!(house.upstream.connections(), 0);
}

#[tokio::test]
async fn h10_a_name_with_any_characters_is_one_header() {
    let house = House::with(Plan { member_name: "Łukasz, \"漢\"\u{a0}x", ..Plan::default() }).await;
    assert_eq!(house.ask("GET /", "").await.status, 200);
    let seen = house.upstream.seen().pop().unwrap();
    assert_eq!(seen.only("x-vybe-user-name"), "%C5%81ukasz%2C%20%22%E6%BC%A2%22%C2%A0x");
}

#[tokio::test]
async fn p08_p12_internal_and_overriding_headers_do_not_reach_the_app() {
    let house = House::build().await;
    let headers = "x-middleware-subrequest: middleware:middleware:middleware:middleware:middleware\r\n\
        x-middleware-rewrite: marker\r\nx-invoke-path: marker\r\nx-matched-path: marker\r\nx-now-route-matches: marker\r\n\
        x-nextjs-data: marker\r\nx-prerender-revalidate: marker\r\nx-vercel-ip: marker\r\n\
        x-http-method-override: marker\r\nx-method-override: marker\r\nte: trailers\r\n";
    assert_eq!(house.ask("GET /", headers).await.status, 200);
    let seen = house.upstream.seen().pop().unwrap();
    assert!(!seen.head.contains("marker") && !seen.head.contains("middleware"), "{}", seen.head);
    assert!(seen.values("te").is_empty());
    assert_eq!(house.ask("GET /_next/data/build/x.json", "x-nextjs-data: 1\r\n").await.status, 200);
    assert_eq!(house.upstream.seen().pop().unwrap().only("x-nextjs-data"), "1");
}

#[tokio::test]
async fn the_user_token_is_used_again_for_a_while_and_for_one_app_only() {
    let house = House::build().await;
    for _ in 0..2 {
        assert_eq!(house.ask("GET /", "").await.status, 200);
    }
    let seen = house.upstream.seen();
    assert_eq!(seen[0].only("x-vybe-user-token"), seen[1].only("x-vybe-user-token"));
    let mut connection = house.connect(HELLO).await;
    assert_eq!(connection.exchange(house.head("GET /", &house.owner, "")).await.unwrap().status, 200);
    let owner = house.upstream.seen().pop().unwrap();
    assert_ne!(seen[0].only("x-vybe-user-token"), owner.only("x-vybe-user-token"));
}

#[tokio::test]
async fn c08_the_page_of_another_app_changes_nothing_here() {
    let house = House::build().await;
    let own = house.host(HELLO);
    let length = "content-length: 0\r\n";
    let evil = "origin: https://evil-acme.vybe.test\r\n";
    let foreign = [
        format!("{evil}sec-fetch-site: same-site\r\n"),
        evil.to_owned(),
        "origin: null\r\n".to_owned(),
        "sec-fetch-site: same-site\r\nsec-fetch-mode: navigate\r\n".to_owned(),
        format!("origin: https://{own}\r\n{evil}"),
        format!("origin: https://{own}.evil.test\r\n"),
    ];
    for headers in &foreign {
        for line in ["POST /x", "PUT /x", "DELETE /x", "PATCH /x", "PURGE /x"] {
            for kind in ["", "content-type: text/plain\r\n", "content-type: application/json\r\n"] {
                let answer = house.ask(line, &format!("{headers}{kind}{length}")).await;
                assert_eq!(answer.status, 403, "{line} {headers}");
                assert!(answer.json()["decisionId"].is_string(), "{}", answer.text());
            }
        }
    }
    assert!(house.upstream.seen().is_empty(), "{:?}", house.upstream.seen()[0].head);
    let own_pages = [
        format!("origin: https://{own}\r\nsec-fetch-site: same-origin\r\n"),
        "origin: null\r\nsec-fetch-site: same-origin\r\n".to_owned(),
        format!("origin: https://{own}\r\n"),
        String::new(),
    ];
    for headers in &own_pages {
        assert_eq!(house.ask("POST /x", &format!("{headers}{length}")).await.status, 200, "{headers}");
    }
    // A link on another app's page is followed.
    assert_eq!(
        house.ask("GET /x", "sec-fetch-site: same-site\r\nsec-fetch-mode: navigate\r\n").await.status,
        200
    );
}
