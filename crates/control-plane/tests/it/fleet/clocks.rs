//! Replicas whose clocks are five minutes apart: whoever signs in at one is known to the other, and nothing ends early.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::observers::{Observer, wait_until};
use super::processes::{Fleet, ORIGIN, Plan, app_url, login};
use super::revocations::{Revocation, Subject, outlived};

/// By how many seconds a clock is wrong.
const WRONG: i64 = 300;
/// How many sign in so that each of their steps reaches another replica than the one before.
const SIGN_INS: usize = 8;
/// For how long at most somebody who may not be served is, however late a replica hears of it.
const STATED: Duration = Duration::from_secs(2);

async fn check(clocks: &[i64]) {
    let fleet = Fleet::start(&Plan { clocks, members: 3, sections: "" }).await;
    let hello = app_of(&fleet, "hello").await;
    let secrets = format!("{hello}/server-secrets");
    let secret = fleet.owner.done("POST", &secrets, &json!({ "environment": "preview" })).await;
    let secret = secret["value"].as_str().unwrap();
    // From the first page to the app's own session, each step at the other replica.
    let mut wrong = Vec::new();
    for number in 0..SIGN_INS {
        let visitor = fleet.visitor(&login(number % 3));
        // What comes first is served by one and the other in turn.
        if number % 2 == 1 {
            visitor.open_once(&format!("{ORIGIN}/login")).await.unwrap();
        }
        match visitor.sign_in(&fleet, &app_url("hello", "/echo")).await {
            Ok(page) if page.status == 200 => {}
            other => wrong.push(format!("{other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{clocks:?}: {} of {SIGN_INS} sign-ins failed, as {}", wrong.len(), wrong[0]);

    for here in 0..clocks.len() {
        let there = 1 - here;
        let member = fleet.signed_in_at(here, &login(here), "hello").await;
        let elsewhere = fleet.at(there, &member);
        let own = elsewhere.call("GET", "/api/auth/get-session", &Value::Null).await.unwrap();
        assert_eq!(own.status, 200, "{clocks:?}: a session of replica {here}: {}", own.text());
        // The user token that one made is worth as much at the other, for the app that got it.
        let echoed = member.open_once(&app_url("hello", "/echo")).await.unwrap().json();
        let headers = echoed["headers"].as_array().unwrap();
        let token =
            headers.iter().find(|header| header[0] == "x-vybe-user-token").unwrap()[1].as_str().unwrap();
        let app =
            elsewhere.client.request("GET", &format!("{ORIGIN}/api/v1/whoami")).header("cookie", "none=none");
        let told = app.header("VYBE_SERVER_SECRET", secret).header("x-vybe-user-token", token).send().await;
        assert_eq!(told.status, 200, "{clocks:?}: a user token of replica {here}: {}", told.text());
        assert!(told.text().contains(&member.email()), "{}", told.text());
    }
    let mut longest = Duration::ZERO;
    for (number, revocation) in Revocation::ALL.into_iter().enumerate() {
        let subject = Subject::make(&fleet, revocation, number).await;
        let observers = subject.served_observers(&fleet, 1..2).await;
        subject.revoke(&fleet).await;
        let acknowledged = Instant::now();
        assert!(wait_until(STATED * 4, || observers.iter().all(Observer::is_over)).await, "{revocation:?}");
        longest = longest.max(outlived(&observers, acknowledged));
    }
    println!(
        "clocks {clocks:?} seconds wrong: {SIGN_INS} sign-ins with each step at the other replica, sessions and user \
         tokens of each at the other, {} revocations, of which the last was heard after {longest:.1?}; {}",
        Revocation::ALL.len(),
        fleet.verified_trail().await.lines().next().unwrap_or_default()
    );
    assert!(longest <= STATED);
}

/// `/api/v1/apps/{id}`, by its slug.
async fn app_of(fleet: &Fleet, slug: &str) -> String {
    let apps = fleet.owner.done("GET", &format!("{}/apps", fleet.organization), &Value::Null).await;
    let apps = apps.as_array().or(apps["apps"].as_array()).unwrap();
    let app = apps.iter().find(|app| app["slug"] == slug).unwrap();
    format!("/api/v1/apps/{}", app["id"].as_str().unwrap())
}

#[test]
#[ignore = "a step of its own in `cargo xtask test`, with the machine to itself"]
fn g11_clocks_that_are_five_minutes_apart_end_nothing_early_and_let_nobody_in() {
    test_support::run(async {
        check(&[0, WRONG]).await;
        if std::env::var("VYBE_REPLICA_CLOCKS").is_ok() {
            check(&[0, -WRONG]).await;
            check(&[WRONG, 0]).await;
        }
    });
}
