//! The same code against a provider that is not ours: npm `oidc-provider`, which is certified.

use access_control::SignIn;
use identity::{Browser, Callback, SignInError, SignedInNow};
use ids::RequestId;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::json;
use test_support::certified_provider::CertifiedProvider;
use test_support::{Client, TestDatabase, on_both_stores};

use crate::house::{House, PROVIDER, now, parameter, public, value_of};

struct Certified {
    house: House,
    provider: CertifiedProvider,
    browser: Client,
}

/// `address_in_token`: otherwise the platform has to ask for the e-mail address.
async fn certified(database: TestDatabase, address_in_token: bool) -> Certified {
    let mut house = House::on(database).await;
    let redirect = house.platform(&format!("/login/{PROVIDER}/callback"));
    let certified = CertifiedProvider::start(&redirect, json!({}), address_in_token).await;
    let authority = certified.authority();
    house.use_provider(|provider| {
        provider.issuer = certified.issuer();
        provider.extra_roots =
            vec![CertificateDer::from_pem_slice(authority.certificate().as_bytes()).unwrap()];
        provider.resolve = Vec::new();
    });
    let browser = Client::new(certified.address(), &authority.trust());
    Certified { house, provider: certified, browser }
}

impl Certified {
    async fn sign_in(&self, login: &str) -> Result<SignedInNow, SignInError> {
        let sign_ins = &self.house.sign_ins;
        let begun = sign_ins.begin(&public::<SignIn>(), PROVIDER, "/", None, now()).await?;
        let back = self.provider.authorize(&self.browser, &begun.location, login).await;
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
        let mut certified = certified(database, true).await;
        let first = certified.sign_in("grace").await.unwrap().person;
        assert_eq!((first.email.as_str(), first.name.as_str()), ("grace@example.com", "The grace"));
        certified.provider.rotate().await;
        certified.browser.forget();
        let again = certified.sign_in("grace").await.unwrap().person;
        assert_eq!(again.id, first.id);
    }

    async fn a_provider_that_tells_the_address_elsewhere_is_asked_there(database: TestDatabase) {
        let certified = certified(database, false).await;
        let person = certified.sign_in("grace").await.unwrap().person;
        assert_eq!((person.email.as_str(), person.name.as_str()), ("grace@example.com", "The grace"));
    }
}
