//! How recent a sign-in is, and asking for a more recent one.

use std::sync::Arc;

use access_control::SignInAge;
use endpoint::SESSION_COOKIE;
use identity::{
    Browser, Callback, CookieHost, Lifetimes, LiveSession, Provider, Reauthentication, SignInError,
    SignInWish,
};
use ids::RequestId;
use serde_json::{Value, json};
use test_support::hostile_issuer::Conduct;
use test_support::{TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::house::{House, OPEN_LABEL, PROVIDER, now, parameter, public, sign_in_from, value_of};

/// Signs in at the provider, which was asked for a sign-in of the last so many minutes.
async fn sign_in(house: &House, minutes: Option<u32>) -> Result<Arc<LiveSession>, SignInError> {
    let sign_in_within = minutes.map(|minutes| SignInAge::try_from(minutes).unwrap());
    let wish = SignInWish { return_to: "/", sign_in_within };
    let begun = house.sign_ins.begin(&public(), PROVIDER, wish, None, now()).await?;
    let back = house.issuer.authorize(&begun.location);
    let (state, code, issuer) =
        (parameter(&back, "state"), parameter(&back, "code"), parameter(&back, "iss"));
    let callback =
        Callback { state: state.as_deref(), code: code.as_deref(), issuer: issuer.as_deref(), error: None };
    let browser = Browser {
        sign_in_cookie: Some(value_of(&begun.set_cookie)),
        session_cookie: None,
        user_agent: "test browser",
    };
    let done =
        house.sign_ins.complete(&public(), PROVIDER, callback, browser, RequestId::generate(), now()).await?;
    let cookie = value_of(&done.set_cookie).to_owned();
    Ok(house.sessions.open(&cookie, CookieHost::Platform, now()).await.unwrap())
}

/// The provider's clock is so many seconds ahead, and the person signed in there so many seconds ago.
fn clock(house: &House, ahead: i64, signed_in_ago: Option<i64>) {
    let provider_now = now().unix_timestamp() + ahead;
    house.issuer.conduct(Conduct {
        claims: vec![
            ("iat", Some(json!(provider_now))),
            ("auth_time", signed_in_ago.map(|ago| json!(provider_now - ago))),
        ],
        ..Conduct::default()
    });
}

fn age(session: &LiveSession) -> i64 {
    (now() - session.signed_in().authenticated_at).whole_seconds()
}

on_both_stores! {
    async fn a_recent_sign_in_is_asked_for_and_the_token_has_to_show_it(database: TestDatabase) {
        let house = House::on(database).await;
        let location = async |minutes: Option<u32>| {
            let sign_in_within = minutes.map(|minutes| SignInAge::try_from(minutes).unwrap());
            let wish = SignInWish { return_to: "/", sign_in_within };
            let begun = house.sign_ins.begin(&public(), PROVIDER, wish, None, now()).await.unwrap();
            url::Url::parse(&begun.location).unwrap()
        };
        let asked = location(Some(15)).await;
        assert_eq!(parameter(&asked, "max_age").as_deref(), Some("900"));
        assert_eq!(parameter(&asked, "prompt").as_deref(), Some("login"));
        let plain = location(None).await;
        assert_eq!((parameter(&plain, "max_age"), parameter(&plain, "prompt")), (None, None));

        for (ago, lets_in) in [(Some(0), true), (Some(890), true), (Some(910), false), (None, false)] {
            clock(&house, 0, ago);
            let signed_in = sign_in(&house, Some(15)).await;
            assert_eq!(signed_in.is_ok(), lets_in, "{ago:?}: {signed_in:?}");
            match (signed_in, ago) {
                (Ok(session), Some(ago)) => assert!((age(&session) - ago).abs() <= 3, "{ago}"),
                (Err(SignInError::OldSignIn), Some(_)) | (Err(SignInError::NoSignInTime), None) => {}
                (other, _) => panic!("{ago:?}: {other:?}"),
            }
        }
    }

    async fn what_was_not_asked_for_is_believed_only_if_the_provider_says_so(database: TestDatabase) {
        let house = House::on(database).await;
        clock(&house, 0, Some(3600));
        assert!((age(&sign_in(&house, None).await.unwrap()) - 3600).abs() <= 3);
        // It may have let the person through on a sign-in of last month.
        clock(&house, 0, None);
        let unknown = sign_in(&house, None).await.unwrap();
        assert_eq!(unknown.signed_in().authenticated_at, OffsetDateTime::UNIX_EPOCH);
        let month = SignInAge::try_from(43_200).unwrap();
        assert!(!month.covers(unknown.signed_in().authenticated_at, now()));
    }

    async fn a_fresh_sign_in_satisfies_one_minute_whatever_the_clocks(database: TestDatabase) {
        let house = House::on(database).await;
        for ahead in [-60, -50, -10, 0, 10, 50, 58] {
            clock(&house, ahead, Some(1));
            let session = sign_in(&house, Some(1)).await.unwrap();
            let age = age(&session);
            assert!((0..=5).contains(&age), "{ahead} seconds ahead: {age}");
        }
        for ahead in [62, 3600] {
            clock(&house, ahead, Some(0));
            assert!(matches!(sign_in(&house, Some(1)).await, Err(SignInError::NotProved)), "{ahead}");
        }
        // A sign-in of the future is no sign-in of now.
        house.issuer.claim("auth_time", Some(json!(now().unix_timestamp() + 70)));
        assert!(matches!(sign_in(&house, Some(1)).await, Err(SignInError::NotProved)));
        for text in [json!("yesterday"), Value::Null, json!({})] {
            house.issuer.claim("auth_time", Some(text.clone()));
            assert!(sign_in(&house, Some(1)).await.is_err(), "{text}");
        }
        // The provider's clock makes no old sign-in younger than by the difference that is put up with.
        clock(&house, -600, Some(120));
        assert!(sign_in(&house, Some(1)).await.is_err());
    }

    async fn a_provider_without_auth_time_is_trusted_only_if_the_operator_says_so(database: TestDatabase) {
        let by_prompt = |provider: &mut Provider| provider.reauthentication = Reauthentication::Prompt;
        let house = House::with(database, Lifetimes::default(), by_prompt).await;
        let session = sign_in(&house, Some(1)).await.unwrap();
        assert!((0..=5).contains(&age(&session)));
        let unasked = sign_in(&house, None).await.unwrap();
        assert_eq!(unasked.signed_in().authenticated_at, OffsetDateTime::UNIX_EPOCH);
        let wish = SignInWish { return_to: "/", sign_in_within: SignInAge::try_from(5).ok() };
        let begun = house.sign_ins.begin(&public(), PROVIDER, wish, None, now()).await.unwrap();
        let asked = url::Url::parse(&begun.location).unwrap();
        assert_eq!(parameter(&asked, "prompt").as_deref(), Some("login"));
        assert_eq!(parameter(&asked, "max_age"), None, "it would not be kept");
    }

    async fn signing_in_anew_leads_back_and_ends_the_old_session(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        let client = &server.client;
        clock(&house, 0, Some(3600));
        let there = house.app(OPEN_LABEL, "/admin?year=2026");
        assert_eq!(sign_in_from(&house, client, &there).await.status, 200);
        let old = client.cookie("vybe.test", SESSION_COOKIE).unwrap();
        let recent_enough = |minutes: &str| {
            let mut login = url::Url::parse(&house.platform("/login")).unwrap();
            login.query_pairs_mut().append_pair("return_to", &there).append_pair("sign_in_within", minutes);
            login.to_string()
        };
        // An hour is recent enough for two: nobody is asked.
        let page = client.visit(&recent_enough("120")).await;
        assert_eq!((page.status, page.url.unwrap().as_str()), (200, there.as_str()));
        assert_eq!(client.cookie("vybe.test", SESSION_COOKIE).unwrap(), old);
        // The provider lets the person through on the old sign-in: a page says so, and there it ends.
        let page = sign_in_from(&house, client, &recent_enough("15")).await;
        assert_eq!(page.status, 403);
        assert!(page.text().contains("let you through on an older one"), "{}", page.text());
        assert_eq!(client.cookie("vybe.test", SESSION_COOKIE).unwrap(), old, "nobody was signed out");
        clock(&house, 0, None);
        let page = sign_in_from(&house, client, &recent_enough("15")).await;
        assert!(page.text().contains("does not say when you signed in"), "{}", page.text());
        // It asks for the password: back to the very same URL, with a new session.
        clock(&house, 0, Some(0));
        let page = sign_in_from(&house, client, &recent_enough("15")).await;
        assert_eq!((page.status, page.url.unwrap().as_str()), (200, there.as_str()));
        let new = client.cookie("vybe.test", SESSION_COOKIE).unwrap();
        assert_ne!(new, old);
        assert!(house.sessions.open(&old, CookieHost::Platform, now()).await.is_err());
        let before = house.sessions.open(&new, CookieHost::Platform, now()).await.unwrap();
        // Somebody else signs in at that moment: their own session, and nobody's old one.
        house.issuer.conduct(Conduct {
            claims: vec![
                ("sub", Some(json!("eve"))),
                ("email", Some(json!("eve@example.com"))),
                ("auth_time", Some(json!(now().unix_timestamp()))),
            ],
            ..Conduct::default()
        });
        let login = format!("{}?sign_in_within=1", house.platform(&format!("/login/{PROVIDER}")));
        sign_in_from(&house, client, &login).await;
        let eves = client.cookie("vybe.test", SESSION_COOKIE).unwrap();
        let eve = house.sessions.open(&eves, CookieHost::Platform, now()).await.unwrap();
        assert_ne!(eve.signed_in().user, before.signed_in().user);
        assert!(before.ended().is_cancelled());
    }
}
