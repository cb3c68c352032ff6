//! An OpenID provider that is not ours: npm `oidc-provider`, which is certified. Discovery, PKCE, JWKS and
//! its pages are its own.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use url::Url;

use crate::hostile_issuer::{CLIENT_ID, CLIENT_SECRET};
use crate::node::Script;
use crate::{Authority, Client, Response};

/// More pages than this are a loop.
const MOST_PAGES: usize = 20;

/// A running provider; it ends when dropped.
pub struct CertifiedProvider {
    script: Script,
    authority: Authority,
    address: SocketAddr,
    origin: Url,
}

impl CertifiedProvider {
    /// Starts one that sends browsers back to `redirect`. `accounts` is an object of claims by login; a
    /// login that is not in it is somebody with a verified address. The address is in the ID token if
    /// `address_in_token`, and at the provider's userinfo endpoint otherwise.
    ///
    /// # Panics
    /// Node.js is missing, or the provider does not start.
    pub async fn start(redirect: &str, accounts: Value, address_in_token: bool) -> Self {
        Self::with(redirect, json!({ "accounts": accounts, "addressInToken": address_in_token })).await
    }

    /// Starts one that gives access tokens which live so many seconds, and refresh tokens that are spent once: one that
    /// comes again ends the grant.
    ///
    /// # Panics
    /// As [`CertifiedProvider::start`].
    pub async fn start_with_refresh_tokens(redirect: &str, lives: u32) -> Self {
        Self::with(redirect, json!({ "accounts": {}, "addressInToken": false, "lives": lives })).await
    }

    async fn with(redirect: &str, mut input: Value) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["127.0.0.1"]);
        let of_all = json!({
            "clientId": CLIENT_ID,
            "clientSecret": CLIENT_SECRET,
            "redirect": redirect,
            "key": certificate.key,
            "certificate": certificate.certificate,
        });
        for (name, value) in of_all.as_object().expect("an object") {
            input[name] = value.clone();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("node/certified_provider.mjs");
        let mut script = Script::start(&script, &input).await;
        let started = script.next_answer().await.expect("a provider");
        let address: SocketAddr =
            started["address"].as_str().and_then(|text| text.parse().ok()).expect("an address");
        let origin = Url::parse(&format!("https://{address}")).expect("an origin");
        Self { script, authority, address, origin }
    }

    /// Its issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who signed its certificate.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Replaces its key. Answers the new key's name.
    pub async fn rotate(&mut self) -> String {
        let rotated = self.script.ask(&json!("rotate")).await;
        rotated["key"].as_str().expect("a key").to_owned()
    }

    /// What a person does at its pages, from the redirect that leads there: signs in and consents. Answers
    /// the address to which they are sent back, which is not opened.
    ///
    /// # Panics
    /// The provider shows something else than these pages.
    pub async fn authorize(&self, browser: &Client, address: &str, login: &str) -> Url {
        self.walk(browser, address, |page| {
            if page.contains("name=\"login\"") {
                Some(vec![("prompt", "login"), ("login", login), ("password", "any")])
            } else {
                Some(vec![("prompt", "consent")])
            }
        })
        .await
    }

    /// The same of a person who changes their mind at the first page.
    ///
    /// # Panics
    /// The provider shows no page with a way out.
    pub async fn abort(&self, browser: &Client, address: &str) -> Url {
        self.walk(browser, address, |_| None).await
    }

    async fn walk<'a>(
        &self,
        browser: &Client,
        address: &str,
        fill: impl Fn(&str) -> Option<Vec<(&'a str, &'a str)>>,
    ) -> Url {
        let mut response = browser.get(address).await;
        for _ in 0..MOST_PAGES {
            let here = response.url.clone().expect("a client's response has an address");
            response = if matches!(response.status, 302 | 303) {
                let there = here.join(response.location()).expect("a redirect to an address");
                if there.origin() != self.origin.origin() {
                    return there;
                }
                browser.get(there.as_str()).await
            } else {
                self.submit(browser, &response, &here, &fill).await
            };
        }
        panic!("the provider does not send back");
    }

    async fn submit<'a>(
        &self,
        browser: &Client,
        page: &Response,
        here: &Url,
        fill: impl Fn(&str) -> Option<Vec<(&'a str, &'a str)>>,
    ) -> Response {
        let text = page.text();
        assert_eq!(page.status, 200, "{text}");
        match fill(&text) {
            Some(fields) => browser.request("POST", here.as_str()).form(&fields).send().await,
            None => browser.get(&format!("{here}/abort")).await,
        }
    }
}
