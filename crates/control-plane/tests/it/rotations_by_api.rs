//! What people and apps see over HTTP while server secrets and keys are replaced.

use ids::KeyRotationId;
use sea_orm::{ConnectionTrait as _, Statement, Value as Bound};
use secrets_vault::{Holder, Subject};
use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::platform::{Browser, Platform};

/// What an app is answered that proves itself with this secret.
async fn whoami(platform: &Platform, secret: &str) -> u16 {
    let client = platform.browser().client;
    let request = client.request("GET", &platform.url("/api/v1/whoami"));
    request.header("VYBE_SERVER_SECRET", secret).send().await.status
}

fn rotation(environment: &str, grace_seconds: u32, force: bool) -> Value {
    json!({ "environment": environment, "graceSeconds": grace_seconds, "force": force })
}

/// Rotates as somebody, and answers the new value.
async fn rotated(browser: &Browser, path: &str, body: &Value) -> String {
    let answer = browser.call("POST", path, Some(body)).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()["value"].as_str().unwrap().to_owned()
}

async fn refusal(browser: &Browser, path: &str, body: &Value) -> (u16, String) {
    let answer = browser.call("POST", path, Some(body)).await;
    assert!(!answer.text().contains("vybe_sk_"), "{}", answer.text());
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

fn instant(value: &Value) -> OffsetDateTime {
    OffsetDateTime::parse(value.as_str().unwrap(), &Rfc3339).unwrap()
}

/// The identifiers in an answer's list.
fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

async fn execute(database: &TestDatabase, sql: &str, values: Vec<Bound>) {
    let statement = Statement::from_sql_and_values(database.backend(), sql, values);
    database.connection().execute_raw(statement).await.unwrap();
}

on_both_stores! {
    async fn j09_without_a_grace_the_old_secret_ends_at_once_unless_it_is_in_use(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let rotate = format!("/api/v1/apps/{}/server-secrets/rotate", platform.demo.seeded.apps["hello"].id);
        let first = platform.server_secret("hello");
        let second = rotated(&editor, &rotate, &rotation("production", 0, false)).await;
        assert_eq!((whoami(&platform, &second).await, whoami(&platform, first).await), (200, 401));
        // The new one was just used.
        let refused = refusal(&editor, &rotate, &rotation("production", 0, false)).await;
        assert_eq!(refused, (409, "server_secret_in_use".to_owned()));
        assert_eq!(whoami(&platform, &second).await, 200);
        // The other environment's is nobody's business here.
        let preview = rotated(&editor, &rotate, &rotation("preview", 0, false)).await;
        assert_eq!((whoami(&platform, &preview).await, whoami(&platform, &second).await), (200, 200));
        let third = rotated(&editor, &rotate, &rotation("production", 0, true)).await;
        assert_eq!((whoami(&platform, &third).await, whoami(&platform, &second).await), (200, 401));
        assert_eq!(whoami(&platform, &preview).await, 200);

        for body in [rotation("staging", 0, false), rotation("production", 2_592_001, false), json!({ "environment": "production" })] {
            assert_eq!(refusal(&editor, &rotate, &body).await.0, 422, "{body}");
        }
        for (who, status) in [("member", 403), ("outsider", 404)] {
            let person = platform.signed_in(who).await;
            assert_eq!(refusal(&person, &rotate, &rotation("production", 0, true)).await.0, status, "{who}");
        }
        assert_eq!(whoami(&platform, &third).await, 200);
    }

    async fn j09_with_a_grace_the_old_secret_ends_at_the_instant_that_was_said(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let secrets = format!("/api/v1/apps/{}/server-secrets", platform.demo.seeded.apps["hello"].id);
        let old = platform.server_secret("hello");
        assert_eq!(whoami(&platform, old).await, 200, "in use: a grace does not cut it off");
        let young = rotated(&editor, &format!("{secrets}/rotate"), &rotation("production", 2, false)).await;
        assert_eq!(whoami(&platform, &young).await, 200);
        let listed = editor.call("GET", &secrets, None).await.json();
        let ends: Vec<_> = listed.as_array().unwrap().iter().filter(|secret| !secret["expiresAt"].is_null()).collect();
        assert_eq!((listed.as_array().unwrap().len(), ends.len()), (2, 1), "{listed}");
        let end = instant(&ends[0]["expiresAt"]);
        // A second rotation would leave three of them.
        let third = refusal(&editor, &format!("{secrets}/rotate"), &rotation("production", 3600, false)).await;
        loop {
            let before = OffsetDateTime::now_utc();
            let status = whoami(&platform, old).await;
            let after = OffsetDateTime::now_utc();
            assert!(status == 200 || after >= end, "ended {} too early", end - after);
            // Answers are in microseconds.
            assert!(status == 401 || before < end + Duration::MICROSECOND, "not ended {} later", before - end);
            if status == 401 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(third, (409, "too_many_server_secrets".to_owned()));
        for (case, part) in [
            ("a prefix", &young[..young.len() - 1]),
            ("half", &young[..young.len() / 2]),
            ("a suffix", &young[1..]),
            ("its random part", &young[young.len() - 43..]),
            ("more", &format!("{young}A")),
        ] {
            assert_eq!(whoami(&platform, part).await, 401, "{case}");
        }
        assert_eq!(whoami(&platform, &young).await, 200);
    }

    async fn k05_all_server_secrets_are_rotated_and_the_answers_count_only(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let [owner, admin, editor] = ["owner", "admin", "editor"].map(|who| platform.signed_in(who));
        let (owner, admin, editor) = (owner.await, admin.await, editor.await);
        let organization = format!("/api/v1/organizations/{}", platform.demo.seeded.organization);
        // An app that is its editor's alone.
        let made = editor.call("POST", &format!("{organization}/apps"), Some(&json!({ "slug": "hidden", "name": "Hidden" }))).await;
        let hidden = made.json()["id"].as_str().unwrap().to_owned();
        let app = format!("/api/v1/apps/{hidden}");
        assert_eq!(editor.call("PATCH", &app, Some(&json!({ "level": "user" }))).await.status, 200);
        let issued = editor.call("POST", &format!("{app}/server-secrets"), Some(&json!({ "environment": "preview" }))).await;
        let hidden_secret = issued.json()["value"].as_str().unwrap().to_owned();
        assert_eq!(admin.call("GET", &app, None).await.status, 404);
        let slugs: Vec<_> = platform.demo.seeded.server_secrets.keys().map(|slug| slug.to_string()).collect();
        let old: Vec<&str> = slugs.iter().map(|slug| platform.server_secret(slug)).chain([hidden_secret.as_str()]).collect();
        for secret in &old {
            assert_eq!(whoami(&platform, secret).await, 200);
        }

        let path = format!("{organization}/server-secret-rotations");
        assert_eq!(admin.call("GET", &path, None).await.json(), Value::Null);
        let grace = |seconds: u32| json!({ "graceSeconds": seconds });
        for (who, status) in [("editor", 403), ("member", 403), ("outsider", 404)] {
            let person = platform.signed_in(who).await;
            assert_eq!(refusal(&person, &path, &grace(0)).await.0, status, "{who}");
            assert_eq!(person.call("GET", &path, None).await.status, status, "{who}");
        }
        assert_eq!(refusal(&admin, &path, &grace(2_592_001)).await.0, 422);
        let begun = admin.call("POST", &path, Some(&grace(1))).await;
        assert_eq!(begun.status, 202, "{}", begun.text());
        let again = refusal(&owner, &path, &grace(1)).await;
        assert_eq!(again, (409, "rotation_under_way".to_owned()));
        let mut answers = begun.text();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let finished = loop {
            let answer = admin.call("GET", &path, None).await;
            answers.push_str(&answer.text());
            if answer.json()["state"] == "finished" {
                break answer.json();
            }
            assert!(std::time::Instant::now() < deadline, "{answers}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        // In the order of the alphabet, whatever the map's is.
        let mut fields: Vec<_> = finished.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            ["done", "endsAt", "etaSeconds", "finishedAt", "id", "proof", "startedAt", "state", "total"]
        );
        let count = old.len();
        assert_eq!((&finished["total"], &finished["done"]), (&json!(count), &json!(count)), "{finished}");
        assert_eq!(finished["proof"], json!({ "checked": count, "older": 0 }));
        assert!(instant(&finished["finishedAt"]) >= instant(&finished["endsAt"]), "{finished}");
        let apps = platform.demo.seeded.apps.values().map(|app| app.id.to_string());
        for unsaid in slugs.iter().cloned().chain(apps).chain([hidden, "hidden".to_owned(), "vybe_sk_".to_owned()]) {
            assert!(!answers.contains(&unsaid), "{unsaid}: {answers}");
        }
        for secret in &old {
            assert_eq!(whoami(&platform, secret).await, 401);
        }
        let listed = editor.call("GET", &format!("{app}/server-secrets"), None).await;
        assert_eq!(listed.json().as_array().unwrap().len(), 1, "its successor: {}", listed.text());
        assert!(!listed.text().contains("vybe_sk_"));
        assert_eq!(admin.call("GET", &app, None).await.status, 404);
    }

    async fn k05_an_organization_s_key_is_rotated_by_those_who_run_it_and_one_rotation_at_a_time(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let admin = platform.signed_in("admin").await;
        let organization = platform.demo.seeded.organization;
        let path = format!("/api/v1/organizations/{organization}");
        let (key, rotations) = (format!("{path}/key"), format!("{path}/key-rotations"));
        let before = admin.call("GET", &key, None).await.json();
        let old = before["current"]["id"].as_str().unwrap();
        assert_eq!((&before["former"], &before["valuesUnderFormer"]), (&json!([]), &json!(0)));
        assert_eq!(before["current"]["mostSeals"], 1_i64 << 32);
        assert_eq!(admin.call("GET", &rotations, None).await.json(), json!([]));

        let rotated = admin.call("POST", &rotations, None).await;
        assert_eq!(rotated.status, 202, "{}", rotated.text());
        let id = rotated.json()["id"].as_str().unwrap().to_owned();
        let one = format!("{rotations}/{id}");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let finished = loop {
            let answer = admin.call("GET", &one, None).await.json();
            if answer["state"] != "running" {
                break answer;
            }
            assert!(std::time::Instant::now() < deadline, "{answer}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        };
        assert_eq!((&finished["state"], &finished["broken"]), (&json!("finished"), &Value::Null), "{finished}");
        let proof = &finished["proof"];
        assert_eq!((&proof["destroyed"], &proof["openedWithFormer"], &proof["leftWithFormer"]), (&json!([old]), &json!(0), &json!(0)));
        assert!(proof["opened"].as_u64().unwrap() > 0 && finished["done"] == finished["total"], "{finished}");
        let after = admin.call("GET", &key, None).await.json();
        assert_eq!(after["current"]["id"], finished["successor"]);
        assert_ne!(after["current"]["id"], old);

        // Another process has one under way, an hour after this one.
        let now = OffsetDateTime::now_utc();
        let sql = "UPDATE key_rotations SET finished_at = $1 WHERE id = $2";
        execute(&database, sql, vec![(now - Duration::hours(1)).into(), id.clone().into()]).await;
        let running = KeyRotationId::generate();
        let sql = "INSERT INTO key_rotations \
            (id, subject, state, successor, total, done, started_at, leased_until) VALUES ($1, $2, 'running', $3, 4, 2, $4, $5)";
        let values = vec![
            running.to_string().into(),
            Subject::KeyOf(Holder::Organization(organization)).to_string().into(),
            after["current"]["id"].as_str().unwrap().into(),
            (now - Duration::seconds(60)).into(),
            (now + Duration::hours(1)).into(),
        ];
        execute(&database, sql, values).await;
        let refused = admin.call("POST", &rotations, None).await;
        assert_eq!(refused.status, 409, "{}", refused.text());
        assert_eq!(refused.json()["code"], "rotation_under_way");
        let seen = admin.call("GET", &format!("{rotations}/{running}"), None).await.json();
        assert_eq!((&seen["state"], &seen["proof"]), (&json!("running"), &Value::Null));
        assert!(seen["etaSeconds"].as_i64().unwrap() >= 60, "half took a minute: {seen}");
        let listed = admin.call("GET", &rotations, None).await.json();
        assert_eq!(ids(&listed), [running.to_string(), id], "newest first");

        for (who, status) in [("editor", 403), ("member", 403), ("outsider", 404)] {
            let person = platform.signed_in(who).await;
            assert_eq!(person.call("POST", &rotations, None).await.status, status, "{who}");
            for path in [&key, &rotations, &one] {
                assert_eq!(person.call("GET", path, None).await.status, status, "{who} {path}");
            }
        }
        // Nobody reads it through an organization of their own.
        let outsider = platform.signed_in("outsider").await;
        let own = outsider.call("GET", "/api/v1/organizations", None).await.json()[0]["id"].clone();
        let elsewhere = format!("/api/v1/organizations/{}/key-rotations/{running}", own.as_str().unwrap());
        assert_eq!(outsider.call("GET", &elsewhere, None).await.status, 404);
        execute(&database, "DELETE FROM key_rotations WHERE id = $1", vec![running.to_string().into()]).await;
        // The one before has ended a moment ago, and then a minute ago.
        let ended = "UPDATE key_rotations SET finished_at = $1";
        execute(&database, ended, vec![OffsetDateTime::now_utc().into()]).await;
        let refused = admin.call("POST", &rotations, None).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("rotated_just_now")));
        execute(&database, ended, vec![(now - Duration::minutes(1)).into()]).await;
        assert_eq!(admin.call("POST", &rotations, None).await.status, 202);
    }
}
