//! Apps that call the platform with a server secret and a user token. The token is also checked by an
//! independent library (npm `jose`) with the published keys.

use std::path::Path;

use development::Folder;
use secrets_vault::MasterKey;
use serde_json::{Value, json};
use test_support::node::run_script;
use test_support::{Response, TestDatabase, on_both_stores};

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

/// The private key of the platform, as it is sealed in the store.
async fn private_key(platform: &Platform, database: &TestDatabase) -> String {
    use sea_orm::{ConnectionTrait as _, Statement};
    let sql = "SELECT id, sealed_private_key FROM signing_keys";
    let statement = Statement::from_string(database.backend(), sql);
    let row = database.connection().query_one_raw(statement).await.unwrap().unwrap();
    let id: String = row.try_get("", "id").unwrap();
    let sealed: Vec<u8> = row.try_get("", "sealed_private_key").unwrap();
    let folder = platform.demo.description_path.parent().unwrap();
    let text = Folder::open(folder).unwrap().read_or_make("master.key", || unreachable!()).unwrap();
    let key = MasterKey::parse(&text).unwrap().sealing_key("signing key");
    let pkcs8 = key.open(format!("signing key/{id}").as_bytes(), &sealed).unwrap();
    pkcs8.iter().map(|byte| format!("{byte:02x}")).collect()
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
        assert_eq!(owner.call("DELETE", &removed, None).await.status, 204);
        let refused = whoami(&platform, "hello", &members).await;
        assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("unauthenticated")));
        let alone = ask(&platform, Some(platform.server_secret("hello")), None).await;
        assert_eq!(alone.status, 200, "the app itself goes on");
        assert_eq!(member.open_once(&platform.app_url("hello", "/")).await.status, 404);
        let verified = examine(&platform, &members, None).await;
        assert_eq!(verified["life"], 780, "its signature and its time are still good");

        let revoked =
            format!("/api/v1/apps/{}/grants/{}", seeded.apps["payroll"].id, seeded.people["admin"].id);
        assert_eq!(editor.call("DELETE", &revoked, None).await.status, 204);
        assert_eq!(whoami(&platform, "payroll", &admins).await.status, 401);
    }
    async fn a_user_token_ends_with_its_session(database: TestDatabase) {
        let platform = Platform::start(&database).await;
        let member = platform.signed_in("member").await;
        let token = token(&platform, &member, "hello").await;
        assert_eq!(whoami(&platform, "hello", &token).await.status, 200);
        member.sign_out().await;
        assert_eq!(whoami(&platform, "hello", &token).await.status, 401);
    }
}
