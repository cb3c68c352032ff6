//! A decision, from the page that refused to its record.

use std::time::Duration;

use serde_json::{Value, json};
use test_support::{Response, TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

async fn eventually(browser: &Browser, path: &str, count: usize) -> Value {
    for _ in 0..150 {
        let answer = browser.call("GET", path, None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        if answer.json()["decisions"].as_array().unwrap().len() >= count {
            return answer.json();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not {count} decisions at {path}");
}

/// What is between two tags.
fn shown(page: &Response) -> String {
    let text = page.text();
    let start = text.find("id=\"decision\">").unwrap() + "id=\"decision\">".len();
    text[start..].split('<').next().unwrap().to_owned()
}

fn without_request(answer: &Response) -> Value {
    let mut body = answer.json();
    body["requestId"].take();
    json!([answer.status, body])
}

on_both_stores! {
    async fn a_refusal_leads_from_its_page_to_its_record(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let app = text(&platform.demo.description["apps"]["hello"]["id"]);
        let organization = text(&platform.demo.description["organization"]["id"]);
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let rule = json!({
            "pattern": "/ledger", "methods": ["GET"], "subjects": [{ "kind": "role", "value": "owner" }],
            "signInWithinMinutes": 600,
        });
        let rule = owner.call("POST", &format!("/api/v1/apps/{app}/path-rules"), Some(&rule)).await;
        assert_eq!(rule.status, 201, "{}", rule.text());
        let rule = text(&rule.json()["id"]);

        let page = member.open(&platform.app_url("hello", "/Ledger/2026?secret=1")).await;
        assert_eq!(page.status, 403, "{}", page.text());
        let decision = shown(&page);
        assert!(!page.text().contains(&rule));
        assert_eq!(owner.open(&platform.app_url("hello", "/ledger")).await.status, 200);

        let list = format!("/api/v1/apps/{app}/decisions");
        let refused = eventually(&owner, &format!("{list}?outcome=refused&path=/ledger"), 1).await;
        assert_eq!(refused["decisions"][0]["id"], decision.as_str());
        for path in [format!("{list}/{decision}"), format!("/api/v1/organizations/{organization}/decisions/{decision}")] {
            let opened = owner.call("GET", &path, None).await;
            assert_eq!(opened.status, 200, "{}", opened.text());
            let body = opened.json();
            assert_eq!(body["again"]["agrees"], true);
            assert_eq!(body["record"]["reason"], "path_rule");
            assert_eq!(body["record"]["ruleId"], rule.as_str());
            assert_eq!(body["record"]["paths"], json!(["/Ledger/2026"]));
            assert_eq!(body["record"]["person"]["role"], "member");
            assert_eq!(body["again"]["steps"][2]["refusedBy"], rule.as_str());
            let ours = body["policy"]["pathRules"].as_array().unwrap().iter().find(|known| known["id"] == rule.as_str());
            assert_eq!(ours.unwrap()["signInWithinMinutes"], 600);
            assert!(!opened.text().contains("secret=1"));
            // Who only uses the app is not told.
            assert_eq!(member.call("GET", &path, None).await.status, 403);
        }

        // The rule goes, and the record says what it said.
        let gone = owner.call("DELETE", &format!("/api/v1/apps/{app}/path-rules/{rule}"), None).await;
        assert_eq!(gone.status, 204);
        assert_eq!(member.open(&platform.app_url("hello", "/ledger")).await.status, 200);
        let opened = owner.call("GET", &format!("{list}/{decision}"), None).await.json();
        assert_eq!((&opened["again"]["agrees"], &opened["record"]["ruleId"]), (&json!(true), &json!(rule)));

        let all = eventually(&owner, &list, 3).await;
        let outcomes: Vec<&Value> = all["decisions"].as_array().unwrap().iter().map(|one| &one["outcome"]).collect();
        assert!(outcomes.contains(&&json!("allowed")) && outcomes.contains(&&json!("refused")));
        for query in ["outcome=maybe", "user=somebody", "path=admin", "since=yesterday", "limit=0", "cursor=x"] {
            assert_eq!(owner.call("GET", &format!("{list}?{query}"), None).await.status, 422, "{query}");
        }
    }

    async fn z02_the_decision_of_another_organization_is_like_none(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let app = text(&platform.demo.description["apps"]["hello"]["id"]);
        let organization = text(&platform.demo.description["organization"]["id"]);
        let (owner, outsider) = (platform.signed_in("owner").await, platform.signed_in("outsider").await);
        let made = outsider.call("POST", "/api/v1/organizations", Some(&json!({ "slug": "elsewhere", "name": "E" }))).await;
        let theirs = text(&made.json()["id"]);
        let body = json!({ "slug": "theirs", "name": "Theirs" });
        let made = outsider.call("POST", &format!("/api/v1/organizations/{theirs}/apps"), Some(&body)).await;
        let their_app = text(&made.json()["id"]);
        let host = platform.demo.sites().origin_of(&text(&made.json()["hostLabel"]));
        outsider.open(&format!("{host}/page")).await;
        let list = eventually(&outsider, &format!("/api/v1/apps/{their_app}/decisions"), 1).await;
        let decision = text(&list["decisions"][0]["id"]);
        let own = outsider.call("GET", &format!("/api/v1/organizations/{theirs}/decisions/{decision}"), None).await;
        assert_eq!(own.status, 200, "{}", own.text());
        let unknown = format!("dec_{}", "0".repeat(32));
        for place in [format!("apps/{app}"), format!("organizations/{organization}")] {
            let theirs = owner.call("GET", &format!("/api/v1/{place}/decisions/{decision}"), None).await;
            let none = owner.call("GET", &format!("/api/v1/{place}/decisions/{unknown}"), None).await;
            assert_eq!(theirs.status, 404, "{}", theirs.text());
            assert_eq!(without_request(&theirs), without_request(&none));
        }
    }
}
