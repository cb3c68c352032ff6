//! Programs that act for a person: API tokens, and tokens of the coding agent.

use std::os::unix::fs::PermissionsExt as _;

use development::Folder;
use endpoint::SESSION_COOKIE;
use serde_json::{Value, json};
use test_support::{Response, TestDatabase, on_both_stores};

use crate::platform::{Browser, Platform};

/// A call as a program makes it: a bearer token, no cookies, no origin.
async fn call(platform: &Platform, method: &str, path: &str, token: &str, body: Option<&Value>) -> Response {
    let program = platform.browser();
    let request = program
        .client
        .request(method, &platform.url(path))
        .header("authorization", &format!("Bearer {token}"));
    match body {
        Some(body) => request.json(body).send().await,
        None => request.send().await,
    }
}

async fn get(platform: &Platform, path: &str, token: &str) -> u16 {
    call(platform, "GET", path, token, None).await.status
}

/// Makes an API token: its identifier and its value.
async fn api_token(person: &Browser) -> (String, String) {
    let made = person.call("POST", "/api/v1/api-tokens", Some(&json!({ "name": "test" }))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("value"))
}

/// Issues an agent token for a demo app: its identifier and its value.
async fn agent_token(platform: &Platform, person: &Browser, slug: &str) -> (String, String) {
    let path = format!("/api/v1/apps/{}/agent-tokens", platform.demo.seeded.apps[slug].id);
    let made = person.call("POST", &path, Some(&json!({}))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("value"))
}

on_both_stores! {
    async fn an_api_token_is_its_person_on_the_management_api_and_nobody_elsewhere(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let owner = platform.signed_in("owner").await;
        let (_, token) = api_token(&owner).await;
        let organization = format!("/api/v1/organizations/{}", seeded.organization);
        assert_eq!(get(&platform, &organization, &token).await, 200);
        let renamed = json!({ "name": "Acme by a program" });
        let changed = call(&platform, "PATCH", &organization, &token, Some(&renamed)).await;
        assert_eq!((changed.status, &changed.json()["name"]), (200, &renamed["name"]));
        // Neither pages nor tokens.
        let more = call(&platform, "POST", "/api/v1/api-tokens", &token, Some(&json!({ "name": "x" }))).await;
        assert_eq!((more.status, get(&platform, "/apps", &token).await), (403, 403));

        let app = platform.app_url("hello", "/");
        let reached = platform.access_log("hello").len();
        let program = platform.browser();
        let on_app = |header: &str, value: &str| {
            program.client.request("GET", &app).header("accept", "*/*").header(header, value)
        };
        assert_eq!(on_app("authorization", &format!("Bearer {token}")).send().await.status, 401);
        assert_eq!(on_app("cookie", &format!("{SESSION_COOKIE}={token}")).send().await.status, 401);
        assert_eq!(platform.access_log("hello").len(), reached, "the app was not contacted");
        // What an app uses the header for is the app's business.
        assert_eq!(owner.open(&app).await.status, 200);
        for own in ["Bearer of-the-apps-own", "Basic dTpw"] {
            assert_eq!(owner.client.request("GET", &app).header("authorization", own).send().await.status, 200);
            let log = platform.access_log("hello");
            assert_eq!(log.last().unwrap().header("authorization"), Some(own));
        }
    }

    async fn an_api_token_ends_with_its_revocation_and_is_worth_what_its_person_may_do(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let (id, token) = api_token(&member).await;
        let (_, other) = api_token(&member).await;
        let organization = format!("/api/v1/organizations/{}", seeded.organization);
        assert_eq!(get(&platform, &organization, &token).await, 200);
        member.sign_out().await;
        assert_eq!(get(&platform, &organization, &token).await, 200, "it outlives the session that made it");
        let member = platform.signed_in("member").await;
        assert_eq!(member.call("DELETE", &format!("/api/v1/api-tokens/{id}"), None).await.status, 200);
        assert_eq!(get(&platform, &organization, &token).await, 401);
        assert_eq!(get(&platform, &organization, &other).await, 200);

        let membership = format!("{organization}/members/{}", seeded.people["member"].id);
        assert_eq!(owner.call("DELETE", &membership, None).await.status, 200);
        assert_eq!(get(&platform, &organization, &other).await, 404, "removed: not even visible");
        assert_eq!(get(&platform, "/api/auth/get-session", &other).await, 200, "still somebody");
        assert_eq!(member.call("DELETE", "/api/v1/sessions", None).await.status, 200);
        assert_eq!(get(&platform, "/api/auth/get-session", &other).await, 401, "all sessions are all");
    }

    async fn an_agent_token_identifies_itself_and_opens_nothing_else(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let editor = platform.signed_in("editor").await;
        let (id, token) = agent_token(&platform, &editor, "hello").await;
        let agent = call(&platform, "GET", "/api/v1/agent", &token, None).await;
        assert_eq!(agent.status, 200, "{}", agent.text());
        assert_eq!(agent.json()["app"], json!(seeded.apps["hello"].id));
        assert_eq!(agent.json()["organization"], json!(seeded.organization));
        assert_eq!(agent.json()["issuedBy"], json!(seeded.people["editor"].id));
        assert!(agent.json()["expiresAt"].as_str().unwrap().ends_with('Z'));
        let app = format!("/api/v1/apps/{}", seeded.apps["hello"].id);
        for path in [&app, "/api/v1/organizations", "/api/auth/get-session", "/api/v1/whoami", "/apps"] {
            assert_eq!(get(&platform, path, &token).await, 401, "{path}");
        }
        for (header, value) in [("origin", platform.url("")), ("sec-fetch-site", "none".to_owned())] {
            let request = editor.client.request("GET", &platform.url("/api/v1/agent"));
            let request = request.header("authorization", &format!("Bearer {token}"));
            assert_eq!(request.header(header, &value).send().await.status, 401, "{header}");
        }
        let (_, of_person) = api_token(&editor).await;
        assert_eq!(get(&platform, "/api/v1/agent", &of_person).await, 401);
        assert_eq!(editor.call("GET", "/api/v1/agent", None).await.status, 401, "a session is no agent");

        let listed = editor.call("GET", &format!("{app}/agent-tokens"), None).await;
        assert_eq!((&listed.json()[0]["id"], listed.text().contains(&token)), (&json!(id), false));
        assert_eq!(editor.call("DELETE", &format!("{app}/agent-tokens/{id}"), None).await.status, 204);
        assert_eq!(get(&platform, "/api/v1/agent", &token).await, 401);
        for minutes in [0, 1441, -1] {
            let body = json!({ "expiresInMinutes": minutes });
            let refused = editor.call("POST", &format!("{app}/agent-tokens"), Some(&body)).await;
            assert_eq!(refused.status, 422, "{minutes}");
        }
    }

    async fn an_agent_token_dies_when_its_issuer_may_not_edit_the_app_or_the_app_is_gone(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let (owner, editor) = (platform.signed_in("owner").await, platform.signed_in("editor").await);
        let (_, hello) = agent_token(&platform, &editor, "hello").await;
        let (_, owners) = agent_token(&platform, &owner, "reports").await;
        let counts = async |token: &str| get(&platform, "/api/v1/agent", token).await;
        assert_eq!((counts(&hello).await, counts(&owners).await), (200, 200));

        let membership =
            format!("/api/v1/organizations/{}/members/{}", seeded.organization, seeded.people["editor"].id);
        let role = async |role: &str| {
            assert_eq!(owner.call("PATCH", &membership, Some(&json!({ "role": role }))).await.status, 204);
        };
        role("member").await;
        assert_eq!(counts(&hello).await, 401, "demoted");
        role("editor").await;
        assert_eq!(counts(&hello).await, 200);
        assert_eq!(owner.call("DELETE", &membership, None).await.status, 200);
        assert_eq!((counts(&hello).await, counts(&owners).await), (401, 200), "removed");
        let reports = format!("/api/v1/apps/{}", seeded.apps["reports"].id);
        assert_eq!(owner.call("DELETE", &reports, None).await.status, 204);
        assert_eq!(counts(&owners).await, 401, "its app was deleted");
    }

    async fn a_person_makes_and_revokes_api_tokens_on_a_page(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let make = async |name: &str, days: &str| {
            member.submit(&platform.url("/api-tokens"), &[("name", name), ("expires_in_days", days)]).await
        };
        for (name, days) in [("", "1"), ("laptop", "0"), ("laptop", "91"), ("laptop", "x")] {
            assert_eq!(make(name, days).await.status, 422, "{name:?} {days:?}");
        }
        let made = make("my <laptop>", "7").await;
        assert_eq!(made.status, 200, "{}", made.text());
        let text = made.text();
        let token = text.split("<code id=\"api-token\">").nth(1).unwrap().split('<').next().unwrap();
        assert_eq!(get(&platform, "/api/v1/organizations", token).await, 200);
        let listed = member.open(&platform.url("/sessions")).await.text();
        assert!(listed.contains("my &lt;laptop&gt;") && !listed.contains(token), "{listed}");
        let tokens = member.call("GET", "/api/v1/api-tokens", None).await.json();
        let id = tokens["apiTokens"][0]["id"].as_str().unwrap().to_owned();
        let other = platform.signed_in("owner").await;
        let revoke = platform.url(&format!("/api-tokens/{id}/revoke"));
        assert_eq!(other.submit(&revoke, &[]).await.status, 404, "somebody else's");
        assert_eq!(member.submit(&revoke, &[]).await.status, 303);
        assert_eq!(get(&platform, "/api/v1/organizations", token).await, 401);
    }

    async fn tokens_survive_a_restart(database: TestDatabase) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let first = Platform::of(&folder, 0, database.connection().clone()).await;
        let port = first.demo.running.https.port();
        let editor = first.signed_in("editor").await;
        let ((_, person), (_, agent)) = (api_token(&editor).await, agent_token(&first, &editor, "hello").await);
        let described = first.demo.description["apiToken"].as_str().unwrap().to_owned();
        assert_eq!(get(&first, "/api/v1/organizations", &described).await, 200);
        first.demo.running.stop().await.unwrap();

        let second = Platform::of(&folder, port, database.connection().clone()).await;
        assert_eq!(get(&second, "/api/v1/organizations", &person).await, 200);
        assert_eq!(get(&second, "/api/v1/agent", &agent).await, 200);
        assert_eq!(get(&second, "/api/v1/organizations", &described).await, 401, "replaced at each start");
        let renewed = second.demo.description["apiToken"].as_str().unwrap();
        let session = call(&second, "GET", "/api/auth/get-session", renewed, None).await;
        assert_eq!(session.json()["user"]["email"], "owner@acme.example");
        let mode = std::fs::metadata(folder.file("dev.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
