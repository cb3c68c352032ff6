//! The endpoints as a browser sees them.

use endpoint::SESSION_COOKIE;
use identity::{Lifetimes, Provider};
use serde_json::{Value, json};
use test_support::hostile_issuer::{Conduct, Signing};
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, OPEN_LABEL, PROVIDER, now, sign_in_from};

on_both_stores! {
    async fn c01_the_session_cookie_is_for_one_host_and_no_script(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let begun = server.client.get(&house.platform(&format!("/login/{PROVIDER}"))).await;
        let back = house.issuer.authorize(begun.location());
        let answer = server.client.get(back.as_str()).await;
        let cookie = answer.headers_named("set-cookie").find(|cookie| cookie.starts_with(SESSION_COOKIE)).unwrap();
        for attribute in ["__Host-", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(cookie.contains(attribute), "{attribute}: {cookie}");
        }
        assert!(!cookie.to_ascii_lowercase().contains("domain"), "{cookie}");
        assert_eq!(answer.location(), house.platform("/"));
    }

    async fn existing_apps_read_the_session_as_before(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let read = house.platform("/api/auth/get-session");
        assert_eq!(server.client.get(&read).await.status, 401);
        sign_in_from(&house, &server.client, &house.platform("/login?return_to=%2F")).await;
        let answer = server.client.get(&read).await;
        assert_eq!(answer.status, 200);
        let document = answer.json();
        assert_eq!(document["user"]["email"], "ada@example.com");
        assert_eq!(document["user"]["name"], "Ada Lovelace");
        assert_eq!(document["user"]["image"], Value::Null);
        assert!(document["user"]["id"].as_str().unwrap().starts_with("usr_"));
        assert!(document["session"]["id"].as_str().unwrap().starts_with("ses_"));
        assert_eq!(document["session"]["userId"], document["user"]["id"]);
        let expires = document["session"]["expiresAt"].as_str().unwrap();
        assert!(expires.len() == 24 && expires.ends_with('Z'), "{expires}");
        let cookie = server.client.cookie("vybe.test", SESSION_COOKIE).unwrap();
        assert!(!answer.text().contains(&cookie));
    }

    async fn c02_the_old_cookie_is_dead_after_sign_out(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let client = &server.client;
        let page = sign_in_from(&house, client, &house.app(OPEN_LABEL, "/")).await;
        assert_eq!(page.status, 200);
        let thief = client.copy();
        let app_origin = house.sites.origin_of(OPEN_LABEL);
        let out = client
            .request("POST", &house.platform("/api/auth/sign-out"))
            .header("origin", &app_origin)
            .header("sec-fetch-site", "same-site")
            .send()
            .await;
        assert_eq!((out.status, out.json()["success"].as_bool()), (200, Some(true)), "{}", out.text());
        assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
        assert_eq!(thief.get(&house.platform("/api/auth/get-session")).await.status, 401);
        assert_eq!(thief.get(&house.app(OPEN_LABEL, "/")).await.status, 302, "sent to sign in");
    }

    async fn c10_sessions_are_listed_and_ended_over_http(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let (first, second) = (&server.client, server.other_browser());
        for client in [first, &second] {
            sign_in_from(&house, client, &house.platform("/login?return_to=%2F")).await;
        }
        let list = first.get(&house.platform("/api/v1/sessions")).await.json();
        let sessions = list["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 2);
        let other = sessions.iter().find(|session| session["current"] == false).unwrap()["id"].as_str().unwrap();
        let origin = house.sites.platform_origin();
        let delete = async |path: &str| {
            first.request("DELETE", &house.platform(path)).header("origin", &origin).send().await
        };
        let ended = delete(&format!("/api/v1/sessions/{other}")).await;
        assert_eq!((ended.status, &ended.json()["sessionsEnded"]), (200, &serde_json::json!(1)));
        assert_eq!(second.get(&house.platform("/api/v1/sessions")).await.status, 401);
        assert_eq!(delete(&format!("/api/v1/sessions/{other}")).await.status, 404);
        let ended = delete("/api/v1/sessions").await;
        assert_eq!((ended.status, &ended.json()["sessionsEnded"]), (200, &serde_json::json!(1)));
        assert_eq!(first.get(&house.platform("/api/v1/sessions")).await.status, 401);
    }

    async fn the_sign_out_button_leads_to_the_sign_in_page(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        sign_in_from(&house, &server.client, &house.platform("/login?return_to=%2F")).await;
        let origin = house.sites.platform_origin();
        let out = server.client.request("POST", &house.platform("/logout")).header("origin", &origin).form(&[]).send().await;
        assert_eq!((out.status, out.location()), (303, "/login"));
        let page = server.client.get(&house.platform("/login")).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("Sign in with Hostile"), "{}", page.text());
    }

    async fn o24_what_the_provider_writes_is_never_shown(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let begun = server.client.get(&house.platform(&format!("/login/{PROVIDER}"))).await;
        let back = house.issuer.authorize(begun.location());
        let state = crate::house::parameter(&back, "state").unwrap();
        let marker = "marker-that-must-not-come-back";
        let url = house.platform(&format!(
            "/login/{PROVIDER}/callback?state={state}&error={marker}&error_description=<script>{marker}&error_uri=javascript:{marker}"
        ));
        let url = url.replace('<', "%3C").replace('>', "%3E");
        let page = server.client.request("GET", &url).header("accept", "text/html").send().await;
        assert_eq!(page.status, 403);
        assert!(!page.text().contains(marker) && !page.text().contains("script"), "{}", page.text());
        assert!(page.text().contains("req_"), "the page names the request");
        assert!(page.headers_named("set-cookie").next().is_none());
        let huge = house.platform(&format!("/login/{PROVIDER}/callback?error_description={}", "x".repeat(1024 * 1024)));
        let status = server.client.get(&huge).await.status;
        assert!((400..500).contains(&status), "{status}");
    }

    async fn o25_a_callback_comes_once_by_get_to_the_platform(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let client = &server.client;
        let begin = async || {
            let begun = client.get(&house.platform(&format!("/login/{PROVIDER}"))).await;
            house.issuer.authorize(begun.location())
        };
        let url = begin().await;
        let posted = client.request("POST", url.as_str()).header("origin", house.issuer.issuer()).send().await;
        assert_eq!(posted.status, 405);
        let doubled = format!("{url}&code=another");
        assert_eq!(client.get(&doubled).await.status, 400);
        let doubled = format!("{url}&state=another");
        assert_eq!(client.get(&doubled).await.status, 400);
        let on_app = url.as_str().replace("//vybe.test", &format!("//{OPEN_LABEL}.vybe.test"));
        let answer = client.get(&on_app).await;
        assert!(answer.headers_named("set-cookie").all(|cookie| !cookie.starts_with(SESSION_COOKIE)));
        // None of this used the attempt up, and none signed in.
        assert_eq!(client.cookie("vybe.test", SESSION_COOKIE), None);
        assert_eq!(client.get(url.as_str()).await.status, 302);
        assert!(client.cookie("vybe.test", SESSION_COOKIE).is_some());
    }

    async fn every_lie_ends_on_a_page_without_a_session(database: TestDatabase) {
        let lifetimes = Lifetimes::default();
        let admits = |provider: &mut Provider| provider.hosted_domains = vec!["acme.test".to_owned()];
        let mut house = House::with(database, lifetimes, admits).await;
        let server = house.serve();
        let claim = |name, value: Value| Conduct {
            claims: vec![("hd", Some(json!("acme.test"))), (name, Some(value))],
            ..Conduct::default()
        };
        let signed = |signing| Conduct { signing, ..claim("name", json!("Ada")) };
        let (not_proved, unverified) = ("Nobody was signed in", "e-mail address is not verified");
        let outside = "does not belong to a domain that may sign in here";
        for (case, conduct, words) in [
            ("wrong nonce", claim("nonce", json!("x")), not_proved),
            ("expired", claim("exp", json!(now().unix_timestamp() - 1)), not_proved),
            ("wrong audience", claim("aud", json!("another-client")), not_proved),
            ("wrong issuer", claim("iss", json!("https://elsewhere.test")), not_proved),
            ("alg none", signed(Signing::None), not_proved),
            ("HMAC with the public key", signed(Signing::HmacWithPublicKey), not_proved),
            ("foreign key", signed(Signing::ForeignKey), not_proved),
            ("unverified e-mail", claim("email_verified", json!(false)), unverified),
            ("two addresses in one", claim("email", json!("a@evil.test@acme.test")), unverified),
            ("unknown hosted domain", claim("hd", json!("elsewhere.test")), outside),
            ("no hosted domain", Conduct::default(), outside),
        ] {
            house.issuer.conduct(conduct);
            let browser = server.other_browser();
            let page = sign_in_from(&house, &browser, &house.platform("/login?return_to=%2F")).await;
            assert_eq!(page.status, 403, "{case}: {}", page.text());
            assert!(page.header("content-type").unwrap().starts_with("text/html"), "{case}");
            assert!(page.text().contains(words), "{case}: {}", page.text());
            assert_eq!(browser.cookie("vybe.test", SESSION_COOKIE), None, "{case}");
        }
        house.issuer.conduct(claim("name", json!("Ada")));
        let browser = server.other_browser();
        sign_in_from(&house, &browser, &house.platform("/login?return_to=%2F")).await;
        assert!(browser.cookie("vybe.test", SESSION_COOKIE).is_some(), "the truth is believed");
    }

    async fn the_published_keys_may_be_kept_for_a_while(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let answer = server.client.get(&house.platform("/.well-known/jwks.json")).await;
        let key = &answer.json()["keys"][0];
        assert_eq!((key["kty"].as_str(), key["crv"].as_str()), (Some("OKP"), Some("Ed25519")));
        assert_eq!((key["use"].as_str(), key["alg"].as_str()), (Some("sig"), Some("EdDSA")));
        assert_eq!(key["x"].as_str().unwrap().len(), 43);
        assert_eq!(key.as_object().unwrap().len(), 6, "nothing private");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    }

    async fn an_unknown_provider_is_a_404(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        for path in ["/login/nobody", "/login/nobody/callback?state=x&code=y"] {
            assert_eq!(server.client.get(&house.platform(path)).await.status, 404, "{path}");
        }
    }
}
