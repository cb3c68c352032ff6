//! The pages of server secrets and of an organization's keys, used as a person does: forms, no script.

use std::time::{Duration, Instant};

use ids::ServerSecretId;
use test_support::{TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

/// The page, once it says that.
async fn page_with(browser: &Browser, url: &str, expected: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let page = browser.open(url).await.text();
        if page.contains(expected) {
            return page;
        }
        assert!(Instant::now() < deadline, "no \"{expected}\" in {page}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

on_both_stores! {
    async fn an_editor_replaces_the_server_secret_of_an_app_on_its_page(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let path = format!("/apps/{}/server-secrets", platform.demo.seeded.apps["hello"].id);
        let url = |rest: &str| platform.url(&format!("{path}{rest}"));
        let page = editor.open(&url("")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.text().contains("production") && !page.text().contains("vybe_sk_"), "{}", page.text());

        let fields = [("environment", "preview"), ("grace_seconds", "86400")];
        let issued = editor.submit(&url("/rotate"), &fields).await;
        assert_eq!(issued.status, 200, "{}", issued.text());
        assert!(issued.text().contains("vybe_sk_preview_"), "{}", issued.text());
        assert_eq!(issued.header("cache-control"), Some("no-store"));
        let listed = editor.open(&url("")).await.text();
        assert!(listed.contains("preview") && !listed.contains("vybe_sk_"), "{listed}");
        for fields in [[("environment", "staging"), ("grace_seconds", "0")], [("environment", "preview"), ("grace_seconds", "9999999")]] {
            assert_eq!(editor.submit(&url("/rotate"), &fields).await.status, 422);
        }

        let api = editor.call("GET", &format!("/api/v1{path}"), None).await.json();
        let preview = api.as_array().unwrap().iter().find(|secret| secret["environment"] == "preview").unwrap();
        let id = preview["id"].as_str().unwrap();
        let revoked = editor.submit(&url(&format!("/{id}/revoke")), &[]).await;
        assert_eq!((revoked.status, revoked.location()), (303, path.as_str()));
        assert_eq!(editor.submit(&url(&format!("/{id}/revoke")), &[]).await.status, 404);
    }

    async fn whoever_runs_an_organization_rotates_its_key_and_all_server_secrets(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let admin = platform.signed_in("admin").await;
        let path = format!("/organizations/{}", platform.demo.seeded.organization);
        let url = |rest: &str| platform.url(&format!("{path}{rest}"));
        let before = admin.call("GET", &format!("/api/v1{path}/key"), None).await.json();
        let key = before["current"]["id"].as_str().unwrap();
        let page = admin.open(&url("/keys")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains(key), "{}", page.text());
        assert!(admin.open(&url("")).await.text().contains(&format!("href=\"{path}/keys\"")));

        let rotated = admin.submit(&url("/keys/rotate"), &[]).await;
        assert_eq!((rotated.status, rotated.location()), (303, format!("{path}/keys").as_str()));
        // The form answers after a moment; the rotation may go on.
        let page = page_with(&admin, &url("/keys"), "finished").await;
        assert!(page.contains(", 0 with an old one"), "{page}");
        let after = admin.call("GET", &format!("/api/v1{path}/key"), None).await.json();
        assert_ne!(after["current"]["id"].as_str().unwrap(), key);

        let rotated = admin.submit(&url("/server-secrets/rotate"), &[("grace_seconds", "3600")]).await;
        assert_eq!((rotated.status, rotated.location()), (303, format!("{path}/keys").as_str()), "{}", rotated.text());
        let page = admin.open(&url("/keys")).await.text();
        assert!(page.contains("Latest rotation"), "{page}");
        let twice = admin.submit(&url("/server-secrets/rotate"), &[("grace_seconds", "3600")]).await;
        assert_eq!(twice.status, 409, "{}", twice.text());
    }

    async fn z05_who_may_not_sees_no_keys_and_changes_none(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let organization = format!("/organizations/{}", platform.demo.seeded.organization);
        let app = format!("/apps/{}/server-secrets", platform.demo.seeded.apps["payroll"].id);
        let pages = [format!("{organization}/keys"), app.clone()];
        let forms = [
            (format!("{organization}/keys/rotate"), vec![]),
            (format!("{organization}/server-secrets/rotate"), vec![("grace_seconds", "0")]),
            (format!("{app}/rotate"), vec![("environment", "preview"), ("grace_seconds", "0")]),
            (format!("{app}/{}/revoke", ServerSecretId::generate()), vec![]),
        ];
        for subject in ["member", "outsider"] {
            let person = platform.signed_in(subject).await;
            for page in &pages {
                let refused = person.open(&platform.url(page)).await;
                assert!(matches!(refused.status, 403 | 404), "{subject} {page}: {}", refused.status);
            }
            for (form, fields) in &forms {
                let refused = person.submit(&platform.url(form), fields).await;
                assert!(matches!(refused.status, 403 | 404), "{subject} {form}: {}", refused.status);
            }
            assert!(!person.open(&platform.url(&organization)).await.text().contains("/keys\""));
        }
    }
}
