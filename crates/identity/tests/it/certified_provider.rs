//! The same code against a provider that is not ours: npm `oidc-provider`, which is certified.

use std::net::SocketAddr;
use std::path::Path;

use access_control::SignIn;
use identity::{Browser, Callback, SignInError, SignedInNow};
use ids::RequestId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use test_support::hostile_issuer::{CLIENT_ID, CLIENT_SECRET};
use test_support::node::Script;
use test_support::{Authority, Client, TestDatabase, on_both_stores};
use url::Url;

use crate::house::{House, PROVIDER, now, parameter, public, value_of};

struct Certified {
    house: House,
    script: Script,
    browser: Client,
}

/// `conform`: the ID token has no e-mail address, and the platform has to ask for it.
async fn certified(database: TestDatabase, conform: bool) -> Certified {
    let authority = Authority::new();
    let certificate = authority.certificate_for(&["issuer.test"]);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/certified_provider.mjs");
    // The platform's port is known before the provider's, and the provider needs it.
    let mut house = House::on(database).await;
    let input = json!({
        "clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "conform": conform,
        "redirect": house.platform(&format!("/login/{PROVIDER}/callback")),
        "key": certificate.key, "certificate": certificate.certificate,
    });
    let mut script = Script::start(&path, &input).await;
    let started = script.next_answer().await.unwrap();
    let port = u16::try_from(started["port"].as_u64().unwrap()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    house.use_provider(|provider| {
        provider.issuer = started["issuer"].as_str().unwrap().to_owned();
        provider.extra_roots =
            vec![CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap()];
        provider.resolve = vec![("issuer.test".to_owned(), address)];
    });
    let browser = Client::new(address, &authority.trust());
    Certified { house, script, browser }
}

impl Certified {
    /// What a person does at the provider's pages: signs in, consents; answers where they are sent back.
    async fn authorize(&self, location: &str, login: &str) -> Url {
        let mut response = self.browser.get(location).await;
        for _ in 0..20 {
            let here = response.url.clone().unwrap();
            if matches!(response.status, 302 | 303) {
                let there = here.join(response.location()).unwrap();
                if there.host_str() == Some("vybe.test") {
                    return there;
                }
                response = self.browser.get(there.as_str()).await;
                continue;
            }
            let page = response.text();
            assert_eq!(response.status, 200, "{page}");
            let fields: &[(&str, &str)] = if page.contains("name=\"login\"") {
                &[("prompt", "login"), ("login", login), ("password", "any")]
            } else {
                &[("prompt", "consent")]
            };
            response = self.browser.request("POST", here.as_str()).form(fields).send().await;
            response.url = Some(here);
        }
        panic!("the provider does not send back");
    }

    async fn sign_in(&self, login: &str) -> Result<SignedInNow, SignInError> {
        let sign_ins = &self.house.sign_ins;
        let begun = sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await?;
        let back = self.authorize(&begun.location, login).await;
        let (state, code, iss) =
            (parameter(&back, "state"), parameter(&back, "code"), parameter(&back, "iss"));
        let callback =
            Callback { state: state.as_deref(), code: code.as_deref(), issuer: iss.as_deref(), error: None };
        let browser = Browser {
            sign_in_cookie: Some(value_of(&begun.set_cookie)),
            session_cookie: None,
            user_agent: "",
        };
        sign_ins.complete(&public(), PROVIDER, callback, browser, RequestId::generate(), now()).await
    }
}

on_both_stores! {
    async fn a_certified_provider_signs_somebody_in_and_rotates_its_key(database: TestDatabase) {
        let mut certified = certified(database, false).await;
        let first = certified.sign_in("grace").await.unwrap().person;
        assert_eq!((first.email.as_str(), first.name.as_str()), ("grace@example.com", "The grace"));
        certified.script.ask(&json!("rotate")).await;
        certified.browser.forget();
        let again = certified.sign_in("grace").await.unwrap().person;
        assert_eq!(again.id, first.id);
    }

    async fn a_provider_that_tells_the_address_elsewhere_is_asked_there(database: TestDatabase) {
        let certified = certified(database, true).await;
        let person = certified.sign_in("grace").await.unwrap().person;
        assert_eq!((person.email.as_str(), person.name.as_str()), ("grace@example.com", "The grace"));
    }
}
