//! Who called which services: never what was said.

use serde_json::json;
use test_support::{ServedAnswer, TestDatabase, on_both_stores};

use super::world::World;

on_both_stores! {
    async fn every_call_is_recorded_and_none_of_its_contents(database: TestDatabase) {
        let world = World::start(&database).await;
        let account = world.shared_account("Team", json!({ "fromPages": true })).await;
        let api = world.custom_api("CRM", json!({})).await;
        let token = world.user_token(&world.editor, "hello").await;
        let ask = async |input| world.execute("hello", Some(&token), &account, "request", input).await.status;
        assert_eq!(ask(json!({ "path": "/CANARY-path", "query": { "q": "CANARY-query" } })).await, 200);
        assert_eq!(ask(json!({ "method": "POST", "path": "/x", "body": "CANARY-body" })).await, 200);
        assert_eq!(ask(json!({ "path": "//CANARY" })).await, 422);
        assert_eq!(ask(json!({ "path": "/x", "method": "TRACE" })).await, 422);
        world.service.answers(|_| ServedAnswer::bytes(404, "text/plain", "CANARY-answer"));
        assert_eq!(ask(json!({ "path": "/x" })).await, 502);
        world.service.answers(|_| ServedAnswer::bytes(429, "text/plain", "slow down"));
        assert_eq!(ask(json!({ "path": "/x" })).await, 429);
        world.service.answers(|_| ServedAnswer { breaks_off: true, ..ServedAnswer::bytes(200, "text/plain", "x") });
        assert_eq!(ask(json!({ "method": "POST", "path": "/x" })).await, 502);
        let path = format!("/api/custom-apis/{api}/execute");
        assert_eq!(world.ask("hello", &path, r#"{"method":"DELETE"}"#).await.status, 502);
        // Of nothing that the app may not use there is a record.
        let foreign = "acc_00000000000000000000000000000000";
        assert_eq!(world.execute("hello", None, foreign, "request", json!({ "path": "/x" })).await.status, 404);
        let count = |records: &[serde_json::Value]| -> u64 {
            records.iter().map(|record| record["count"].as_u64().unwrap()).sum()
        };
        let records = world.records_until("", |records| count(records) >= 8).await;
        assert_eq!(count(&records), 8, "{records:?}");
        let text = serde_json::to_string(&records).unwrap();
        assert!(!text.contains("CANARY"), "{text}");
        let person = world.platform.demo.seeded.people["editor"].id.to_string();
        let mut seen: Vec<String> = records
            .iter()
            .map(|record| {
                assert_eq!(record["appId"], world.app_id("hello"));
                assert_eq!(record["via"], "production");
                let with = if record["accountId"] == account.as_str() {
                    assert_eq!(record["userId"], person.as_str());
                    assert_eq!(record["service"], "notes");
                    "account"
                } else {
                    assert_eq!((&record["customApiId"], &record["userId"]), (&json!(api), &json!(null)));
                    assert_eq!(record["service"], "CRM");
                    "custom"
                };
                format!("{with} {} {} {} {}", record["method"], record["host"], record["outcome"], record["status"])
            })
            .collect();
        seen.sort();
        assert_eq!(
            seen,
            [
                r#"account "" "" "invalid" null"#,
                r#"account "GET" "api.notes.test" "answered" 200"#,
                r#"account "GET" "api.notes.test" "invalid" null"#,
                r#"account "GET" "api.notes.test" "limited" 429"#,
                r#"account "GET" "api.notes.test" "refused" 404"#,
                r#"account "POST" "api.notes.test" "answered" 200"#,
                r#"account "POST" "api.notes.test" "broke_off" 200"#,
                r#"custom "DELETE" "crm.test" "broke_off" 200"#,
            ]
        );
        for (query, number) in [
            (format!("?account={account}"), 7),
            (format!("?customApi={api}"), 1),
            ("?service=notes&outcome=limited".to_owned(), 1),
            (format!("?user={person}&outcome=answered"), 2),
            (format!("?app={}", world.app_id("reports")), 0),
        ] {
            let found = world.records_until(&query, |_| true).await;
            assert_eq!(count(&found), number, "{query}");
        }
        let owner = world.platform.signed_in("owner").await;
        for query in ["?outcome=unknown", "?account=x", "?path=x"] {
            let answer = owner.call("GET", &format!("{}/service-calls{query}", world.organization()), None).await;
            assert_eq!(answer.status, 422, "{query}");
        }
    }
}
