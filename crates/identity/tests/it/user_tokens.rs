//! User tokens: what is in them, and everything that is refused.

use std::sync::Arc;

use access_control::EndOwnSession;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::MasterKey;
use identity::{IdentityError, Lifetimes, LiveSession, SigningKeys, Store, UserTokens};
use ids::{AppId, RequestId, SessionId, UserId};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use secrets_vault::{Kind, Owner, VaultError};
use serde_json::{Value, json};
use test_support::{TestDatabase, on_both_stores};
use time::Duration;

use crate::house::{House, app, now, own, vault};

fn decode(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn parts(token: &str) -> (Value, Value, Vec<u8>) {
    let parts: Vec<&str> = token.split('.').collect();
    (decode(parts[0]), decode(parts[1]), URL_SAFE_NO_PAD.decode(parts[2]).unwrap())
}

/// A house whose signing key the test knows, so that it can sign what it likes.
struct Forge {
    house: House,
    session: Arc<LiveSession>,
    app: AppId,
    pair: Ed25519KeyPair,
    header: Value,
    claims: Value,
}

impl Forge {
    async fn on(database: TestDatabase) -> Self {
        use sea_orm::{ConnectionTrait as _, Statement};
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let app = app();
        let token = house.user_tokens.mint(&session, app, now());
        let (header, claims, _) = parts(&token);
        let statement =
            Statement::from_string(house.database.backend(), "SELECT secret_id FROM signing_keys");
        let row = house.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        let secret = row.try_get::<String>("", "secret_id").unwrap().parse().unwrap();
        let seed = house.vault.open(secret, Owner::Platform, Kind::UserTokenKey).await.unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.reveal()).unwrap();
        Self { house, session, app, pair, header, claims }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    async fn accepts(&self, token: &str) -> bool {
        self.house.user_tokens.verify(token, self.app, now()).await.is_ok()
    }

    async fn refuses_claim(&self, name: &str, value: Option<Value>) {
        let mut claims = self.claims.clone();
        change(&mut claims, name, value.clone());
        let token = self.sign(&self.header, &claims);
        assert!(!self.accepts(&token).await, "{name} = {value:?}");
    }

    async fn refuses_header(&self, name: &str, value: Option<Value>) {
        let mut header = self.header.clone();
        change(&mut header, name, value.clone());
        let token = self.sign(&header, &self.claims);
        assert!(!self.accepts(&token).await, "{name} = {value:?}");
    }
}

fn change(object: &mut Value, name: &str, value: Option<Value>) {
    let fields = object.as_object_mut().unwrap();
    match value {
        Some(value) => _ = fields.insert(name.to_owned(), value),
        None => _ = fields.remove(name),
    }
}

on_both_stores! {
    async fn j10_a_token_has_five_claims_and_lives_780_seconds(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let app = app();
        let at = now();
        let token = house.user_tokens.mint(&session, app, at);
        let (header, claims, signature) = parts(&token);
        let user = session.signed_in().user.to_string();
        let issued = at.unix_timestamp();
        let expected = json!({
            "sub": user, "aud": app.to_string(), "iat": issued, "exp": issued + 780,
            "iss": house.sites.platform_origin(),
        });
        assert_eq!(claims, expected);
        let published = house.signing_keys.published(at);
        assert_eq!(published.len(), 1);
        let expected = json!({
            "alg": "EdDSA", "typ": "JWT", "kid": published[0].kid.to_string(),
            "sid": session.signed_in().session.to_string(),
        });
        assert_eq!(header, expected);
        // Verified from what is published, by hand.
        let key = URL_SAFE_NO_PAD.decode(&published[0].x).unwrap();
        let message = token.rsplit_once('.').unwrap().0;
        UnparsedPublicKey::new(&ED25519, key).verify(message.as_bytes(), &signature).unwrap();
        let verify = |seconds: i64| house.user_tokens.verify(&token, app, at + Duration::seconds(seconds));
        assert_eq!(verify(0).await.unwrap().signed_in().user, session.signed_in().user);
        verify(809).await.unwrap();
        assert!(verify(810).await.is_err(), "30 seconds of skew, and no more");
        verify(-30).await.unwrap();
        assert!(verify(-31).await.is_err(), "not made yet");
    }

    async fn j10_a_token_is_worth_nothing_when_its_session_has_lapsed(database: TestDatabase) {
        let short = Lifetimes { idle: Duration::minutes(5), absolute: Duration::minutes(10) };
        let house = House::with(database, short, |_| {}).await;
        let (_, session) = house.session().await;
        let at = session.created_at();
        let app = app();
        let token = house.user_tokens.mint(&session, app, at);
        assert!(house.user_tokens.verify(&token, app, at + Duration::minutes(4)).await.is_ok());
        // The token itself is good for thirteen minutes.
        assert!(house.user_tokens.verify(&token, app, at + Duration::minutes(11)).await.is_err());
    }

    async fn a_token_is_reused_for_a_short_while_for_one_app(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let (one, other, at) = (app(), app(), now());
        let mint = |app, seconds| house.user_tokens.mint(&session, app, at + Duration::seconds(seconds));
        let first = mint(one, 0);
        assert_eq!(first, mint(one, 30));
        assert_ne!(first, mint(one, 31));
        assert_ne!(parts(&first).1["aud"], parts(&mint(other, 0)).1["aud"]);
        let every = UserTokens::new(
            Arc::clone(&house.signing_keys),
            Arc::clone(&house.sessions),
            &house.sites.platform_origin(),
            Duration::ZERO,
        );
        let (a, b) = (every.mint(&session, one, at), every.mint(&session, one, at + Duration::seconds(1)));
        assert_ne!(a, b);
        // Many apps: bounded, and still right.
        for _ in 0..100 {
            let app = app();
            let token = mint(app, 0);
            assert_eq!(parts(&token).1["aud"], app.to_string());
        }
    }

    async fn j01_another_algorithm_is_refused(database: TestDatabase) {
        let forge = Forge::on(database).await;
        assert!(forge.accepts(&forge.sign(&forge.header, &forge.claims)).await, "the control");
        for algorithm in
            ["none", "None", "NONE", "HS256", "HS384", "HS512", "RS256", "ES256", "ES384", "PS256", "eddsa", "Ed25519", ""]
        {
            forge.refuses_header("alg", Some(json!(algorithm))).await;
        }
        for value in [None, Some(json!(["EdDSA"])), Some(json!({})), Some(Value::Null), Some(json!(7))] {
            forge.refuses_header("alg", value).await;
        }
        // HMAC with what everybody knows: the public key, as bytes and as text.
        let key = &forge.house.signing_keys.published(now())[0].x;
        let raw = URL_SAFE_NO_PAD.decode(key).unwrap();
        for secret in [raw.as_slice(), key.as_bytes()] {
            let mut header = forge.header.clone();
            header["alg"] = json!("HS256");
            let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let message = format!("{}.{}", encode(&header), encode(&forge.claims));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
            assert!(!forge.accepts(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))).await);
        }
        let unsigned = forge.sign(&forge.header, &forge.claims);
        let (message, _) = unsigned.rsplit_once('.').unwrap();
        assert!(!forge.accepts(&format!("{message}.")).await);
        forge.refuses_header("crit", Some(json!(["exp"]))).await;
    }

    async fn j02_an_unknown_key_is_refused_and_never_looked_up(database: TestDatabase) {
        let forge = Forge::on(database).await;
        for kid in ["", "../../etc/passwd", "' OR 1=1 --", "key_0", "key_00000000000000000000000000000000"] {
            forge.refuses_header("kid", Some(json!(kid))).await;
        }
        forge.refuses_header("kid", None).await;
        forge.refuses_header("kid", Some(json!(7))).await;
        // A key of the attacker's own, carried along.
        let own = Ed25519KeyPair::from_pkcs8(
            Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap().as_ref(),
        )
        .unwrap();
        let forged = Forge { pair: own, ..forge };
        let token = forged.sign(&forged.header, &forged.claims);
        assert!(!forged.accepts(&token).await);
    }

    async fn j03_a_token_for_another_app_is_refused(database: TestDatabase) {
        let forge = Forge::on(database).await;
        let token = forge.sign(&forge.header, &forge.claims);
        assert!(forge.house.user_tokens.verify(&token, app(), now()).await.is_err());
        let ours = forge.app.to_string();
        for value in [None, Some(json!([ours])), Some(json!("")), Some(json!(app().to_string())), Some(Value::Null)] {
            forge.refuses_claim("aud", value).await;
        }
    }

    async fn j04_times_are_integers_and_right(database: TestDatabase) {
        let forge = Forge::on(database).await;
        let at = now().unix_timestamp();
        for name in ["iat", "exp"] {
            for value in [
                None,
                Some(json!(at.to_string())),
                Some(json!(at as f64 + 0.5)),
                Some(Value::Null),
                Some(json!(-1)),
                Some(json!(9_223_372_036_854_775_808_u64)),
                Some(json!(i64::MAX)),
                Some(json!(i64::MIN)),
                Some(json!(1e300)),
                Some(json!([at])),
            ] {
                forge.refuses_claim(name, value).await;
            }
        }
        // A longer life than ours is not ours, even with a right signature.
        forge.refuses_claim("exp", Some(json!(at + 781))).await;
        forge.refuses_claim("nbf", Some(json!(at))).await;
        forge.refuses_claim("admin", Some(json!(true))).await;
    }

    async fn the_other_claims_are_required_and_right(database: TestDatabase) {
        let forge = Forge::on(database).await;
        for value in [None, Some(json!("https://evil.test")), Some(json!("")), Some(Value::Null)] {
            forge.refuses_claim("iss", value).await;
        }
        for value in [None, Some(json!(UserId::generate().to_string())), Some(json!("usr_x")), Some(json!(1))] {
            forge.refuses_claim("sub", value).await;
        }
        for value in [None, Some(json!(SessionId::generate().to_string())), Some(json!("x")), Some(json!(1))] {
            forge.refuses_header("sid", value).await;
        }
    }

    async fn j10_a_token_that_was_accepted_is_judged_anew_each_time(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let (app, at) = (app(), now());
        let token = house.user_tokens.mint(&session, app, at);
        let accepts = async |app, after| house.user_tokens.verify(&token, app, at + after).await.is_ok();
        for _ in 0..2 {
            assert!(accepts(app, Duration::ZERO).await);
            assert!(!accepts(AppId::generate(), Duration::ZERO).await, "another app's");
            assert!(!accepts(app, Duration::minutes(14)).await, "too old");
            assert!(!accepts(app, Duration::minutes(-2)).await, "not valid yet");
        }
        // With more of them than are remembered, each is still what it is.
        for number in 0..40 {
            let other = AppId::generate();
            let token = house.user_tokens.mint(&session, other, at);
            assert!(house.user_tokens.verify(&token, other, at).await.is_ok(), "{number}");
            assert!(accepts(app, Duration::ZERO).await, "{number}");
        }
    }

    async fn j05_any_changed_character_is_refused(database: TestDatabase) {
        let forge = Forge::on(database).await;
        let token = forge.sign(&forge.header, &forge.claims);
        // That it was accepted does not make others good.
        assert!(forge.accepts(&token).await);
        for (index, byte) in token.bytes().enumerate() {
            let other = if byte == b'A' { b'B' } else { b'A' };
            let mut changed = token.clone().into_bytes();
            changed[index] = other;
            assert!(!forge.accepts(&String::from_utf8(changed).unwrap()).await, "character {index}");
        }
        // The group order added to S (RFC 8032, section 5.1.7) gives the same point.
        let (message, signature) = token.rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let order: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut carry = 0;
        for (byte, addend) in signature[32..].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(addend) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(!forge.accepts(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(&signature))).await);
    }

    async fn j22_garbage_is_refused_quickly(database: TestDatabase) {
        let forge = Forge::on(database).await;
        let deep = URL_SAFE_NO_PAD.encode("[".repeat(700));
        let token = forge.sign(&forge.header, &forge.claims);
        let (head, _) = token.split_once('.').unwrap();
        let deeper = URL_SAFE_NO_PAD.encode("[".repeat(5_000));
        let garbage = [
            format!("{deeper}.{deeper}.{deeper}"),
            format!("{head}.{deeper}.AAAA"),
            String::new(),
            ".".to_owned(),
            "..".to_owned(),
            "...".to_owned(),
            "a.b.c".to_owned(),
            "x".repeat(1024 * 1024),
            format!("{deep}.{deep}.{deep}"),
            format!("{head}.{deep}.AAAA"),
            format!("{token}."),
            format!(".{token}"),
            format!(" {token}"),
            format!("{token}="),
            "\u{0}.\u{0}.\u{0}".to_owned(),
        ];
        for text in &garbage {
            assert!(!forge.accepts(text).await, "{}", text.chars().take(40).collect::<String>());
        }
        let began = std::time::Instant::now();
        for number in 0..10_000 {
            forge.accepts(&garbage[number % garbage.len()]).await;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }

    async fn j06_an_independent_library_verifies_our_tokens(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let app = app();
        let token = house.user_tokens.mint(&session, app, now());
        let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/verify.mjs");
        let input = json!({
            "keys": { "keys": house.signing_keys.published(now()) },
            "token": &*token,
            "issuer": house.sites.platform_origin(),
            "audience": app.to_string(),
            "another": AppId::generate().to_string(),
        });
        let answer = test_support::node::run_script(&script, &input).await;
        assert_eq!(answer["algorithm"], "EdDSA");
        assert_eq!(answer["claims"], json!(["aud", "exp", "iat", "iss", "sub"]));
        assert_eq!(answer["life"], 780);
        assert_eq!(answer["subject"], session.signed_in().user.to_string());
        let refused = json!(["ERR_JWT_CLAIM_VALIDATION_FAILED", "ERR_JOSE_ALG_NOT_ALLOWED", "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"]);
        assert_eq!(answer["refused"], refused, "wrong audience, other algorithm, edited payload");
    }

    async fn a_logout_makes_a_live_token_worthless(database: TestDatabase) {
        let forge = Forge::on(database).await;
        let token = forge.house.user_tokens.mint(&forge.session, forge.app, now());
        assert!(forge.accepts(&token).await);
        let permit = own::<EndOwnSession>(&forge.session);
        let id = forge.session.signed_in().session;
        forge.house.sessions.end(&permit, id, RequestId::generate()).await.unwrap();
        assert!(!forge.accepts(&token).await);
    }

    async fn keys_rotate_with_two_published(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let (app, at) = (app(), now());
        let fresh = |after: Duration| {
            let tokens = UserTokens::new(
                Arc::clone(&house.signing_keys),
                Arc::clone(&house.sessions),
                &house.sites.platform_origin(),
                Duration::ZERO,
            );
            tokens.mint(&session, app, at + after)
        };
        let kid = |token: &str| parts(token).0["kid"].as_str().unwrap().to_owned();
        let old = kid(&fresh(Duration::ZERO));
        let new = house.signing_keys.rotate(at).await.unwrap().unwrap().to_string();
        assert_eq!(house.signing_keys.published(at).len(), 2);
        assert_eq!(kid(&fresh(Duration::minutes(9))), old, "published first, used later");
        let last_old = fresh(Duration::minutes(9));
        assert_eq!(kid(&fresh(Duration::minutes(11))), new);
        let later = at + Duration::minutes(21);
        house.user_tokens.verify(&last_old, app, later).await.unwrap();
        assert_eq!(house.signing_keys.published(at + Duration::minutes(30)).len(), 1);
        // Another process reads the same keys; one with another master key reads none.
        let open = |master_key: &str| {
            let store = Store::new(house.database.connection().clone());
            SigningKeys::open(store, house.journal.clone(), vault(&house.journal, master_key), at)
        };
        let again = open(&house.master_key).await.unwrap();
        assert_eq!(again.published(at).len(), 2);
        let refused = open(&MasterKey::generate().unwrap()).await;
        assert!(matches!(refused.err(), Some(IdentityError::Vault(VaultError::MasterKeyUnknown { .. }))));
    }

    async fn k05_a_rotated_signing_key_is_deleted_with_its_value_when_its_last_token_has_expired(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let (app, at) = (app(), now());
        let token = house.user_tokens.mint(&session, app, at);
        let other = {
            let store = Store::new(house.database.connection().clone());
            SigningKeys::open(store, house.journal.clone(), house.vault.clone(), at).await.unwrap()
        };
        let old = house.signing_keys.published(at)[0].kid;
        let private_half = house.texts("SELECT secret_id FROM signing_keys").await.remove(0);
        let new = house.signing_keys.rotate(at).await.unwrap().unwrap();
        // Ten minutes until it signs no more, then the life of a token and some skew.
        let end = at + Duration::minutes(10) + Duration::seconds(780 + 120);
        assert_eq!(house.signing_keys.delete_ended(end - Duration::SECOND).await.unwrap(), []);
        house.user_tokens.verify(&token, app, at + Duration::minutes(12)).await.unwrap();

        assert_eq!(house.signing_keys.delete_ended(end).await.unwrap(), [old]);
        assert!(house.user_tokens.verify(&token, app, at).await.is_err(), "not even with a clock that lags");
        assert_eq!(house.texts("SELECT id FROM signing_keys").await, [new.to_string()]);
        let opened = house.vault.open(private_half.parse().unwrap(), Owner::Platform, Kind::UserTokenKey).await;
        assert!(matches!(opened.err(), Some(VaultError::NotFound)));
        let told = "SELECT target_id FROM audit_events WHERE action = 'signing_keys.delete'";
        assert_eq!(house.texts(told).await, [old.to_string()]);
        // A process that still knew it learns that it is gone, and says nothing twice.
        assert_eq!(other.rotate_after(Duration::days(1), at).await.unwrap(), None);
        assert_eq!(other.delete_ended(end).await.unwrap(), []);
        assert_eq!(other.published(at).iter().map(|key| key.kid).collect::<Vec<_>>(), [new]);
        assert_eq!(house.texts(told).await.len(), 1);
    }

    async fn keys_are_rotated_on_a_schedule_by_one_process_of_several(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let (app, age) = (app(), Duration::hours(12));
        let other = {
            let store = Store::new(house.database.connection().clone());
            SigningKeys::open(store, house.journal.clone(), house.vault.clone(), now()).await.unwrap()
        };
        let due = now() + age + Duration::minutes(1);
        assert_eq!(house.signing_keys.rotate_after(age, due - Duration::minutes(2)).await.unwrap(), None);
        // The token is one that the old key signs while the new one is published already.
        let token = house.user_tokens.mint(&session, app, due);
        let made = house.signing_keys.rotate_after(age, due).await.unwrap().unwrap();
        assert_eq!(house.signing_keys.published(due).len(), 2);
        house.user_tokens.verify(&token, app, due).await.unwrap();

        assert_eq!(other.published(due).len(), 1, "another process has not looked yet");
        assert_eq!(other.rotate(due).await.unwrap(), None, "too late, and it knows");
        assert_eq!(other.rotate_after(age, due).await.unwrap(), None);
        let kids = |keys: &SigningKeys| keys.published(due).iter().map(|key| key.kid).collect::<Vec<_>>();
        assert_eq!(kids(&other), kids(&house.signing_keys));
        assert!(kids(&other).contains(&made));
    }
}
