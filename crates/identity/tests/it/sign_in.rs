//! Signing in against a provider that lies.

use std::time::{Duration, Instant};

use access_control::SignIn;
use identity::{Browser, Callback, CookieHost, Lifetimes, SignInError};
use ids::RequestId;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::{Value, json};
use test_support::hostile_issuer::{Conduct, Signing};
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, PROVIDER, now, parameter, public, value_of};

/// How many sessions the store holds.
async fn sessions(house: &House) -> usize {
    let statement = Statement::from_string(house.database.backend(), "SELECT id FROM sessions");
    house.database.connection().query_all_raw(statement).await.unwrap().len()
}

/// The provider lies in one claim; nobody is signed in.
async fn refuses_claim(house: &House, name: &'static str, value: Option<Value>) -> SignInError {
    house.issuer.claim(name, value.clone());
    match house.sign_in().await {
        Err(error) => {
            assert_eq!(sessions(house).await, 0, "{name} = {value:?}");
            error
        }
        Ok(done) => panic!("{name} = {value:?} signed in {:?}", done.person),
    }
}

async fn refuses_signature(house: &House, signing: Signing) {
    house.issuer.conduct(Conduct { signing, ..Conduct::default() });
    let refused = house.sign_in().await;
    assert!(matches!(refused, Err(SignInError::NotProved)), "{signing:?}: {refused:?}");
    assert_eq!(sessions(house).await, 0, "{signing:?}");
}

on_both_stores! {
    async fn an_honest_provider_signs_somebody_in(database: TestDatabase) {
        let house = House::on(database).await;
        let (_, session) = house.session().await;
        let person = session.person();
        assert_eq!(person.email.as_str(), "ada@example.com");
        assert_eq!(person.name, "Ada Lovelace");
        let again = house.sign_in().await.unwrap();
        assert_eq!(again.person.id, person.id, "the same account");
        assert_eq!(sessions(&house).await, 2);
    }

    async fn t21_what_nobody_came_back_for_is_swept_page_by_page(database: TestDatabase) {
        let house = House::on(database).await;
        let began = [now(), now() - Duration::from_secs(11 * 60)];
        for number in 0..1100 {
            let at = began[number % 2];
            house.sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, at).await.unwrap();
        }
        let mut left = Vec::new();
        for at in [now() - Duration::from_secs(60 * 60), now(), now() + Duration::from_secs(11 * 60)] {
            house.sign_ins.sweep(at).await.unwrap();
            let statement = Statement::from_string(
                house.database.backend(),
                "SELECT state_hash FROM sign_in_attempts",
            );
            left.push(house.database.connection().query_all_raw(statement).await.unwrap().len());
        }
        assert_eq!(left, [1100, 550, 0]);
    }

    async fn o01_c05_a_state_is_known_and_single_use(database: TestDatabase) {
        let house = House::on(database).await;
        let begun = house.sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await.unwrap();
        let back = house.issuer.authorize(&begun.location);
        let (state, code, iss) =
            (parameter(&back, "state"), parameter(&back, "code"), parameter(&back, "iss"));
        let browser = Browser {
            sign_in_cookie: Some(value_of(&begun.set_cookie)),
            session_cookie: None,
            user_agent: "",
        };
        let attempt = |state: Option<&'static str>| Callback { state, code: Some("x"), ..Callback::default() };
        for foreign in [None, Some(""), Some("x"), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
            let refused = house
                .sign_ins
                .complete(&public(), PROVIDER, attempt(foreign), browser, RequestId::generate(), now())
                .await;
            assert!(matches!(refused, Err(SignInError::UnknownAttempt)), "{foreign:?}");
        }
        let callback = Callback {
            state: state.as_deref(),
            code: code.as_deref(),
            issuer: iss.as_deref(),
            error: None,
        };
        let permit = public::<SignIn>();
        let complete =
            || house.sign_ins.complete(&permit, PROVIDER, callback, browser, RequestId::generate(), now());
        complete().await.unwrap();
        assert!(matches!(complete().await, Err(SignInError::UnknownAttempt)), "replayed");
        assert_eq!(sessions(&house).await, 1);
    }

    async fn c04_a_sign_in_ends_in_the_browser_that_began_it(database: TestDatabase) {
        let house = House::on(database).await;
        for cookie in [None, Some("x"), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
            let begun = house.sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await.unwrap();
            let back = house.issuer.authorize(&begun.location);
            let (state, code) = (parameter(&back, "state"), parameter(&back, "code"));
            let callback =
                Callback { state: state.as_deref(), code: code.as_deref(), ..Callback::default() };
            let browser = Browser { sign_in_cookie: cookie, session_cookie: None, user_agent: "" };
            let refused = house
                .sign_ins
                .complete(&public(), PROVIDER, callback, browser, RequestId::generate(), now())
                .await;
            assert!(matches!(refused, Err(SignInError::UnknownAttempt)));
        }
        assert_eq!(sessions(&house).await, 0);
    }

    async fn c05_a_sign_in_takes_at_most_ten_minutes(database: TestDatabase) {
        let house = House::on(database).await;
        let begun = house.sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await.unwrap();
        let back = house.issuer.authorize(&begun.location);
        let (state, code, iss) =
            (parameter(&back, "state"), parameter(&back, "code"), parameter(&back, "iss"));
        let callback = Callback {
            state: state.as_deref(),
            code: code.as_deref(),
            issuer: iss.as_deref(),
            error: None,
        };
        let browser = Browser {
            sign_in_cookie: Some(value_of(&begun.set_cookie)),
            session_cookie: None,
            user_agent: "",
        };
        let later = now() + time::Duration::minutes(10);
        let refused = house
            .sign_ins
            .complete(&public(), PROVIDER, callback, browser, RequestId::generate(), later)
            .await;
        assert!(matches!(refused, Err(SignInError::UnknownAttempt)));
    }

    async fn o02_a_nonce_is_there_and_right(database: TestDatabase) {
        let house = House::on(database).await;
        for value in [None, Some(json!("")), Some(json!("x")), Some(json!(7)), Some(Value::Null)] {
            let error = refuses_claim(&house, "nonce", value).await;
            assert!(matches!(error, SignInError::NotProved));
        }
    }

    async fn o03_pkce_is_sent_and_verified(database: TestDatabase) {
        // The provider panics in `authorize` without S256, and refuses a wrong verifier.
        let house = House::on(database).await;
        let begun = house.sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await.unwrap();
        let other = house.sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await.unwrap();
        let mine = house.issuer.authorize(&begun.location);
        let theirs = house.issuer.authorize(&other.location);
        // An injected code belongs to another challenge.
        let (state, code, iss) =
            (parameter(&mine, "state"), parameter(&theirs, "code"), parameter(&mine, "iss"));
        let callback = Callback {
            state: state.as_deref(),
            code: code.as_deref(),
            issuer: iss.as_deref(),
            error: None,
        };
        let browser = Browser {
            sign_in_cookie: Some(value_of(&begun.set_cookie)),
            session_cookie: None,
            user_agent: "",
        };
        let refused = house
            .sign_ins
            .complete(&public(), PROVIDER, callback, browser, RequestId::generate(), now())
            .await;
        assert!(matches!(refused, Err(SignInError::NotProved)), "{refused:?}");
    }

    async fn o04_another_clients_token_is_refused(database: TestDatabase) {
        let house = House::on(database).await;
        let ours = test_support::hostile_issuer::CLIENT_ID;
        for value in [
            None,
            Some(json!("another-client")),
            Some(json!([])),
            Some(json!(["another-client"])),
            Some(json!([ours, "another-client"])),
            Some(json!("")),
        ] {
            refuses_claim(&house, "aud", value).await;
        }
        refuses_claim(&house, "azp", Some(json!("another-client"))).await;
        house.issuer.claim("azp", Some(json!(ours)));
        house.sign_in().await.unwrap();
    }

    async fn o05_another_issuer_is_refused(database: TestDatabase) {
        let house = House::on(database).await;
        let slash = format!("{}/", house.issuer.issuer());
        for value in [None, Some(json!("https://evil.test")), Some(json!("")), Some(json!(slash))] {
            refuses_claim(&house, "iss", value).await;
        }
        // RFC 9207: discovery says that the provider names itself, so it has to, rightly.
        for named in [None, Some("https://evil.test".to_owned()), Some(String::new())] {
            house.issuer.conduct(Conduct { named_issuer: Some(named.clone()), ..Conduct::default() });
            let refused = house.sign_in().await;
            assert!(matches!(refused, Err(SignInError::NotProved)), "{named:?}");
        }
        assert_eq!(sessions(&house).await, 0);
    }

    async fn o06_only_published_asymmetric_keys_sign(database: TestDatabase) {
        let house = House::on(database).await;
        refuses_signature(&house, Signing::None).await;
        refuses_signature(&house, Signing::HmacWithPublicKey).await;
        refuses_signature(&house, Signing::HmacWithClientSecret).await;
        refuses_signature(&house, Signing::ForeignKey).await;
        refuses_signature(&house, Signing::ChangedPayload).await;
        refuses_signature(&house, Signing::OtherAlgorithm).await;
        house.issuer.conduct(Conduct::default());
        house.sign_in().await.unwrap();
    }

    async fn o07_a_token_is_in_time(database: TestDatabase) {
        let house = House::on(database).await;
        let now = now().unix_timestamp();
        for value in [None, Some(json!(now - 1)), Some(json!(0)), Some(json!(-1)), Some(json!("never"))] {
            refuses_claim(&house, "exp", value).await;
        }
        for value in [None, Some(json!(now + 600)), Some(json!(now - 86_400)), Some(json!("today"))] {
            refuses_claim(&house, "iat", value).await;
        }
        house.issuer.claim("iat", Some(json!(now + 20)));
        house.sign_in().await.unwrap();
    }

    async fn o08_only_a_verified_address_counts(database: TestDatabase) {
        let house = House::on(database).await;
        for value in
            [None, Some(json!(false)), Some(json!("true")), Some(json!("false")), Some(json!(1)), Some(Value::Null)]
        {
            refuses_claim(&house, "email_verified", value).await;
        }
    }

    async fn o09_an_account_is_its_subject(database: TestDatabase) {
        let house = House::on(database).await;
        let ada = house.sign_in().await.unwrap().person;
        house.issuer.conduct(Conduct {
            claims: vec![("sub", Some(json!("eve"))), ("email", Some(json!("eve@example.com")))],
            ..Conduct::default()
        });
        let eve = house.sign_in().await.unwrap().person;
        assert_ne!(ada.id, eve.id);
        // Eve's address at the provider becomes Ada's: nothing moves and nothing merges.
        house.issuer.conduct(Conduct {
            claims: vec![("sub", Some(json!("eve"))), ("email", Some(json!("ada@example.com")))],
            ..Conduct::default()
        });
        let still_eve = house.sign_in().await.unwrap().person;
        assert_eq!((still_eve.id, still_eve.email.as_str()), (eve.id, "eve@example.com"));
        // A free address is taken over, and old sessions show it on their next request.
        house.issuer.claim("email", Some(json!("ada@new.example.com")));
        let moved = house.sign_in().await.unwrap().person;
        assert_eq!((moved.id, moved.email.as_str()), (ada.id, "ada@new.example.com"));
    }

    async fn o10_a_known_address_with_a_new_subject_is_refused(database: TestDatabase) {
        let house = House::on(database).await;
        house.sign_in().await.unwrap();
        house.issuer.claim("sub", Some(json!("somebody who bought the domain")));
        assert!(matches!(house.sign_in().await, Err(SignInError::EmailTaken)));
        house.issuer.conduct(Conduct {
            claims: vec![("sub", Some(json!("x"))), ("email", Some(json!("ADA@Example.com")))],
            ..Conduct::default()
        });
        assert!(matches!(house.sign_in().await, Err(SignInError::EmailTaken)), "whatever the case");
        assert_eq!(sessions(&house).await, 1);
    }

    async fn o11_the_signed_hosted_domain_decides(database: TestDatabase) {
        let house = House::with(database, Lifetimes::default(), |provider| {
            provider.hosted_domains = vec!["example.com".to_owned()];
        })
        .await;
        for value in [None, Some(json!("evil.test")), Some(json!("")), Some(json!("sub.example.com"))] {
            let error = refuses_claim(&house, "hd", value).await;
            assert!(matches!(error, SignInError::ForeignDomain));
        }
        house.issuer.claim("hd", Some(json!("example.com")));
        let (_, session) = house.session().await;
        assert_eq!(session.signed_in().hosted_domain.as_deref(), Some("example.com"));
    }

    async fn o12_an_address_with_two_readings_is_refused(database: TestDatabase) {
        let house = House::on(database).await;
        for email in
            ["a@evil.com@corp.com", "a@corp.com@evil.com", "\"a@evil.com\"@corp.com", "\"a\"@corp.com",
             "a@corp.com\r\n", "a@corp.com,b@evil.com", "a@corp.com b@evil.com", "<a@corp.com>",
             "a@corp.com\0@evil.com", "", "corp.com", "@corp.com", "a@", "a@c\u{43e}rp.com"]
        {
            let error = refuses_claim(&house, "email", Some(json!(email))).await;
            assert!(matches!(error, SignInError::EmailNotVerified), "{email:?}");
        }
        refuses_claim(&house, "email", None).await;
    }

    async fn o13_a_new_key_is_fetched_once_and_a_withdrawn_one_refused(database: TestDatabase) {
        let house = House::on(database).await;
        let fetched = || house.issuer.requests().iter().filter(|path| *path == "/jwks").count();
        house.sign_in().await.unwrap();
        let before = fetched();
        house.issuer.rotate();
        house.sign_in().await.unwrap();
        assert_eq!(fetched(), before + 1, "one look for the unknown key");
        house.issuer.conduct(Conduct { signing: Signing::WithdrawnKey, ..Conduct::default() });
        for _ in 0..20 {
            assert!(matches!(house.sign_in().await, Err(SignInError::NotProved)));
        }
        assert!(fetched() <= before + 6, "unknown keys do not make us ask without end: {}", fetched());
    }

    async fn o14_a_suspended_person_stays_out(database: TestDatabase) {
        let house = House::on(database).await;
        let (cookie, session) = house.session().await;
        house.users.suspend(session.signed_in().user, now()).await.unwrap();
        assert!(session.ended().is_cancelled());
        assert!(house.sessions.open(&cookie, CookieHost::Platform, now()).await.is_err());
        assert!(matches!(house.sign_in().await, Err(SignInError::Suspended(_))));
        assert_eq!(sessions(&house).await, 0);
        house.users.restore(session.signed_in().user).await.unwrap();
        house.sign_in().await.unwrap();
        assert!(house.sessions.open(&cookie, CookieHost::Platform, now()).await.is_err(), "the old one is over");
    }

    async fn o15_t25_a_provider_that_fails_is_waited_for_shortly(database: TestDatabase) {
        let house = House::with(database, Lifetimes::default(), |provider| {
            provider.patience = Duration::from_millis(500);
        })
        .await;
        let (cookie, _) = house.session().await;
        let slow = Conduct { delay: Duration::from_secs(30), ..Conduct::default() };
        let silent = Conduct { silent: true, ..Conduct::default() };
        for conduct in [slow, silent] {
            house.issuer.conduct(conduct);
            let began = Instant::now();
            // Discovery is known, so a sign-in begins; the exchange of the code is what fails.
            let many = futures_util::future::join_all((0..20).map(|_| house.sign_in())).await;
            for refused in many {
                assert!(matches!(refused, Err(SignInError::ProviderUnavailable)), "{refused:?}");
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
            house.sessions.open(&cookie, CookieHost::Platform, now()).await.unwrap();
        }
        for garbage in ["", "{", "[]", "{\"access_token\":\"x\",\"token_type\":\"Bearer\"}", "\u{0}"] {
            house.issuer.conduct(Conduct { token_answer: Some(garbage.to_owned()), ..Conduct::default() });
            assert!(matches!(house.sign_in().await, Err(SignInError::NotProved)), "{garbage:?}");
        }
        let huge = "x".repeat(3 * 1024 * 1024);
        house.issuer.conduct(Conduct { token_answer: Some(huge), ..Conduct::default() });
        assert!(matches!(house.sign_in().await, Err(SignInError::ProviderUnavailable)));
        assert_eq!(sessions(&house).await, 1);
    }

    async fn o15_a_discovery_that_lies_is_not_believed(database: TestDatabase) {
        let house = House::on(database).await;
        let issuer = house.issuer.issuer().to_owned();
        let document = |issuer: &str, token: &str| json!({
            "issuer": issuer, "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": token, "jwks_uri": format!("{}/jwks", house.issuer.issuer()),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }).to_string();
        for answer in [
            String::new(),
            "{}".to_owned(),
            document("https://evil.test", "https://evil.test/token"),
            document(&issuer, "http://issuer.test/token"),
        ] {
            house.issuer.conduct(Conduct { discovery_answer: Some(answer.clone()), ..Conduct::default() });
            assert!(matches!(house.sign_in().await, Err(SignInError::ProviderUnavailable)), "{answer}");
        }
        house.issuer.conduct(Conduct::default());
        house.sign_in().await.unwrap();
    }

    async fn c03_a_sign_in_makes_a_new_session_and_ends_the_old_one(database: TestDatabase) {
        let house = House::on(database).await;
        let (planted, _) = house.session().await;
        let done = house.sign_in_with(Some(&planted)).await.unwrap();
        let new = value_of(&done.set_cookie);
        assert_ne!(planted, new);
        assert!(house.sessions.open(&planted, CookieHost::Platform, now()).await.is_err());
        house.sessions.open(new, CookieHost::Platform, now()).await.unwrap();
    }

    async fn refused_sign_ins_are_recorded(database: TestDatabase) {
        let house = House::on(database).await;
        refuses_claim(&house, "nonce", None).await;
        let statement = Statement::from_string(
            house.database.backend(),
            "SELECT outcome FROM audit_events WHERE action = 'sign_in' AND outcome = 'refused'",
        );
        assert_eq!(house.database.connection().query_all_raw(statement).await.unwrap().len(), 1);
    }
}
