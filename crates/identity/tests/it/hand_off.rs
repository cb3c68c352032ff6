//! Codes that carry a session to an app host, over real connections.

use access_control::RedeemHandOff;
use endpoint::SESSION_COOKIE;
use identity::{CookieHost, HAND_OFF_COOKIE, HandOff, HandOffError};
use test_support::{TestDatabase, on_both_stores};
use time::Duration;
use url::Url;

use crate::house::{House, OPEN_LABEL, now, parameter, public, sign_in_from};

/// A browser that is signed in on the platform and was sent there by the app; answers the address with
/// the code.
async fn code_for(house: &House, client: &test_support::Client, path: &str) -> Url {
    sign_in_from(house, client, &house.platform("/login?return_to=%2F")).await;
    let away = client.get(&house.app(OPEN_LABEL, path)).await;
    assert_eq!(away.status, 302);
    let answer = client.get(away.location()).await;
    assert_eq!(answer.status, 302, "{}", answer.text());
    Url::parse(answer.location()).unwrap()
}

on_both_stores! {
    async fn one_sign_in_serves_an_app_host_and_keeps_the_deep_link(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let deep = house.app(OPEN_LABEL, "/reports/2024?q=a%20b&r=//x");
        let page = sign_in_from(&house, &server.client, &deep).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(page.text(), "ada@example.com at /reports/2024?q=a%20b&r=//x");
        assert_eq!(page.url.unwrap().as_str(), deep);
        let app_host = format!("{OPEN_LABEL}.vybe.test");
        let on_app = server.client.cookie(&app_host, SESSION_COOKIE).unwrap();
        let on_platform = server.client.cookie("vybe.test", SESSION_COOKIE).unwrap();
        assert_ne!(on_app, on_platform);
        assert!(house.sessions.open(&on_app, CookieHost::Platform, now()).await.is_err());
    }

    async fn c05_a_code_is_single_use_and_bound_to_host_and_browser(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let client = &server.client;
        // Another browser.
        let address = code_for(&house, client, "/x").await;
        let stranger = server.other_browser();
        stranger.get(&house.app(OPEN_LABEL, "/")).await;
        assert!(stranger.cookie(&format!("{OPEN_LABEL}.vybe.test"), HAND_OFF_COOKIE).is_some());
        let stolen = stranger.get(address.as_str()).await;
        assert_eq!((stolen.status, stolen.header("set-cookie")), (400, None));
        let burnt = client.get(address.as_str()).await;
        assert_eq!(burnt.status, 400, "a code that was shown to a stranger is used up");
        // Another host, same browser.
        let address = code_for(&house, client, "/x").await;
        let elsewhere = address.as_str().replace(OPEN_LABEL, "other-acme");
        let mine = client.cookie(&format!("{OPEN_LABEL}.vybe.test"), HAND_OFF_COOKIE).unwrap();
        let same = format!("{HAND_OFF_COOKIE}={mine}; Path=/; Secure");
        client.set_cookie(&house.app("other-acme", "/"), &same);
        let refused = client.get(&elsewhere).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (400, None));
        // Without the cookie.
        let address = code_for(&house, client, "/x").await;
        let bare = server.other_browser().get(address.as_str()).await;
        assert_eq!((bare.status, bare.header("set-cookie")), (400, None));
        // Twice.
        let address = code_for(&house, client, "/x").await;
        let first = client.get(address.as_str()).await;
        assert_eq!((first.status, first.location()), (302, house.app(OPEN_LABEL, "/x").as_str()));
        assert!(first.header("set-cookie").unwrap().starts_with("__Host-vybe_session="));
        let second = client.get(address.as_str()).await;
        assert_eq!((second.status, second.header("set-cookie")), (400, None));
        for code in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            let refused = client.get(&house.app(OPEN_LABEL, &format!("/.vybe/session?code={code}"))).await;
            assert_eq!(refused.status, 400);
        }
    }

    async fn c05_a_code_lives_sixty_seconds(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let client = &server.client;
        let redeem = async |after: Duration| {
            client.forget();
            let address = code_for(&house, client, "/x").await;
            let code = parameter(&address, "code").unwrap();
            let cookie = client.cookie(&format!("{OPEN_LABEL}.vybe.test"), HAND_OFF_COOKIE);
            house
                .hand_off
                .redeem(&public::<RedeemHandOff>(), OPEN_LABEL, &code, cookie.as_deref(), now() + after)
                .await
        };
        redeem(Duration::seconds(55)).await.unwrap();
        assert!(matches!(redeem(Duration::seconds(61)).await, Err(HandOffError::Refused)));
    }

    async fn a_code_of_an_ended_session_is_worth_nothing(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let address = code_for(&house, &server.client, "/x").await;
        let out = server
            .client
            .request("POST", &house.platform("/api/auth/sign-out"))
            .header("origin", &house.sites.platform_origin())
            .send()
            .await;
        assert_eq!(out.status, 200, "{}", out.text());
        let refused = server.client.get(address.as_str()).await;
        assert_eq!((refused.status, refused.header("set-cookie")), (400, None));
    }

    async fn an_app_one_may_not_see_looks_like_none(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let client = &server.client;
        sign_in_from(&house, client, &house.platform("/login?return_to=%2F")).await;
        let mut answers = Vec::new();
        for label in ["secret-acme", "missing-acme"] {
            let away = client.get(&house.app(label, "/")).await;
            assert_eq!(away.status, 302, "nobody can tell before signing in");
            let answer = client.get(away.location()).await;
            assert_eq!((answer.status, answer.header("set-cookie")), (404, None));
            let mut document = answer.json();
            document.as_object_mut().unwrap().remove("requestId");
            answers.push(document);
        }
        assert_eq!(answers[0], answers[1]);
    }

    async fn several_tabs_of_one_browser_all_come_back(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let client = &server.client;
        let first = client.get(&house.app(OPEN_LABEL, "/one")).await;
        let second = client.get(&house.app(OPEN_LABEL, "/two")).await;
        let (first, second) = (first.location().to_owned(), second.location().to_owned());
        let page = sign_in_from(&house, client, &first).await;
        assert_eq!(page.text(), "ada@example.com at /one");
        let page = sign_in_from(&house, client, &second).await;
        assert_eq!(page.text(), "ada@example.com at /two");
    }
}

#[test]
fn a_departure_names_the_browser_by_a_hash_only() {
    let sites = endpoint::Sites::new("vybe.test", "vybe.test", 443);
    let departure = HandOff::begin("hello-acme", "//evil.test/?x=1", None, &sites).unwrap();
    let location = Url::parse(&departure.location).unwrap();
    assert_eq!((location.host_str(), location.path()), (Some("vybe.test"), "/login"));
    assert_eq!(
        parameter(&location, "return_to").as_deref(),
        Some("https://hello-acme.vybe.test//evil.test/?x=1")
    );
    let secret = crate::house::value_of(&departure.set_cookie);
    assert!(!departure.location.contains(secret));
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(departure.set_cookie.contains(attribute), "{attribute}");
    }
    assert!(!departure.set_cookie.contains("Domain"));
    let again = HandOff::begin("hello-acme", "/", Some(secret), &sites).unwrap();
    assert_eq!(crate::house::value_of(&again.set_cookie), secret, "tabs share it");
}
