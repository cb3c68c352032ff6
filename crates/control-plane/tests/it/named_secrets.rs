//! Named secrets over HTTP: a value goes in once and comes out nowhere.

use serde_json::{Value, json};
use test_support::{Response, TestDatabase};

use crate::platform::{Browser, Platform};

const CANARY: &str = "canary7f3a9c21";

/// Everything that somebody may read about an organization and its app, as text.
async fn everything(browser: &Browser, organization: &str, app: &str) -> Vec<(String, String)> {
    let mut read = Vec::new();
    for path in [
        format!("{organization}/secrets"),
        format!("{organization}/secrets?limit=1"),
        format!("{organization}/own-secrets"),
        format!("{organization}/audit-events?limit=200"),
        format!("{organization}/audit-events/export"),
        format!("{organization}/policy"),
        format!("{app}/secrets"),
        format!("{app}/environment?environment=production"),
        format!("{app}/environment?environment=preview"),
        app.to_owned(),
        "/openapi.json".to_owned(),
    ] {
        let answer = browser.call("GET", &path, None).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        read.push((path, answer.text()));
    }
    read
}

fn bodies() -> Vec<Value> {
    let value = |text: &str| json!(format!("{CANARY}{text}"));
    vec![
        json!({ "kind": "environment_variable", "name": "PROOF", "environment": "production", "value": value("-variable") }),
        json!({ "kind": "api_key", "name": "Proof key", "environment": "preview", "value": value("-a-long-key-of-a-service-9876") }),
        json!({ "kind": "bearer_token", "name": "Proof token", "environment": "preview", "value": value("-tok") }),
        json!({ "kind": "basic_credentials", "name": "Proof basic", "environment": "production",
            "value": { "user": value("-user"), "password": value("-password") } }),
        json!({ "kind": "connection_string", "name": "Proof database",
            "value": format!("postgres://{CANARY}:{CANARY}@{CANARY}.example/{CANARY}") }),
    ]
}

fn id(answer: &Response) -> String {
    answer.json()["id"].as_str().unwrap_or_else(|| panic!("{}", answer.text())).to_owned()
}

test_support::on_both_stores! {
    async fn k01_no_answer_holds_a_value_after_it_was_saved(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let organization = format!("/api/v1/organizations/{}", seeded.organization);
        let app = format!("/api/v1/apps/{}", seeded.apps["hello"].id);
        let owner = platform.signed_in("owner").await;
        let mut answers = Vec::new();
        let mut places = Vec::new();
        for scope in [format!("{organization}/secrets"), format!("{app}/secrets")] {
            for body in bodies() {
                let made = owner.call("POST", &scope, Some(&body)).await;
                assert_eq!(made.status, 201, "{}", made.text());
                let again = owner.call("POST", &scope, Some(&body)).await;
                assert_eq!(again.status, 409, "{}", again.text());
                places.push((format!("{scope}/{}", id(&made)), body));
                answers.push(("create".to_owned(), made.text()));
                answers.push(("create again".to_owned(), again.text()));
            }
        }
        let own = format!("{organization}/own-secrets");
        let body = json!({ "kind": "api_key", "name": "mine", "value": CANARY });
        let made = owner.call("POST", &own, Some(&body)).await;
        places.push((format!("{own}/{}", id(&made)), body));
        for (place, body) in &places {
            let read = owner.call("GET", place, None).await;
            let masked = read.json()["mask"].as_str().unwrap().to_owned();
            assert!(masked == "••••" || masked == "••••9876", "{masked}");
            let replaced = owner.call("PUT", place, Some(&json!({ "value": body["value"] }))).await;
            assert_eq!((read.status, replaced.status), (200, 200), "{}", replaced.text());
            assert_eq!(replaced.json()["version"], 2);
            answers.extend([read, replaced].map(|answer| (place.clone(), answer.text())));
        }
        answers.extend(everything(&owner, &organization, &app).await);
        for (place, _) in places {
            let deleted = owner.call("DELETE", &place, None).await;
            assert_eq!(deleted.status, 204, "{}", deleted.text());
        }
        answers.extend(everything(&owner, &organization, &app).await);
        for (what, answer) in answers {
            assert!(!answer.contains(CANARY), "{what}: {answer}");
        }
    }

    /// What is refused is not repeated, whatever is wrong with it.
    async fn k08_no_refusal_repeats_the_value(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let organization = format!("/api/v1/organizations/{}", platform.demo.seeded.organization);
        let owner = platform.signed_in("owner").await;
        let secrets = format!("{organization}/secrets");
        let refused = [
            json!({ "kind": "connection_string", "name": "a", "value": CANARY }),
            json!({ "kind": "connection_string", "name": "a", "value": format!("postgres://u:{CANARY}@a,b/c") }),
            json!({ "kind": "ssh_private_key", "name": "a", "value": { "privateKey": CANARY } }),
            json!({ "kind": "ssh_private_key", "name": "a", "value": CANARY }),
            json!({ "kind": "api_key", "name": "a", "environment": "preview", "value": format!("{CANARY}\n") }),
            json!({ "kind": "api_key", "name": "a", "environment": "preview", "value": { CANARY: "x" } }),
            json!({ "kind": "api_key", "name": "a", "environment": "preview", "value": [CANARY] }),
            json!({ "kind": "api_key", "name": "a", "environment": CANARY, "value": CANARY }),
            json!({ "kind": "basic_credentials", "name": "a", "environment": "preview", "value": { "user": CANARY } }),
            json!({ "kind": CANARY, "name": "a", "environment": "preview", "value": CANARY }),
            json!({ "kind": "oauth_token_set", "name": "a",
                "value": { "accessToken": "t", "expiresAt": CANARY } }),
            json!({ "kind": "oauth_token_set", "name": "a", "value": { "accessToken": "t", "scopes": CANARY } }),
            json!({ "kind": "environment_variable", "name": CANARY.to_owned() + "-", "environment": "preview",
                "value": CANARY }),
            json!({ "kind": "environment_variable", "name": "A", "environment": "preview", "value": CANARY,
                CANARY: 1 }),
            json!({ "kind": "server_secret", "name": "a", "environment": "preview", "value": CANARY }),
        ];
        for body in refused {
            let answer = owner.call("POST", &secrets, Some(&body)).await;
            assert_eq!(answer.status, 422, "{body}: {}", answer.text());
            assert!(!answer.text().contains(CANARY), "{body}: {}", answer.text());
        }
        for raw in [
            format!(r#"{{"kind":"api_key","name":"a","environment":"preview","value":"{CANARY}\ud800"}}"#),
            format!(r#"{{"kind":"api_key","name":"a","environment":"preview","value":"{CANARY}"#),
            format!(r#"{{"kind":"api_key","name":"a","environment":"preview","value":"{CANARY}","value":"{CANARY}"}}"#),
        ] {
            let answer = post(&owner, &platform, &secrets, raw.clone()).await;
            assert_eq!(answer.status, 422, "{raw}: {}", answer.text());
            assert!(!answer.text().contains(CANARY), "{raw}: {}", answer.text());
        }
        let listed = owner.call("GET", &secrets, None).await;
        assert!(!listed.text().contains("\"name\":\"a\""), "{}", listed.text());
    }

    async fn k26_values_of_every_size_over_http(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let organization = format!("/api/v1/organizations/{}", platform.demo.seeded.organization);
        let owner = platform.signed_in("owner").await;
        let secrets = format!("{organization}/secrets");
        let body = |value: &str| {
            format!(r#"{{"kind":"environment_variable","name":"SIZED","environment":"preview","value":"{value}"}}"#)
        };
        let ask = async |value: &str| post(&owner, &platform, &secrets, body(value)).await;
        for (value, status, code) in [
            (String::new(), 422, "invalid_value"),
            ("a\\u0000b".to_owned(), 422, "invalid_value"),
            ("\\ud800".to_owned(), 422, "invalid_body"),
            ("\\udc00\\ud800".to_owned(), 422, "invalid_body"),
            ("a".repeat((64 << 10) + 1), 422, "invalid_value"),
            ("a".repeat(10 << 20), 413, "too_large"),
        ] {
            let answer = ask(&value).await;
            assert_eq!(answer.status, status, "{} bytes: {}", value.len(), answer.text());
            assert_eq!(answer.json()["code"], code, "{}", answer.text());
        }
        for value in ["a".to_owned(), "a".repeat(64 << 10), "\\u0061".repeat(64 << 10), "\\ud83d\\udd11".to_owned()] {
            let made = ask(&value).await;
            assert_eq!(made.status, 201, "{} bytes: {}", value.len(), made.text());
            let deleted = owner.call("DELETE", &format!("{secrets}/{}", id(&made)), None).await;
            assert_eq!(deleted.status, 204);
        }
    }
}

/// Sends this text as a body.
async fn post(browser: &Browser, platform: &Platform, path: &str, body: String) -> Response {
    browser
        .client
        .request("POST", &platform.url(path))
        .header("sec-fetch-mode", "cors")
        .header("sec-fetch-site", "same-origin")
        .header("origin", &platform.url(""))
        .body("application/json", body)
        .send()
        .await
}
