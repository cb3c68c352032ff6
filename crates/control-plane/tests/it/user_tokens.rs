//! Apps that call the platform with a server secret and a user token. The token is also checked by an
//! independent library (npm `jose`) with the published keys.

use std::path::Path;

use development::Folder;
use secrets_vault::{Kind, Owner};
use serde_json::{Value, json};
use test_support::node::{Script, run_script};
use test_support::{RawConnection, Response, TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::platform::{Browser, Platform};

/// A token as an app got it for somebody's request.
async fn token(platform: &Platform, browser: &Browser, slug: &str) -> String {
    assert_eq!(browser.open(&platform.app_url(slug, "/")).await.status, 200);
    platform.access_log(slug).last().unwrap().header("x-vybe-user-token").unwrap().to_owned()
}

async fn ask(platform: &Platform, secret: Option<&str>, token: Option<&str>) -> Response {
    let browser = platform.browser();
    let mut request = browser.client.request("GET", &platform.url("/api/v1/whoami"));
    if let Some(secret) = secret {
        request = request.header("VYBE_SERVER_SECRET", secret);
    }
    if let Some(token) = token {
        request = request.header("x-vybe-user-token", token);
    }
    request.send().await
}

/// What an app learns about a token.
async fn whoami(platform: &Platform, slug: &str, token: &str) -> Response {
    ask(platform, Some(platform.server_secret(slug)), Some(token)).await
}

/// What `jose` says about a token, and the forgeries it makes of it. With `private_key` (PKCS#8), it also
/// signs tokens that only the platform could sign.
async fn examine(platform: &Platform, token: &str, private_key: Option<String>) -> Value {
    let apps = &platform.demo.seeded.apps;
    let input = json!({
        "authority": platform.demo.description["authority"],
        "port": platform.demo.running.https.port(),
        "issuer": platform.url(""),
        "keys": platform.url("/.well-known/jwks.json"),
        "audience": apps["hello"].id,
        "otherAudience": apps["reports"].id,
        "token": token,
        "privateKey": private_key,
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/user_tokens.mjs");
    run_script(&script, &input).await
}

/// The private key of the platform (PKCS#8, RFC 8410), as the vault keeps it.
async fn private_key(platform: &Platform, database: &TestDatabase) -> String {
    use sea_orm::{ConnectionTrait as _, Statement};
    let sql = "SELECT secret_id FROM signing_keys";
    let statement = Statement::from_string(database.backend(), sql);
    let row = database.connection().query_one_raw(statement).await.unwrap().unwrap();
    let secret = row.try_get::<String>("", "secret_id").unwrap().parse().unwrap();
    let vault = &platform.demo.running.vault;
    let seed = vault.open(secret, Owner::Platform, Kind::UserTokenKey).await.unwrap();
    let seed: String = seed.reveal().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("302e020100300506032b657004220420{seed}")
}

on_both_stores! {
    async fn j06_j10_an_independent_library_verifies_our_tokens(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let token = token(&platform, &member, "hello").await;
        let seen = examine(&platform, &token, None).await;
        assert_eq!(seen["claims"], json!(["aud", "exp", "iat", "iss", "sub"]), "five claims, no more");
        assert_eq!(seen["subject"], platform.demo.seeded.people["member"].id.to_string());
        assert_eq!(seen["life"], 780, "seconds from `iat` to `exp`");
        assert_eq!(seen["algorithm"], "EdDSA");
        assert_eq!(seen["keyIsPublished"], true);
        assert_eq!(seen["publishedKeyFields"], json!(["alg", "crv", "kid", "kty", "use", "x"]), "no private part");
        assert_eq!(seen["refused"], json!({
            "otherAudience": "ERR_JWT_CLAIM_VALIDATION_FAILED",
            "otherIssuer": "ERR_JWT_CLAIM_VALIDATION_FAILED",
            "otherAlgorithm": "ERR_JOSE_ALG_NOT_ALLOWED",
            "editedClaims": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
            "editedHeader": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
            "after780Seconds": "ERR_JWT_EXPIRED",
        }));
    }

    async fn j01_j05_what_is_made_from_a_token_without_the_key_is_refused(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let token = token(&platform, &member, "hello").await;
        assert_eq!(whoami(&platform, "hello", &token).await.status, 200);
        let seen = examine(&platform, &token, None).await;
        let forged = seen["forged"].as_object().unwrap();
        assert_eq!(forged.len(), 10, "{forged:?}");
        for (case, forged) in forged {
            let refused = whoami(&platform, "hello", forged.as_str().unwrap()).await;
            assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("unauthenticated")), "{case}");
        }
        assert_eq!(whoami(&platform, "hello", &token).await.status, 200);
    }

    async fn j03_j04_j06_tokens_that_another_library_signed_with_our_key(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let token = token(&platform, &member, "hello").await;
        let key = private_key(&platform, &database).await;
        let seen = examine(&platform, &token, Some(key)).await;
        let signed = seen["signed"].as_object().unwrap();
        assert_eq!(signed.len(), 13, "{:?}", signed.keys());
        for (case, signed) in signed {
            let expected = if case == "honest" { 200 } else { 401 };
            let answer = whoami(&platform, "hello", signed.as_str().unwrap()).await;
            assert_eq!(answer.status, expected, "{case}: {}", answer.text());
        }
    }

    async fn j07_a_secret_is_the_app_and_a_user_token_with_it_the_person(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let token = token(&platform, &member, "hello").await;
        let secret = platform.server_secret("hello");

        let alone = ask(&platform, Some(secret), None).await;
        assert_eq!(alone.status, 200, "{}", alone.text());
        assert_eq!(alone.json()["app"]["slug"], "hello");
        assert_eq!(alone.json()["user"], json!(null));

        let both = ask(&platform, Some(secret), Some(&token)).await;
        assert_eq!(both.status, 200, "{}", both.text());
        assert_eq!(both.json()["user"]["email"], "member@acme.example");

        for (secret, token) in [
            (None, Some(token.as_str())),
            (None, None),
            (Some("vybe_sk_production_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), None),
            (Some(&secret[..secret.len() - 1]), None),
            (Some(secret), Some("")),
            (Some(secret), Some("a.b.c")),
        ] {
            let refused = ask(&platform, secret, token).await;
            assert_eq!(refused.status, 401, "{secret:?} {token:?}");
            assert_eq!(refused.json()["code"], "unauthenticated");
        }
    }

    async fn j08_a_token_counts_with_the_secret_of_its_own_app_only(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        for (own, other) in [("hello", "reports"), ("reports", "hello"), ("hello", "payroll")] {
            let token = token(&platform, &member, own).await;
            assert_eq!(whoami(&platform, own, &token).await.status, 200);
            assert_eq!(whoami(&platform, other, &token).await.status, 401, "{own} with {other}'s secret");
        }
        // An app of another organization, whose secret somebody there has made.
        let (outsider, foreign) = (platform.signed_in("outsider").await, json!({ "slug": "own", "name": "Own" }));
        let organization = outsider.call("GET", "/api/v1/organizations", None).await.json()[0]["id"].clone();
        let apps = format!("/api/v1/organizations/{}/apps", organization.as_str().unwrap());
        let app = outsider.call("POST", &apps, Some(&foreign)).await.json()["id"].clone();
        let secrets = format!("/api/v1/apps/{}/server-secrets", app.as_str().unwrap());
        let issued = outsider.call("POST", &secrets, Some(&json!({ "environment": "production" }))).await.json();
        let secret = issued["value"].as_str().unwrap();
        let token = token(&platform, &member, "hello").await;
        assert_eq!(ask(&platform, Some(secret), None).await.status, 200, "the control");
        assert_eq!(ask(&platform, Some(secret), Some(&token)).await.status, 401);
    }

    async fn j10_a_lost_membership_or_grant_makes_a_live_token_worthless_at_once(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let (owner, editor) = (platform.signed_in("owner").await, platform.signed_in("editor").await);
        let (member, admin) = (platform.signed_in("member").await, platform.signed_in("admin").await);
        let members = token(&platform, &member, "hello").await;
        let admins = token(&platform, &admin, "payroll").await;
        assert_eq!(whoami(&platform, "hello", &members).await.status, 200);
        assert_eq!(whoami(&platform, "payroll", &admins).await.status, 200);

        let removed =
            format!("/api/v1/organizations/{}/members/{}", seeded.organization, seeded.people["member"].id);
        let removal = owner.call("DELETE", &removed, None).await;
        assert_eq!(removal.status, 200, "{}", removal.text());
        let refused = whoami(&platform, "hello", &members).await;
        assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("unauthenticated")));
        let alone = ask(&platform, Some(platform.server_secret("hello")), None).await;
        assert_eq!(alone.status, 200, "the app itself goes on");
        assert_eq!(member.open_once(&platform.app_url("hello", "/")).await.status, 404);
        let verified = examine(&platform, &members, None).await;
        assert_eq!(verified["life"], 780, "its signature and its time are still good");
        let outstanding = &removal.json()["userTokens"];
        assert_eq!(outstanding["apps"], 1, "which whoever removed the member was told: {outstanding}");
        assert!(outstanding["until"].as_str() <= outstanding["noneAfter"].as_str(), "{outstanding}");

        let revoked =
            format!("/api/v1/apps/{}/grants/{}", seeded.apps["payroll"].id, seeded.people["admin"].id);
        assert_eq!(editor.call("DELETE", &revoked, None).await.status, 200);
        assert_eq!(whoami(&platform, "payroll", &admins).await.status, 401);
    }
    async fn z01_of_two_credentials_of_one_kind_none_counts(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let (secret, token) = (platform.server_secret("hello"), token(&platform, &member, "hello").await);
        let ask = async |headers: &[(&str, &str)]| {
            let browser = platform.browser();
            let request = browser.client.request("GET", &platform.url("/api/v1/whoami"));
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            request.send().await.status
        };
        let (own, other) = (("VYBE_SERVER_SECRET", secret), ("Vybe-Server-Secret", secret));
        let user = ("x-vybe-user-token", token.as_str());
        assert_eq!((ask(&[own, user]).await, ask(&[other, user]).await), (200, 200));
        for twice in [&[own, own][..], &[own, other], &[other, own, user], &[own, user, user]] {
            assert_eq!(ask(twice).await, 401, "{}", twice.len());
        }
    }

    async fn a_user_token_ends_with_its_session(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let token = token(&platform, &member, "hello").await;
        assert_eq!(whoami(&platform, "hello", &token).await.status, 200);
        member.sign_out().await;
        assert_eq!(whoami(&platform, "hello", &token).await.status, 401);
    }

    async fn h09_an_app_reached_without_the_platform_refuses(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let seeded = &platform.demo.seeded;
        let (owner, member) = (platform.signed_in("owner").await, platform.signed_in("member").await);
        let honest = token(&platform, &member, "hello").await;
        let other = token(&platform, &member, "reports").await;
        let forged = examine(&platform, &honest, None).await["forged"].clone();

        let input = json!({
            "authority": platform.demo.description["authority"],
            "issuer": platform.url(""),
            "keys": platform.url("/.well-known/jwks.json"),
            "audience": seeded.apps["hello"].id,
        });
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/protected_app.mjs");
        let mut app = Script::start(&script, &input).await;
        let port = app.next_answer().await.unwrap()["port"].as_u64().unwrap();
        let path = format!("/api/v1/apps/{}", seeded.apps["hello"].id);
        let moved = json!({ "upstream": format!("http://127.0.0.1:{port}") });
        assert_eq!(owner.call("PATCH", &path, Some(&moved)).await.status, 200);
        let page = member.open(&platform.app_url("hello", "/")).await;
        assert_eq!((page.status, page.text()), (200, seeded.people["member"].id.to_string()));

        let directly = async |headers: String| {
            let address = format!("127.0.0.1:{port}").parse().unwrap();
            let mut connection = RawConnection::plain(address).await.unwrap();
            let head = format!("GET / HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", platform.app_host("hello"));
            connection.exchange(head).await.unwrap().status
        };
        let victim = seeded.people["owner"].id;
        let claimed = format!("x-vybe-user-id: {victim}\r\nx-vybe-user-email: owner@acme.example\r\n");
        assert_eq!(directly(String::new()).await, 401);
        assert_eq!(directly(claimed.clone()).await, 401, "the headers without a proof");
        assert_eq!(directly(format!("{claimed}x-vybe-user-token: {other}\r\n")).await, 401, "another app's token");
        for (case, forged) in forged.as_object().unwrap() {
            let forged = format!("x-vybe-user-token: {}\r\n", forged.as_str().unwrap());
            assert_eq!(directly(forged).await, 401, "{case}");
        }
        assert_eq!(directly(format!("x-vybe-user-token: {honest}\r\n")).await, 200, "the control");
    }

    async fn j09_rotation_is_seen_by_the_next_call_and_the_old_secret_ends_on_time(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let owner = platform.signed_in("owner").await;
        let old = platform.server_secret("hello");
        let path = format!("/api/v1/apps/{}/server-secrets", platform.demo.seeded.apps["hello"].id);
        let end = OffsetDateTime::now_utc() + time::Duration::milliseconds(1500);
        let rotation = json!({
            "environment": "production",
            "previousExpiresAt": end.format(&time::format_description::well_known::Rfc3339).unwrap(),
        });
        let issued = owner.call("POST", &path, Some(&rotation)).await;
        assert_eq!(issued.status, 201, "{}", issued.text());
        let young = issued.json()["value"].as_str().unwrap().to_owned();
        assert_eq!(ask(&platform, Some(&young), None).await.status, 200, "the new one at once");
        loop {
            let before = OffsetDateTime::now_utc();
            let status = ask(&platform, Some(old), None).await.status;
            let after = OffsetDateTime::now_utc();
            assert!(status == 200 || after >= end, "ended {} too early", end - after);
            assert!(status == 401 || before < end, "not ended {} later", before - end);
            if status == 401 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(ask(&platform, Some(&young), None).await.status, 200);
        for (case, part) in [
            ("a prefix", &young[..young.len() - 1]),
            ("half", &young[..young.len() / 2]),
            ("a suffix", &young[1..]),
            ("its random part", &young[young.len() - 43..]),
            ("more", &format!("{young}A")),
            ("twice", &format!("{young},{young}")),
        ] {
            assert_eq!(ask(&platform, Some(part), None).await.status, 401, "{case}");
        }
        let listed = owner.call("GET", &path, None).await;
        assert!(!listed.text().contains(&young[young.len() - 43..]), "shown once");
    }

    async fn two_keys_are_published_while_one_takes_over_and_old_tokens_count_on(database: TestDatabase) {
        use sea_orm::{ConnectionTrait as _, Statement};
        let temporary = tempfile::tempdir().unwrap();
        let start = async |port| {
            let folder = Folder::open(temporary.path()).unwrap();
            Platform::of(&folder, port, database.connection().clone()).await
        };
        let first = start(0).await;
        let port = first.demo.running.https.port();
        let member = first.signed_in("member").await;
        let old = token(&first, &member, "hello").await;
        let published = async |platform: &Platform| {
            let keys = platform.browser().open(&platform.url("/.well-known/jwks.json")).await.json();
            keys["keys"].as_array().unwrap().len()
        };
        assert_eq!(published(&first).await, 1);
        first.demo.running.stop().await.unwrap();

        // The key has become too old meanwhile; housekeeping looks as soon as the platform runs.
        let month_ago = OffsetDateTime::now_utc() - time::Duration::days(31);
        let statement = Statement::from_sql_and_values(
            database.backend(),
            "UPDATE signing_keys SET created_at = $1",
            [month_ago.into()],
        );
        database.connection().execute_raw(statement).await.unwrap();
        let second = start(port).await;
        for _ in 0..100 {
            if published(&second).await == 2 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(published(&second).await, 2);
        let answer = whoami(&second, "hello", &old).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = examine(&second, &old, None).await;
        assert_eq!(seen["keyIsPublished"], true);
    }
}
