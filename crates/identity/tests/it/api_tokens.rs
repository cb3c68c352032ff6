//! API tokens: made by a browser's session, good for programs, dead when revoked.

use access_control::{
    AppFacts, EndOwnSession, Facts, FactsUnavailable, ListApiTokens, ListOwnSessions, ManageApiTokens, Means,
    OrganizationFacts, Principal, ReadOwnSession, Refusal, authorize,
};
use endpoint::SESSION_COOKIE;
use identity::{
    ApiTokenLife, CookieHost, IdentityError, Lifetimes, LiveSession, MadeApiToken, NewApiToken, SessionError,
};
use ids::{AppId, OrganizationId, RequestId, SessionId};
use serde_json::{Value, json};
use std::sync::Arc;
use test_support::{Client, TestDatabase, on_both_stores};
use time::Duration;

use crate::house::{House, app, now, own, sign_in_from};

/// A token of 30 days.
async fn make(house: &House, session: &LiveSession) -> MadeApiToken {
    try_make(house, session, 30).await.unwrap()
}

async fn try_make(house: &House, session: &LiveSession, days: u8) -> Result<MadeApiToken, IdentityError> {
    let new = NewApiToken { name: "pipeline".parse().unwrap(), life: ApiTokenLife::try_from(days).unwrap() };
    house.api_tokens.make(&own::<ManageApiTokens>(session), new, RequestId::generate(), now()).await
}

async fn with_bearer(client: &Client, url: &str, token: &str) -> u16 {
    client.request("GET", url).header("authorization", &format!("Bearer {token}")).send().await.status
}

struct Nothing;

impl Facts for Nothing {
    fn organization(&self, _: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(None)
    }

    fn app(&self, _: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(None)
    }
}

on_both_stores! {
    async fn a_token_is_its_person_with_the_sign_in_of_the_session_that_made_it(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        let made = make(&house, &browser).await;
        let session = house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        let (is, was) = (session.signed_in(), browser.signed_in());
        assert_eq!((is.user, is.means, is.session), (was.user, Means::ApiToken, made.token.id));
        assert_eq!(is.authenticated_at.unix_timestamp(), was.authenticated_at.unix_timestamp());
        assert_eq!(is.hosted_domain, was.hosted_domain);
        let again = house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        assert!(Arc::ptr_eq(&session, &again), "kept in memory");
    }

    async fn a_token_makes_no_tokens(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        let made = make(&house, &browser).await;
        let session = house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        let token = Principal::User(session.signed_in().clone());
        let refused = authorize::<ManageApiTokens>(Some(&token), (), &Nothing, now());
        assert_eq!(refused.err(), Some(Refusal::Forbidden));
        authorize::<ReadOwnSession>(Some(&token), (), &Nothing, now()).unwrap();
    }

    async fn a_token_survives_the_sign_out_and_a_restart_and_not_the_end_of_all_sessions(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        let made = make(&house, &browser).await;
        let session = house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        let end = own::<EndOwnSession>(&browser);
        house.sessions.end(&end, browser.signed_in().session, RequestId::generate()).await.unwrap();
        house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        let elsewhere = house.api_tokens_of(house.other_process(Lifetimes::default()));
        elsewhere.open(made.text.reveal(), now()).await.unwrap();
        let (_, another) = house.session().await;
        house.sessions.end_all(&own::<EndOwnSession>(&another), RequestId::generate()).await.unwrap();
        assert!(session.ended().is_cancelled());
        assert_eq!(house.api_tokens.open(made.text.reveal(), now()).await.err(), Some(SessionError::Invalid));
    }

    async fn a_revoked_token_is_dead_at_once(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        let (made, other) = (make(&house, &browser).await, make(&house, &browser).await);
        house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        let permit = own::<ManageApiTokens>(&browser);
        house.api_tokens.revoke(&permit, made.token.id, RequestId::generate()).await.unwrap();
        assert_eq!(house.api_tokens.open(made.text.reveal(), now()).await.err(), Some(SessionError::Invalid));
        house.api_tokens.open(other.text.reveal(), now()).await.unwrap();
        let again = house.api_tokens.revoke(&permit, made.token.id, RequestId::generate()).await;
        assert!(matches!(again, Err(IdentityError::NotFound)));
    }

    async fn the_end_is_fixed_whatever_the_use(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        for days in [1, 90] {
            let made = try_make(&house, &browser, days).await.unwrap();
            let open = |at| house.api_tokens.open(made.text.reveal(), at);
            let end = made.token.created_at + Duration::days(i64::from(days));
            assert_eq!(made.token.expires_at, end);
            // Neither the seven idle days nor the thirty in all of browsers are its own.
            let expected = open(end - Duration::seconds(2)).await;
            assert!(expected.is_ok(), "{days} days: {expected:?}");
            assert_eq!(open(end).await.err(), Some(SessionError::Invalid), "{days} days");
        }
        let swept = house.sessions.sweep(now() + Duration::days(89)).await.unwrap();
        assert_eq!(swept, 2, "the browser's session and the token of one day");
        assert_eq!(house.sessions.sweep(now() + Duration::days(91)).await.unwrap(), 1);
    }

    async fn tokens_and_browsers_are_listed_apart(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        let made = make(&house, &browser).await;
        let tokens = house.api_tokens.list(&own::<ListApiTokens>(&browser), now()).await.unwrap();
        let listed: Vec<_> = tokens.iter().map(|token| (token.id, token.name.as_str())).collect();
        assert_eq!(listed, [(made.token.id, "pipeline")]);
        let sessions = house.sessions.list(&own::<ListOwnSessions>(&browser), now()).await.unwrap();
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0].id, browser.signed_in().session);
        // Nor does one end by the other's door.
        let end = own::<EndOwnSession>(&browser);
        let refused = house.sessions.end(&end, made.token.id, RequestId::generate()).await;
        assert!(matches!(refused, Err(IdentityError::NotFound)));
        let permit = own::<ManageApiTokens>(&browser);
        let refused = house.api_tokens.revoke(&permit, browser.signed_in().session, RequestId::generate()).await;
        assert!(matches!(refused, Err(IdentityError::NotFound)));
        let late = now() + Duration::days(31);
        assert!(house.api_tokens.list(&own::<ListApiTokens>(&browser), late).await.unwrap().is_empty());
    }

    async fn nobody_revokes_somebody_elses_token(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, ada) = house.session().await;
        let made = make(&house, &ada).await;
        house.issuer.conduct(test_support::hostile_issuer::Conduct {
            claims: vec![("sub", Some("eve".into())), ("email", Some("eve@example.com".into()))],
            ..Default::default()
        });
        let (_, eve) = house.session().await;
        for id in [made.token.id, SessionId::generate()] {
            let refused = house.api_tokens.revoke(&own::<ManageApiTokens>(&eve), id, RequestId::generate()).await;
            assert!(matches!(refused, Err(IdentityError::NotFound)));
        }
        house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        assert!(house.api_tokens.list(&own::<ListApiTokens>(&eve), now()).await.unwrap().is_empty());
    }

    async fn a_suspended_persons_tokens_are_dead(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        let made = make(&house, &browser).await;
        house.api_tokens.open(made.text.reveal(), now()).await.unwrap();
        house.users.suspend(browser.signed_in().user, now()).await.unwrap();
        assert_eq!(house.api_tokens.open(made.text.reveal(), now()).await.err(), Some(SessionError::Invalid));
        let elsewhere = house.api_tokens_of(house.other_process(Lifetimes::default()));
        assert_eq!(elsewhere.open(made.text.reveal(), now()).await.err(), Some(SessionError::Invalid));
    }

    async fn a_person_has_a_hundred_tokens_at_most(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, browser) = house.session().await;
        for _ in 0..100 {
            make(&house, &browser).await;
        }
        let refused = try_make(&house, &browser, 1).await;
        assert!(matches!(refused, Err(IdentityError::TooManyApiTokens)));
    }

    async fn no_token_is_made_by_a_session_that_has_ended(database: TestDatabase) {
        let house = House::on(database).await;
        for _ in 0..10 {
            let (_, browser) = house.session().await;
            let end = own::<EndOwnSession>(&browser);
            // The permit was given before all sessions ended; whichever comes first, no token is left.
            let (made, ended) = tokio::join!(
                try_make(&house, &browser, 1),
                house.sessions.end_all(&end, RequestId::generate())
            );
            ended.unwrap();
            match made {
                Ok(made) => {
                    let opened = house.api_tokens.open(made.text.reveal(), now()).await;
                    assert_eq!(opened.err(), Some(SessionError::Invalid));
                }
                Err(error) => assert!(matches!(error, IdentityError::SignedOut), "{error}"),
            }
        }
    }

    async fn a_token_and_a_cookie_do_not_stand_in_for_each_other(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        sign_in_from(&house, &server.client, &house.platform("/login?return_to=%2F")).await;
        let cookie = server.client.cookie("vybe.test", SESSION_COOKIE).unwrap();
        let browser = house.sessions.open(&cookie, CookieHost::Platform, now()).await.unwrap();
        let made = make(&house, &browser).await;
        let (token, read) = (made.text.reveal(), house.platform("/api/auth/get-session"));
        let program = server.other_browser();
        assert_eq!(with_bearer(&program, &read, token).await, 200);
        assert_eq!(with_bearer(&program, &read, &cookie).await, 401, "a cookie as a token");
        let as_cookie = program.request("GET", &read).header("cookie", &format!("{SESSION_COOKIE}={token}"));
        assert_eq!(as_cookie.send().await.status, 401, "a token as a cookie");
        assert_eq!(with_bearer(&server.client, &read, token).await, 401, "both at once");
        for (name, value) in [
            ("origin", house.sites.platform_origin()),
            ("origin", "null".to_owned()),
            ("sec-fetch-site", "same-origin".to_owned()),
            ("sec-fetch-site", "none".to_owned()),
        ] {
            let request = program.request("GET", &read).header("authorization", &format!("Bearer {token}"));
            assert_eq!(request.header(name, &value).send().await.status, 401, "{name}: {value}");
        }
        for value in [token.to_owned(), format!("Basic {token}"), format!("Bearer  {token}"), format!("Bearer {token},{token}")] {
            let request = program.request("GET", &read).header("authorization", &value);
            assert_eq!(request.send().await.status, 401, "{value}");
        }
        // No token names it to an app, not even one that is signed with our key.
        let session = house.api_tokens.open(token, now()).await.unwrap();
        let app = app();
        let user_token = house.user_tokens.mint(&session, app, now());
        let verified = house.user_tokens.verify(&user_token, app, now()).await;
        assert_eq!(verified.err(), Some(SessionError::Invalid));
    }

    async fn tokens_over_http(database: TestDatabase) {
        let mut house = House::on(database).await;
        let server = house.serve();
        sign_in_from(&house, &server.client, &house.platform("/login?return_to=%2F")).await;
        let (origin, tokens) = (house.sites.platform_origin(), house.platform("/api/v1/api-tokens"));
        let post = async |body: Value| {
            server.client.request("POST", &tokens).header("origin", &origin).json(&body).send().await
        };
        for body in [
            json!({}),
            json!({ "name": "" }),
            json!({ "name": "x", "expiresInDays": 0 }),
            json!({ "name": "x", "expiresInDays": 91 }),
            json!({ "name": "x", "expiresInDays": 1.5 }),
            json!({ "name": "x", "user": "usr_1" }),
        ] {
            assert_eq!(post(body.clone()).await.status, 422, "{body}");
        }
        let made = post(json!({ "name": "pipeline" })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let (id, value) = (made.json()["id"].clone(), made.json()["value"].as_str().unwrap().to_owned());
        let days = |made: &Value| {
            let instant = |name: &str| {
                let format = &time::format_description::well_known::Rfc3339;
                time::OffsetDateTime::parse(made[name].as_str().unwrap(), format).unwrap()
            };
            (instant("expiresAt") - instant("createdAt")).whole_days()
        };
        assert_eq!(days(&made.json()), 30);
        let listed = server.client.get(&tokens).await;
        assert_eq!(listed.json()["apiTokens"][0]["id"], id);
        assert!(!listed.text().contains("value") && !listed.text().contains(&value), "shown once");

        let program = server.other_browser();
        let bearer = format!("Bearer {value}");
        let by_token = async |method: &str, url: &str| {
            let request = program.request(method, url).header("authorization", &bearer);
            request.json(&json!({ "name": "another" })).send().await.status
        };
        let own = format!("{tokens}/{}", id.as_str().unwrap());
        assert_eq!(with_bearer(&program, &tokens, &value).await, 200);
        assert_eq!(by_token("POST", &tokens).await, 403, "a token makes no tokens");
        assert_eq!(by_token("DELETE", &own).await, 403);
        let delete = server.client.request("DELETE", &own).header("origin", &origin);
        let revoked = delete.send().await;
        assert_eq!((revoked.status, &revoked.json()["apiTokensEnded"]), (200, &json!(1)));
        assert_eq!(with_bearer(&program, &tokens, &value).await, 401, "the very next request");
        assert_eq!(by_token("DELETE", &own).await, 401);
    }
}
