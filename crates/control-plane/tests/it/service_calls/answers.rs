//! What comes back of a service's answers, and what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use test_support::{ServedAnswer, TestDatabase};

use super::world::{KEY, PATIENCE, World};

#[test]
fn i06_nothing_of_the_credential_comes_back() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        let execute = format!("/api/integrations/accounts/{account}/execute");
        let run = format!("/api/pipedream/accounts/{account}/run-action");
        let body = json!({ "actionId": "list-notes" }).to_string();
        for status in [200, 400, 401, 403, 404, 429, 500] {
            // A service that says what it was asked.
            world.service.answers(move |call| {
                let headers: Vec<String> =
                    call.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
                ServedAnswer::json(status, &json!({ "headers": headers, "key": call.header("x-notes-key") }))
                    .with("x-notes-key", call.header("x-notes-key").unwrap_or_default())
                    .with("link", call.header("x-notes-key").unwrap_or_default())
            });
            for path in [&execute, &run] {
                let answer = world.ask("hello", path, body.clone()).await;
                let whole = format!("{answer:?} {}", answer.text());
                assert!(!whole.contains(KEY), "{status}: {whole}");
            }
            assert!(world.service.take_arrived().iter().all(|call| call.header("x-notes-key") == Some(KEY)));
        }
    });
}

#[test]
fn long_answers_are_passed_on_as_they_come() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        let long = vec![b'x'; 20 << 20];
        let served = long.clone();
        world.service.answers(move |_| {
            ServedAnswer::bytes(200, "application/octet-stream", served.clone()).with("x-left", "41")
        });
        let answer = world.execute("hello", None, &account, "request", json!({ "path": "/file" })).await;
        assert_eq!((answer.header("x-service-calls-left"), answer.header("x-left")), (Some("41"), None));
        assert_eq!((answer.status, answer.body.len()), (200, long.len()));
        assert!(answer.body == long);
        // Something is put around it, so it is held whole.
        let body = json!({ "actionId": "request", "input": { "path": "/file" } }).to_string();
        let path = format!("/api/pipedream/accounts/{account}/run-action");
        let answer = world.ask("hello", &path, body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (413, &json!("answer_too_large")));
        let largest = "x".repeat(4_300_001);
        let api = world.custom_api("CRM", json!({})).await;
        let path = format!("/api/custom-apis/{api}/execute");
        let body = json!({ "method": "POST", "body": largest }).to_string();
        assert_eq!(world.ask("hello", &path, body).await.status, 413);
        world.service.answers(|call| ServedAnswer::json(200, &json!({ "length": call.body.len() })));
        let body = json!({ "method": "POST", "body": "x".repeat(4_200_000) }).to_string();
        assert_eq!(world.ask("hello", &path, body).await.text(), r#"{"length":4200000}"#);
        assert!(world.records_until("?outcome=capped", |records| !records.is_empty()).await.len() == 1);
    });
}

#[test]
fn what_is_small_as_text_and_large_in_memory_is_refused_before_it_is_read() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        let api = world.custom_api("CRM", json!({})).await;
        let members = format!("[{}1]", r#"{"":1},"#.repeat(500_000));
        let request = format!(r#"{{"method":"POST","path":"/notes","body":{members}}}"#);
        let input = format!(r#"{{"actionId":"request","input":{request}}}"#);
        for (path, body) in [
            (format!("/api/integrations/accounts/{account}/execute"), &input),
            (format!("/api/pipedream/accounts/{account}/run-action"), &input),
            (format!("/api/custom-apis/{api}/execute"), &request),
        ] {
            let answer = world.ask("hello", &path, body.clone()).await;
            assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("invalid_input")), "{path}");
        }
        assert!(world.service.take_arrived().is_empty());
        let input = json!({ "method": "POST", "path": "/notes", "body": vec![1; 100_000] });
        assert_eq!(world.execute("hello", None, &account, "request", input).await.status, 200);
    });
}

#[test]
fn one_account_is_not_taken_by_one_app() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({})).await;
        world.service.answers(|call| {
            let is_slow = call.target.ends_with("/slow");
            let after = Duration::from_secs(if is_slow { 50 } else { 0 });
            ServedAnswer { after, ..ServedAnswer::json(200, &json!({})) }
        });
        let mut slow = Vec::new();
        for _ in 0..48 {
            slow.push(world.begin("hello", &account, "/slow").await);
        }
        let (began, mut arrived) = (Instant::now(), 0);
        while arrived < 48 {
            arrived += world.service.take_arrived().len();
            assert!(began.elapsed() < PATIENCE, "{arrived} calls arrived");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let ask =
            async |app| world.execute(app, None, &account, "request", json!({ "path": "/quick" })).await;
        // The app has its share; the next call waits, and is told.
        let answer = ask("hello").await;
        assert_eq!((answer.status, &answer.json()["code"]), (429, &json!("calls_busy")));
        assert_eq!(answer.header("retry-after"), Some("2"));
        assert!(world.service.take_arrived().is_empty());
        // Another one has room.
        let answer = ask("reports").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        // Whoever leaves gives the room back.
        drop(slow);
        let began = Instant::now();
        while ask("hello").await.status != 200 {
            assert!(began.elapsed() < PATIENCE, "the room is not given back");
        }
        let wanted = |records: &[Value]| {
            records.iter().map(|record| record["count"].as_u64().unwrap()).sum::<u64>() == 48
        };
        world.records_until("?outcome=abandoned", wanted).await;
    });
}

#[test]
fn a_token_that_ended_before_its_time_is_replaced_once() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let world = World::start(&database).await;
        let logins = Arc::new(AtomicU64::new(0));
        let good = Arc::new(AtomicU64::new(1));
        let (count, valid) = (Arc::clone(&logins), Arc::clone(&good));
        world.service.answers(move |call| match call.target.as_str() {
            "/login" => {
                let number = count.fetch_add(1, Ordering::SeqCst) + 1;
                ServedAnswer::json(
                    200,
                    &json!({ "token": format!("token-number-{number}"), "expires_in": 3600 }),
                )
            }
            _ => {
                let wanted = format!("Bearer token-number-{}", valid.load(Ordering::SeqCst));
                if call.header("authorization") == Some(wanted.as_str()) {
                    ServedAnswer::json(200, &json!({ "ok": true }))
                } else {
                    ServedAnswer::json(401, &json!({ "error": "token_expired" }))
                }
            }
        });
        let secrets = json!({ "password": "CANARY-password" });
        let account =
            world.connect(&world.editor, "accounts", "login-notes", "Login", secrets, json!({})).await;
        let ask = async || {
            let input = json!({ "method": "POST", "path": "/notes", "body": {} });
            world.execute("hello", None, &account, "request", input).await
        };
        assert_eq!(ask().await.status, 200);
        assert_eq!(logins.load(Ordering::SeqCst), 1);
        // The service forgets the token. It is too young to have ended by itself: the service has refused the call.
        good.store(2, Ordering::SeqCst);
        let answer = ask().await;
        assert_eq!((answer.status, &answer.json()["service"]["status"]), (502, &json!(401)));
        assert_eq!(logins.load(Ordering::SeqCst), 1);
        // Later it may have.
        let sql = format!("UPDATE accounts SET refreshed_at = refreshed_at - 120000 WHERE id = '{account}'");
        let connection = database.connection();
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        connection.execute_raw(statement).await.unwrap();
        let _ = world.service.take_arrived();
        let answer = ask().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(logins.load(Ordering::SeqCst), 2);
        let targets: Vec<String> = world.service.take_arrived().into_iter().map(|call| call.target).collect();
        assert_eq!(targets, ["/v1/notes", "/login", "/v1/notes"]);
    });
}
