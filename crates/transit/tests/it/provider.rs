//! Wrapping and unwrapping, and everything that can be wrong with a service.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cryptography::KeyBytes;
use secrets_vault::{MasterKeyProvider as _, ProviderError, Wrapped};
use test_support::Authority;
use test_support::transit_server::{Conduct, TOKEN, TransitKey, TransitServer};
use transit::{KeyName, Settings, Transit};
use zeroize::Zeroizing;

const PLACE: &[u8] = b"a holder and a data key";

fn trusting(authority: Option<&Authority>) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    if let Some(authority) = authority {
        use rustls::pki_types::pem::PemObject as _;
        let pem = authority.certificate();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

fn settings(address: &str) -> Settings {
    Settings {
        address: address.parse().unwrap(),
        name: KeyName::new("transit", "vybe").unwrap(),
        namespace: None,
        token: Arc::new(|| Ok(Zeroizing::new(TOKEN.to_owned()))),
        tls: trusting(None),
        timeout: Duration::from_secs(10),
    }
}

fn key() -> KeyBytes {
    KeyBytes::generate().unwrap()
}

/// The error's words, which never hold the token.
fn words<T>(answer: Result<T, ProviderError>) -> String {
    let error = answer.err().expect("an error");
    let words = format!("{error} {error:?}");
    assert!(!words.contains("CANARY"), "{words}");
    words
}

#[tokio::test]
async fn a_data_key_unwraps_at_its_place_and_whole_only() {
    let server = TransitServer::start().await;
    let transit = Transit::new(settings(server.address())).unwrap();
    assert_eq!(transit.check().await.unwrap(), Vec::<String>::new());
    let key = key();
    let wrapped = transit.wrap(PLACE, &key).await.unwrap();
    assert_eq!(wrapped.master_key, "transit:transit/vybe:v1");
    assert!(transit.keeps(&wrapped.master_key));
    assert_eq!(transit.unwrap(PLACE, &wrapped).await.unwrap().as_bytes(), key.as_bytes());

    let refused = async |place: &[u8], bytes: &[u8], master_key: &str| {
        let changed = Wrapped { master_key: master_key.to_owned(), bytes: bytes.to_vec() };
        let answer = transit.unwrap(place, &changed).await;
        assert!(matches!(answer, Err(ProviderError::Refused)), "{:?}", answer.err());
    };
    refused(b"elsewhere", &wrapped.bytes, &wrapped.master_key).await;
    refused(PLACE, &wrapped.bytes, "transit:transit/vybe:v2").await;
    refused(PLACE, b"", &wrapped.master_key).await;
    refused(PLACE, b"\xff\xfe", &wrapped.master_key).await;
    for length in [5, 9, 10, 20, wrapped.bytes.len() - 1] {
        refused(PLACE, &wrapped.bytes[..length], &wrapped.master_key).await;
    }
    for at in (9..wrapped.bytes.len()).step_by(7) {
        let mut changed = wrapped.bytes.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        refused(PLACE, &changed, &wrapped.master_key).await;
    }
}

#[tokio::test]
async fn a_rotation_there_is_another_master_key_here() {
    let server = TransitServer::start().await;
    let transit = Transit::new(settings(server.address())).unwrap();
    let key = key();
    let before = transit.wrap(PLACE, &key).await.unwrap();
    server.rotate("vybe");
    assert_eq!(transit.current().await.unwrap(), "transit:transit/vybe:v2");
    let after = transit.wrap(PLACE, &key).await.unwrap();
    assert_eq!(after.master_key, "transit:transit/vybe:v2");
    for wrapped in [&before, &after] {
        assert_eq!(transit.unwrap(PLACE, wrapped).await.unwrap().as_bytes(), key.as_bytes());
    }
    let mut trimmed = TransitKey::new("aes256-gcm96");
    trimmed.min_decryption_version = 2;
    server.put("vybe", Some(trimmed));
    assert!(words(transit.unwrap(PLACE, &before).await).contains("min_decryption_version"));
}

#[tokio::test]
async fn a_key_is_never_made_by_wrapping() {
    let server = TransitServer::start().await;
    server.put("vybe", None);
    let transit = Transit::new(settings(server.address())).unwrap();
    assert!(words(transit.wrap(PLACE, &key()).await).contains("has no key transit/vybe"));
    assert!(words(transit.check().await).contains("has no key transit/vybe"));
    assert!(server.keys().is_empty(), "{:?}", server.keys());
}

#[tokio::test]
async fn keys_that_do_not_bind_to_a_place_are_refused_and_careless_ones_named() {
    let server = TransitServer::start().await;
    let transit = Transit::new(settings(server.address())).unwrap();
    for kind in ["rsa-4096", "ed25519", "aes128-gcm96", "hmac"] {
        server.put("vybe", Some(TransitKey::new(kind)));
        for answer in [words(transit.check().await), words(transit.wrap(PLACE, &key()).await)] {
            assert!(answer.contains("aes256-gcm96"), "{answer}");
        }
    }
    let mut careless = TransitKey::new("aes256-gcm96");
    (careless.exportable, careless.deletion_allowed) = (true, true);
    server.put("vybe", Some(careless));
    let concerns = transit.check().await.unwrap();
    assert!(concerns.len() == 2 && concerns[0].contains("exportable") && concerns[1].contains("deleted"));

    // A service from before associated data was known takes it without a word.
    server.put("vybe", Some(TransitKey::new("aes256-gcm96")));
    server.conduct(Conduct { ignores_associated_data: true, ..Conduct::default() });
    assert!(words(transit.check().await).contains("ignores associated data"));
}

#[tokio::test]
async fn whatever_is_wrong_with_the_service_has_words_of_its_own() {
    let server = TransitServer::start().await;
    let transit = Transit::new(settings(server.address())).unwrap();
    let wrapped = transit.wrap(PLACE, &key()).await.unwrap();
    let cases = [
        (Conduct { sealed: true, ..Conduct::default() }, "is sealed"),
        (Conduct { status: Some(403), ..Conduct::default() }, "refuses the token"),
        (Conduct { status: Some(500), ..Conduct::default() }, "status 500"),
        (Conduct { status: Some(503), ..Conduct::default() }, "status 503"),
        (Conduct { status: Some(429), ..Conduct::default() }, "status 429"),
        (Conduct { status: Some(473), ..Conduct::default() }, "status 473"),
        (Conduct { status: Some(307), ..Conduct::default() }, "redirect, which is not followed"),
        (
            Conduct { answer: Some("<html>".to_owned()), ..Conduct::default() },
            "no answer of a transit engine",
        ),
        (
            Conduct { answer: Some("{\"data\":{}}".to_owned()), ..Conduct::default() },
            "no answer of a transit engine",
        ),
        (
            Conduct { answer: Some(" ".repeat(300_000)), ..Conduct::default() },
            "no answer of a transit engine",
        ),
    ];
    for (conduct, expected) in cases {
        server.conduct(conduct);
        for answer in [
            words(transit.current().await),
            words(transit.check().await),
            words(transit.wrap(PLACE, &key()).await),
            words(transit.unwrap(PLACE, &wrapped).await),
        ] {
            assert!(answer.contains(expected), "{expected}: {answer}");
            assert!(!answer.contains("Refused"), "trouble is not tampering: {answer}");
        }
    }
    server.conduct(Conduct::default());
    server.put("vybe", None);
    assert!(words(transit.unwrap(PLACE, &wrapped).await).contains("has no key"));

    let address = server.address().to_owned();
    drop(server);
    let gone = Transit::new(settings(&address)).unwrap();
    assert!(words(gone.current().await).contains("cannot be reached"));
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let server = TransitServer::start().await;
    server.conduct(Conduct { silent: true, ..Conduct::default() });
    let mut hasty = settings(server.address());
    hasty.timeout = Duration::from_millis(200);
    assert!(words(Transit::new(hasty).unwrap().current().await).contains("did not answer in time"));
}

#[tokio::test]
async fn a_renewed_token_is_read_again_and_a_refused_one_not_sent_twice() {
    let server = TransitServer::start().await;
    let file = Arc::new(Mutex::new(TOKEN.to_owned()));
    let mut renewing = settings(server.address());
    let source = Arc::clone(&file);
    renewing.token = Arc::new(move || Ok(Zeroizing::new(source.lock().unwrap().clone())));
    let transit = Transit::new(renewing).unwrap();
    transit.current().await.unwrap();

    server.take_token("hvs.CANARYrenewed");
    let before = server.asked().len();
    assert!(words(transit.current().await).contains("refuses the token"));
    assert_eq!(server.asked().len(), before + 1);

    *file.lock().unwrap() = "hvs.CANARYrenewed".to_owned();
    assert_eq!(transit.current().await.unwrap(), "transit:transit/vybe:v1");
    *file.lock().unwrap() = "hvs.CANARY two\nlines".to_owned();
    server.take_token("hvs.CANARYthird");
    assert!(words(transit.current().await).contains("token cannot be read"));
}

#[tokio::test]
async fn the_service_has_to_prove_its_name() {
    let authority = Authority::new();
    let server = TransitServer::start_tls(&authority).await;
    let distrusting = Transit::new(settings(server.address())).unwrap();
    let answer = words(distrusting.current().await);
    assert!(answer.contains("cannot be reached") && answer.contains("certificate"), "{answer}");
    assert!(server.asked().is_empty(), "the token was sent to a stranger");

    let mut trusted = settings(server.address());
    trusted.tls = trusting(Some(&authority));
    trusted.namespace = Some("company/team".to_owned());
    assert!(Transit::new(trusted).unwrap().check().await.unwrap().is_empty());
    assert_eq!(server.asked()[0].namespace.as_deref(), Some("company/team"));
}
