//! The pages of services, accounts and custom APIs, used as a person does: forms, links, no script.

use serde_json::Value;
use test_support::{TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

/// The first identifier that a page links to below a path.
fn linked(page: &str, below: &str) -> String {
    let start =
        page.find(&format!("href=\"{below}/")).unwrap_or_else(|| panic!("no link below {below}: {page}"));
    page[start + 7 + below.len()..].split('"').next().unwrap().to_owned()
}

async fn shown(browser: &Browser, url: &str) -> String {
    let page = browser.open(url).await;
    assert_eq!(
        (page.status, page.header("cache-control")),
        (200, Some("no-store")),
        "{url}: {}",
        page.text()
    );
    let text = page.text();
    assert!(!text.contains("<script"), "{url}");
    text
}

on_both_stores! {
    async fn accounts_are_connected_changed_tried_and_disconnected_on_their_pages(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let home = format!("/organizations/{}", platform.demo.seeded.organization);
        let url = |rest: &str| platform.url(&format!("{home}{rest}"));
        let page = shown(&owner, &url("")).await;
        assert!(page.contains(&format!("href=\"{home}/services\"")), "{page}");
        let page = shown(&owner, &url("/services?query=fly")).await;
        assert!(page.contains("Fly") && !page.contains("Asana"), "{page}");
        let first = shown(&owner, &url("/services?limit=2")).await;
        assert!(first.contains("More services"), "{first}");

        // With a token that was made by hand: it is never shown again.
        for (segment, person) in [("accounts", &owner), ("own-accounts", &member)] {
            let service = shown(person, &url("/services/fly-io")).await;
            assert!(service.contains(&format!("action=\"{home}/services/fly-io/{segment}\"")), "{service}");
            let secret = "CANARY-token-by-hand";
            let fields =
                [("name", "Machines <b>"), ("usable_by", "every_app"), ("secret_token", secret)];
            let refused = person.submit(&url(&format!("/services/fly-io/{segment}")), &[("name", ""), ("secret_token", secret)]).await;
            assert!(refused.status == 422 && !refused.text().contains(secret), "{}", refused.text());
            let made = person.submit(&url(&format!("/services/fly-io/{segment}")), &fields).await;
            assert_eq!(made.status, 303, "{}", made.text());
            let list = shown(person, &url(&format!("/{segment}"))).await;
            assert!(list.contains("Machines &lt;b&gt;") && list.contains("connected"), "{list}");
            let id = linked(&list, &format!("{home}/{segment}"));
            let one = url(&format!("/{segment}/{id}"));
            let page = shown(person, &one).await;
            assert!(page.contains(&id) && !page.contains(secret), "{page}");
            let tested = person.submit(&format!("{one}/test"), &[]).await;
            assert!(tested.status == 200 && tested.text().contains("id=\"trial\""), "{}", tested.text());
            let edited = person.submit(&format!("{one}/edit"), &[("name", "Other"), ("usable_by", "every_app"), ("from_pages", "on"), ("version", "1")]).await;
            assert_eq!(edited.status, 303, "{}", edited.text());
            let late = person.submit(&format!("{one}/edit"), &[("name", "Late"), ("usable_by", "every_app"), ("version", "1")]).await;
            assert!(late.status == 409 && late.text().contains("Other"), "{}", late.text());
            let again = person.submit(&format!("{one}/reconnect"), &[("secret_token", "another")]).await;
            assert_eq!(again.status, 303, "{}", again.text());
            assert!(shown(person, &one).await.contains("and their pages"));
            // Nobody else sees one's own.
            let (other, status) = if segment == "accounts" { (&member, 403) } else { (&owner, 404) };
            assert_eq!(other.open(&one).await.status, status);
            let gone = person.submit(&format!("{one}/disconnect"), &[]).await;
            assert!(gone.status == 200 && gone.text().contains("data-outcome=\"not_revocable\""), "{}", gone.text());
            assert_eq!(person.open(&one).await.status, 404);
        }
    }

    async fn a_registration_leads_to_the_service_and_a_revocation_has_a_page(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let home = format!("/organizations/{}", platform.demo.seeded.organization);
        let url = |rest: &str| platform.url(&format!("{home}{rest}"));
        let page = shown(&member, &url("/services/asana")).await;
        assert!(page.contains("id=\"no-client\"") && !page.contains("oauth-client"), "{page}");
        let page = shown(&owner, &url("/services/asana")).await;
        assert!(page.contains("/integrations/callback"), "{page}");
        assert!(page.contains("with what the answer says, at <code>/next_page/offset</code>"), "{page}");
        let secret = "CANARY-client-secret";
        let registered = owner.submit(&url("/services/asana/oauth-client"), &[("client_id", "4711"), ("client_secret", secret)]).await;
        assert_eq!(registered.status, 303, "{}", registered.text());
        let page = shown(&owner, &url("/services/asana")).await;
        assert!(page.contains("Registered as 4711") && !page.contains(secret), "{page}");
        let other = owner.submit(&url("/services/asana/oauth-client"), &[("client_id", "4712"), ("version", "1")]).await;
        assert!(other.status == 422, "a secret does not follow to another client: {}", other.text());
        let leave = member.submit(&url("/services/asana/own-accounts"), &[("name", "Mine"), ("usable_by", "every_app")]).await;
        assert_eq!(leave.status, 200, "{}", leave.text());
        let text = leave.text();
        assert!(text.contains("id=\"leave\"") && text.contains("https://app.asana.com/"), "{text}");

        let fields = [("name", "One"), ("usable_by", "every_app"), ("secret_token", "by hand")];
        assert_eq!(owner.submit(&url("/services/fly-io/accounts"), &fields).await.status, 303);
        assert!(matches!(member.submit(&url("/services/fly-io/revoke"), &[]).await.status, 403 | 404));
        let begun = owner.submit(&url("/services/fly-io/revoke"), &[]).await;
        assert_eq!(begun.status, 303, "{}", begun.text());
        let there = platform.url(begun.location());
        let began = std::time::Instant::now();
        let page = loop {
            let page = shown(&owner, &there).await;
            if page.contains("id=\"not-revoked\"") {
                break page;
            }
            assert!(began.elapsed() < std::time::Duration::from_secs(60), "{page}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        assert!(page.contains("delete it at the service"), "{page}");
        let list = shown(&owner, &url("/accounts")).await;
        assert!(list.contains("data-cause=\"revoked\""), "{list}");
        // It is found again on the page of the service, by those who may.
        let service = shown(&owner, &url("/services/fly-io")).await;
        assert!(service.contains(&format!("href=\"{}\"", begun.location())) && service.contains("ended"), "{service}");
        assert!(!shown(&owner, &url("/services/asana")).await.contains("id=\"revocations\""));
        assert!(!shown(&member, &url("/services/fly-io")).await.contains("service-revocations"));
        let deleted = owner.submit(&url("/services/asana/oauth-client/delete"), &[]).await;
        assert_eq!(deleted.status, 303, "{}", deleted.text());
    }

    async fn custom_apis_are_made_changed_and_deleted_on_their_pages(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let editor = platform.signed_in("editor").await;
        let home = format!("/organizations/{}", platform.demo.seeded.organization);
        let url = |rest: &str| platform.url(&format!("{home}{rest}"));
        let key = "CANARY-custom-key";
        let fields = [
            ("name", "Weather"), ("base_url", "https://api.weather.example/v1"), ("authentication", "api_key"), ("value", key),
            ("headers", "Accept: application/json\r\n"), ("usable_by", "every_app"),
        ];
        shown(&editor, &url("/new-custom-api")).await;
        let wrong = fields.map(|(name, value)| if name == "base_url" { (name, "http://api.weather.example") } else { (name, value) });
        let refused = editor.submit(&url("/custom-apis"), &wrong).await;
        let text = refused.text();
        assert!(refused.status == 422 && text.contains("Weather") && !text.contains(key), "{text}");
        let made = editor.submit(&url("/custom-apis"), &fields).await;
        assert_eq!(made.status, 303, "{}", made.text());
        let one = platform.url(made.location());
        let page = shown(&editor, &one).await;
        assert!(page.contains("https://api.weather.example/v1") && !page.contains(key), "{page}");
        let moved = fields.map(|(name, value)| match name {
            "base_url" => (name, "https://evil.example/"),
            "value" => (name, ""),
            _ => (name, value),
        });
        let moved = editor.submit(&format!("{one}/edit"), &moved).await;
        assert_eq!(moved.status, 422, "a key does not follow to another place: {}", moved.text());
        let renamed = fields.map(|(name, value)| match name {
            "name" => (name, "Forecast"),
            "value" => (name, ""),
            _ => (name, value),
        });
        assert_eq!(editor.submit(&format!("{one}/edit"), &renamed).await.status, 303);
        assert!(shown(&editor, &url("/custom-apis")).await.contains("Forecast"));
        shown(&platform.signed_in("admin").await, &url("/service-calls?outcome=refused")).await;
        assert_eq!(editor.submit(&format!("{one}/delete"), &[]).await.status, 303);
        assert_eq!(editor.open(&one).await.status, 404);
        let list: Value = editor.call("GET", &format!("/api/v1{home}/custom-apis"), None).await.json();
        assert_eq!(list["customApis"].as_array().map(Vec::len), Some(0), "{list}");
    }
}
