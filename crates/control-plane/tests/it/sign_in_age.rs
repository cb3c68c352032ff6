//! Pages that ask for a recent sign-in, with browsers, WebSockets, and sign-ins that grow old.

use std::time::{Duration, Instant};

use development::Folder;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::json;
use test_support::{Frame, TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::platform::Platform;

/// What the rule asks for.
const MINUTE: Duration = Duration::from_secs(60);

/// Makes a rule: this page of hello asks builders for a sign-in of the last minute, and is for nobody else.
async fn make_rule(platform: &Platform, page: &str) {
    let editor = platform.signed_in("editor").await;
    let path = format!("/api/v1/apps/{}/path-rules", platform.demo.seeded.apps["hello"].id);
    let roles = ["owner", "admin", "editor"].map(|role| json!({ "kind": "role", "value": role }));
    let rule = json!({ "pattern": page, "subjects": roles, "signInWithinMinutes": 1 });
    let made = editor.call("POST", &path, Some(&rule)).await;
    assert_eq!(made.status, 201, "{}", made.text());
}

/// The same platform started again, with every sign-in at this instant.
async fn signed_in_at(
    at: OffsetDateTime,
    folder: &Folder,
    platform: Platform,
    database: &TestDatabase,
) -> Platform {
    let port = platform.demo.running.https.port();
    platform.demo.running.stop().await.unwrap();
    let sql = "UPDATE sessions SET authenticated_at = $1";
    let statement = Statement::from_sql_and_values(database.backend(), sql, [at.into()]);
    database.connection().execute_raw(statement).await.unwrap();
    Platform::of(folder, port, database.connection().clone()).await
}

on_both_stores! {
    async fn an_old_sign_in_is_renewed_and_leads_back_to_the_very_same_url(database: TestDatabase) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let platform = Platform::of(&folder, 0, database.connection().clone()).await;
        make_rule(&platform, "/admin").await;
        let admin_page = platform.app_url("hello", "/admin/x?year=2026&b=%2F");
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        assert_eq!(owner.open(&admin_page).await.status, 200, "a sign-in of just now");
        assert_eq!(member.open(&admin_page).await.status, 403);
        let hour_ago = OffsetDateTime::now_utc() - time::Duration::hours(1);
        let platform = signed_in_at(hour_ago, &folder, platform, &database).await;

        // Elsewhere in the app nothing is asked, and whom the rule keeps out is not sent to sign in.
        assert_eq!(owner.open_once(&platform.app_url("hello", "/")).await.status, 200);
        assert_eq!(member.open_once(&admin_page).await.status, 403);
        let reached = platform.access_log("hello").len();

        let own = platform.app_url("hello", "");
        for method in ["GET", "POST"] {
            let request = owner.client.request(method, &admin_page).header("origin", &own);
            let refused = request.header("sec-fetch-mode", "cors").header("accept", "*/*").send().await;
            assert_eq!(refused.status, 401, "{method}: {}", refused.text());
            assert_eq!(refused.json()["code"], "sign_in_too_old");
            assert!(refused.json()["decisionId"].as_str().unwrap().starts_with("dec_"), "{}", refused.text());
        }
        let socket = owner.web_socket(&platform.app_url("hello", "/admin/ws")).await;
        assert_eq!(socket.err().unwrap().status, 401);
        assert_eq!(platform.access_log("hello").len(), reached, "the app was not contacted");

        let thief = owner.copy();
        let choice = owner.open(&admin_page).await;
        let asked = choice.url.clone().unwrap();
        let parameter = |name: &str| asked.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        assert_eq!((parameter("max_age").as_str(), parameter("prompt").as_str()), ("60", "login"));
        let page = owner.choose(&choice, "owner").await;
        assert_eq!((page.status, page.url.unwrap().as_str()), (200, admin_page.as_str()));
        assert_eq!(owner.open_once(&admin_page).await.status, 200, "no redirect any more");
        assert_eq!(thief.open_once(&platform.app_url("hello", "/")).await.status, 302, "the old session ended");
        let seen = platform.access_log("hello");
        let id = platform.demo.seeded.people["owner"].id.to_string();
        assert_eq!(seen.last().unwrap().header("x-vybe-user-id"), Some(id.as_str()));
    }

    async fn somebody_else_who_signs_in_instead_gets_a_session_of_their_own(database: TestDatabase) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let platform = Platform::of(&folder, 0, database.connection().clone()).await;
        make_rule(&platform, "/admin").await;
        let admin_page = platform.app_url("hello", "/admin");
        let browser = platform.signed_in("owner").await;
        assert_eq!(browser.open(&admin_page).await.status, 200);
        let hour_ago = OffsetDateTime::now_utc() - time::Duration::hours(1);
        let platform = signed_in_at(hour_ago, &folder, platform, &database).await;

        let choice = browser.open(&admin_page).await;
        let page = browser.choose(&choice, "member").await;
        assert_eq!(page.status, 403, "the member's own access, not the Owner's");
        let session = browser.call("GET", "/api/auth/get-session", None).await.json();
        assert_eq!(session["user"]["email"], "member@acme.example");
        let choice = platform.browser().open(&admin_page).await;
        assert!(choice.url.unwrap().as_str().contains("://issuer."), "nobody else was signed in");
        // Whoever was already signed in and returns to the provider's page is asked there, too.
        let admin = platform.browser();
        let page = admin.sign_in(&admin_page, "admin").await;
        assert_eq!((page.status, page.url.unwrap().as_str()), (200, admin_page.as_str()));
    }

    async fn r01_a_web_socket_is_cut_when_the_sign_in_becomes_too_old(database: TestDatabase) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Folder::open(temporary.path()).unwrap();
        let platform = Platform::of(&folder, 0, database.connection().clone()).await;
        make_rule(&platform, "/ws").await;
        let owner = platform.signed_in("owner").await;
        assert_eq!(owner.open(&platform.app_url("hello", "/")).await.status, 200);
        assert_eq!(owner.open(&platform.app_url("reports", "/")).await.status, 200);
        // Old enough for the minute to pass soon, whatever the time that starting takes.
        let left = Duration::from_secs(12);
        let now = (Instant::now(), OffsetDateTime::now_utc());
        let ends = now.0 + left;
        let platform = signed_in_at(now.1 - (MINUTE - left), &folder, platform, &database).await;

        let mut socket = owner.web_socket(&platform.app_url("hello", "/ws")).await.unwrap();
        let mut elsewhere = owner.web_socket(&platform.app_url("reports", "/ws")).await.unwrap();
        socket.send_text("hello").await;
        assert_eq!(socket.next().await, Frame::Text("hello".to_owned()));
        assert!(Instant::now() < ends, "starting took too long for this test");
        tokio::time::sleep_until((ends - Duration::from_secs(2)).into()).await;
        let end = socket.next().await;
        assert!(matches!(end, Frame::Closed(_) | Frame::Cut), "{end:?}");
        let closed = Instant::now();
        assert!(closed >= ends, "cut {:?} too early", ends - closed);
        println!("the socket was cut {:?} after the minute had passed", closed - ends);
        assert!(closed - ends < Duration::from_secs(3), "{:?}", closed - ends);
        elsewhere.send_text("still here").await;
        assert_eq!(elsewhere.next().await, Frame::Text("still here".to_owned()));
    }
}
