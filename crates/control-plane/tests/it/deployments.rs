//! What the demo apps are deployed with, as their own pages show it.

use cryptography::{HashKey, hexadecimal};
use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

fn proof_of(value: &str) -> String {
    hexadecimal::encode(&HashKey::from_secret(value.as_bytes()).hash(b"vybe demo"))
}

async fn greeting(platform: &Platform, person: &Browser, slug: &str) -> String {
    let page = person.open(&platform.app_url(slug, "/")).await.text();
    let after = page.split("<span id=\"greeting\">").nth(1).unwrap();
    after.split("</span>").next().unwrap().to_owned()
}

async fn secret(person: &Browser, path: &str, name: &str, environment: &str) -> Value {
    let list = person.call("GET", path, None).await.json();
    let secrets = list["secrets"].as_array().unwrap();
    let found = secrets.iter().find(|secret| secret["name"] == name && secret["environment"] == environment);
    found.unwrap_or_else(|| panic!("no {name} in {list}")).clone()
}

on_both_stores! {
    async fn a_newcomer_meets_the_vault_in_the_demo(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let page = editor.open(&platform.app_url("hello", "/environment")).await.text();
        for name in [
            "CUSTOM_API_WEATHER",
            "GREETING",
            "NEXT_PUBLIC_APP_NAME",
            "NEXT_PUBLIC_VYBE_BASE_URL",
            "NEXT_PUBLIC_VYBE_INTEGRATIONS_DOMAIN",
            "VYBE_SERVER_CALLBACK_URL",
            "VYBE_SERVER_SECRET",
        ] {
            assert!(page.contains(&format!("<th>{name}</th>")), "{name}: {page}");
        }
        // The value of this environment, and no value itself.
        assert!(page.contains(&proof_of("demo-weather-key-in-production")), "{page}");
        assert!(!page.contains(&proof_of("demo-weather-key-in-preview")), "{page}");
        assert!(!page.contains("demo-weather-key") && !page.contains("vybe_sk_"), "{page}");
        // The app's own stands over the organization's.
        for (slug, words) in [("hello", "Hello"), ("payroll", "Hello"), ("reports", "Welcome to the figures")] {
            assert_eq!(greeting(&platform, &editor, slug).await, words, "{slug}");
        }
    }

    async fn a_change_of_a_secret_reaches_the_demo_app_before_its_answer(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let of_organization = format!("/api/v1/organizations/{}/secrets", platform.demo.seeded.organization);
        let of_reports = format!("/api/v1/apps/{}/secrets", platform.demo.seeded.apps["reports"].id);
        let mine = secret(&editor, &of_reports, "GREETING", "production").await;
        assert!(mine["lastInjectedAt"].is_string(), "{mine}");
        let one = format!("{of_reports}/{}", mine["id"].as_str().unwrap());
        let replaced = editor.call("PUT", &one, Some(&json!({ "value": "Good <morning>" }))).await;
        assert_eq!(replaced.status, 200, "{}", replaced.text());
        assert_eq!(greeting(&platform, &editor, "reports").await, "Good &lt;morning&gt;");

        let shared = secret(&editor, &of_organization, "GREETING", "production").await;
        let shared = format!("{of_organization}/{}", shared["id"].as_str().unwrap());
        assert_eq!(editor.call("PUT", &shared, Some(&json!({ "value": "Ahoy" }))).await.status, 200);
        assert_eq!(greeting(&platform, &editor, "hello").await, "Ahoy");
        assert_eq!(greeting(&platform, &editor, "reports").await, "Good &lt;morning&gt;");
        assert_eq!(editor.call("DELETE", &one, None).await.status, 204);
        assert_eq!(greeting(&platform, &editor, "reports").await, "Ahoy");
    }

    async fn dev_json_names_the_server_secrets_that_the_apps_have(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let written = || -> Value {
            serde_json::from_slice(&std::fs::read(&platform.demo.description_path).unwrap()).unwrap()
        };
        let (before, hello) = (written(), platform.demo.seeded.apps["hello"].id);
        let rotate = format!("/api/v1/apps/{hello}/server-secrets/rotate");
        let body = json!({ "environment": "production", "graceSeconds": 0, "force": true });
        let rotated = owner.call("POST", &rotate, Some(&body)).await;
        assert_eq!(rotated.status, 201, "{}", rotated.text());
        let mut expected = before.clone();
        expected["apps"]["hello"]["serverSecret"] = rotated.json()["value"].clone();
        assert!(expected != before && written() == expected, "another secret is in dev.json");
        // Only the deployed apps' are there.
        let body = json!({ "environment": "preview", "graceSeconds": 0, "force": true });
        assert_eq!(owner.call("POST", &rotate, Some(&body)).await.status, 201);
        assert!(written() == expected, "dev.json changed");
    }

    async fn an_unknown_environment_in_a_body_is_refused_in_a_sentence(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let path = format!("/api/v1/apps/{}/server-secrets/rotate", platform.demo.seeded.apps["hello"].id);
        let body = json!({ "environment": "CANARY", "graceSeconds": 0, "force": false });
        let refused = editor.call("POST", &path, Some(&body)).await;
        let text = refused.text();
        assert_eq!(refused.status, 422, "{text}");
        assert!(text.contains("The body is not acceptable: environment is preview or production."), "{text}");
        assert!(!text.contains("CANARY") && !text.contains("column"), "{text}");
    }

    async fn the_trail_names_what_each_deployment_got(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let path = format!(
            "/api/v1/organizations/{}/audit-events?action=environment.assemble",
            platform.demo.seeded.organization
        );
        let text = owner.call("GET", &path, None).await.text();
        let events: Value = serde_json::from_str(&text).unwrap();
        let events = events["events"].as_array().unwrap();
        assert_eq!(events.len(), 3, "one for each app: {text}");
        let hello = platform.demo.seeded.apps["hello"].id.to_string();
        let of_hello = events.iter().find(|event| event["target"].to_string().contains(&hello)).unwrap();
        assert_eq!(of_hello["detail"]["environment"], "production", "{of_hello}");
        let named: Vec<_> = of_hello["detail"]["secrets"].as_array().unwrap().iter().map(|used| &used["variable"]).collect();
        assert_eq!(named, ["CUSTOM_API_WEATHER", "GREETING"]);
        assert!(!text.contains("demo-weather-key") && !text.contains("Welcome to the figures"), "{text}");
    }
}
