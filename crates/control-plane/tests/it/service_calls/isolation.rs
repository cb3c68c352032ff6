//! Accounts that are somebody else's do not exist.

use serde_json::json;
use test_support::{TestDatabase, on_both_stores};

use super::world::World;

on_both_stores! {
    async fn i07_a_personal_account_is_used_only_for_its_owner(database: TestDatabase) {
        let world = World::start(&database).await;
        let member = world.platform.signed_in("member").await;
        let mine = world.own_account(&world.editor, "CANARY-editor", json!({ "fromPages": true })).await;
        let theirs = world.own_account(&member, "CANARY-member", json!({})).await;
        let editor_token = world.user_token(&world.editor, "hello").await;
        let member_token = world.user_token(&member, "hello").await;
        let key = |world: &World| {
            let arrived = world.service.take_arrived();
            arrived.iter().map(|call| call.header("x-notes-key").unwrap().to_owned()).collect::<Vec<_>>()
        };
        let ask = async |token: Option<&str>, account: &str| {
            world.execute("hello", token, account, "list-notes", json!({})).await
        };
        assert_eq!(ask(Some(&editor_token), &mine).await.status, 200);
        assert_eq!(ask(Some(&member_token), &theirs).await.status, 200);
        assert_eq!(key(&world), ["CANARY-editor", "CANARY-member"]);
        // As if it did not exist: the same answer as for an identifier that nobody has, and for what is none.
        let unknown = ask(None, "acc_00000000000000000000000000000000").await;
        assert_eq!((unknown.status, &unknown.json()["code"]), (404, &json!("unknown_account")));
        for (token, account) in [
            (None, mine.as_str()),
            (Some(member_token.as_str()), mine.as_str()),
            (Some(editor_token.as_str()), theirs.as_str()),
            (None, "no-identifier"),
        ] {
            let answer = ask(token, account).await;
            assert_eq!(answer.status, 404, "{account}: {}", answer.text());
            assert_eq!(without_request(&answer.json()), without_request(&unknown.json()), "{account}");
        }
        // From pages the session says who it is.
        let path = |account: &str| format!("/api/integrations/accounts/{account}/execute");
        let body = json!({ "actionId": "list-notes" });
        assert_eq!(world.as_page(&world.editor, "hello", &path(&mine), &body).await.status, 200);
        assert_eq!(world.as_page(&member, "hello", &path(&mine), &body).await.status, 404);
        // Not meant for pages.
        assert_eq!(world.as_page(&member, "hello", &path(&theirs), &body).await.status, 404);
        assert_eq!(key(&world), ["CANARY-editor"]);
        // A user token without the secret, and one of another app.
        let browser = world.platform.browser();
        let url = world.platform.url(&path(&mine));
        let answer =
            browser.client.request("POST", &url).header("x-vybe-user-token", &editor_token).json(&body);
        assert_eq!(answer.send().await.status, 401);
        let elsewhere = world.user_token(&world.editor, "reports").await;
        assert_eq!(ask(Some(&elsewhere), &mine).await.status, 401);
        // Whoever leaves takes it along, on the very next call.
        world.editor.sign_out().await;
        assert_eq!(ask(Some(&editor_token), &mine).await.status, 401);
        assert!(key(&world).is_empty());
    }

    async fn i07_a_restricted_account_is_used_only_by_its_apps(database: TestDatabase) {
        let world = World::start(&database).await;
        let only = json!({ "apps": [world.app_id("hello")] });
        let account = world.shared_account("Team", only.clone()).await;
        let api = world.custom_api("CRM", only).await;
        let action = json!({ "actionId": "list-notes" }).to_string();
        for (path, body) in [
            (format!("/api/integrations/accounts/{account}/execute"), action.clone()),
            (format!("/api/pipedream/accounts/{account}/run-action"), action),
            (format!("/api/custom-apis/{api}/execute"), json!({ "path": "/contacts" }).to_string()),
        ] {
            assert_eq!(world.ask("hello", &path, body.clone()).await.status, 200, "{path}");
            assert_eq!(world.service.take_arrived().len(), 1);
            let refused = world.ask("reports", &path, body.clone()).await;
            let other = path.replace(&account, "acc_00000000000000000000000000000000");
            let other = other.replace(&api, "capi_00000000000000000000000000000000");
            let unknown = world.ask("reports", &other, body.clone()).await;
            assert_eq!((refused.status, unknown.status), (404, 404), "{path}: {}", refused.text());
            assert_eq!(without_request(&refused.json()), without_request(&unknown.json()), "{path}");
            // Not meant for pages.
            let body = serde_json::from_str(&body).unwrap();
            assert_eq!(world.as_page(&world.editor, "hello", &path, &body).await.status, 404, "{path}");
        }
        assert!(world.service.take_arrived().is_empty());
    }

    async fn i07_an_account_of_another_organization_does_not_exist(database: TestDatabase) {
        let world = World::start(&database).await;
        let outsider = world.platform.signed_in("outsider").await;
        let organizations = outsider.call("GET", "/api/v1/organizations", None).await.json();
        let elsewhere = organizations[0]["id"].as_str().unwrap().to_owned();
        let body = json!({
            "service": "notes", "name": "Theirs", "secrets": { "api_key": "CANARY-theirs" }, "test": false,
        });
        let path = format!("/api/v1/organizations/{elsewhere}/accounts");
        let made = outsider.call("POST", &path, Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let account = made["id"].as_str().or_else(|| made["account"]["id"].as_str()).unwrap();
        let body = json!({
            "name": "CRM", "baseUrl": "https://crm.test/api", "authentication": "bearer_token", "value": "x",
        });
        let path = format!("/api/v1/organizations/{elsewhere}/custom-apis");
        let made = outsider.call("POST", &path, Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let api = made.json()["id"].as_str().unwrap().to_owned();
        let answer = world.execute("hello", None, account, "list-notes", json!({})).await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("unknown_account")));
        let path = format!("/api/custom-apis/{api}/execute");
        let answer = world.ask("hello", &path, "{}").await;
        assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("unknown_custom_api")));
        assert!(world.service.take_arrived().is_empty());
    }

    async fn i07_the_organization_keeps_personal_accounts_out_of_deployed_apps(database: TestDatabase) {
        let world = World::start(&database).await;
        let shared = world.shared_account("Team", json!({ "fromPages": true })).await;
        let mine = world.own_account(&world.editor, "CANARY-editor", json!({ "fromPages": true })).await;
        let token = world.user_token(&world.editor, "hello").await;
        let preview = preview_secret(&world).await;
        let path = format!("/api/integrations/accounts/{mine}/execute");
        let body = json!({ "actionId": "list-notes" });
        world.personal_accounts_in_apps(false).await;
        let answer = world.execute("hello", Some(&token), &mine, "list-notes", json!({})).await;
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("personal_accounts_off")));
        let answer = world.as_page(&world.editor, "hello", &path, &body).await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        assert!(world.service.take_arrived().is_empty());
        // Nobody else learns that it exists.
        assert_eq!(world.execute("hello", None, &mine, "list-notes", json!({})).await.status, 404);
        // While an app is being built, whoever builds it may.
        let answer =
            world.ask_as(&preview, Some(&token), &path, "application/json", body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(world.execute("hello", None, &shared, "list-notes", json!({})).await.status, 200);
        world.personal_accounts_in_apps(true).await;
        let answer = world.execute("hello", Some(&token), &mine, "list-notes", json!({})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

async fn preview_secret(world: &World) -> String {
    let path = format!("/api/v1/apps/{}/server-secrets", world.app_id("hello"));
    let made = world.editor.call("POST", &path, Some(&json!({ "environment": "preview" }))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let secret = made["secret"].as_str().or_else(|| made["value"].as_str());
    secret.unwrap_or_else(|| panic!("no secret in {made}")).to_owned()
}

fn without_request(problem: &serde_json::Value) -> serde_json::Value {
    let mut problem = problem.clone();
    problem.as_object_mut().unwrap().remove("requestId");
    problem
}
