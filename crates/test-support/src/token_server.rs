//! An authorization server and a small API behind it, over TLS, with the four ways in which services treat refresh tokens
//! that were used, and counts of what was done to them.
//!
//! Honest by default: authorization code with PKCE (S256), refresh, client credentials, revocation (RFC 7009). A test then
//! says in what it fails: answers that are cut, late, refused or unreadable.

mod conduct;
mod grants;
mod http;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::Authority;
pub use conduct::{Conduct, Fault, Load};
use grants::{Found, Grants, random_text};
pub use grants::{GrantHistory, GrantedTokens, Reuse};
use http::{Answer, Asked, Connection};

/// The name that its certificate is for.
pub const HOST: &str = "token-server.test";
/// The client's name there.
pub const CLIENT_ID: &str = "vybe-test-client";
/// The client's secret there.
pub const CLIENT_SECRET: &str = "CANARYsecretOfTheOauthClient";

/// The server, until it is dropped.
#[derive(Debug)]
pub struct TokenServer {
    host: &'static str,
    address: SocketAddr,
    root: CertificateDer<'static>,
    state: Arc<Mutex<State>>,
    spent: watch::Receiver<u64>,
    release: watch::Sender<u64>,
    serving: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    grants: Grants,
    conduct: Conduct,
    codes: HashMap<String, HashMap<String, String>>,
    /// The scopes that people grant, whatever is asked; nothing is said of scopes if there are none.
    scopes: Option<String>,
    load: Load,
    at_once: u64,
    second: (u64, u64),
    revocations: (u64, u32),
    started: Instant,
}

impl TokenServer {
    /// Starts it. Access tokens live so long.
    ///
    /// # Panics
    /// It cannot listen.
    pub async fn start(reuse: Reuse, lifetime: Duration) -> Self {
        Self::named(HOST, reuse, lifetime).await
    }

    /// The same under another host name.
    ///
    /// # Panics
    /// As there.
    pub async fn named(host: &'static str, reuse: Reuse, lifetime: Duration) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(&[host]);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            grants: Grants::new(reuse, lifetime),
            conduct: Conduct::default(),
            codes: HashMap::new(),
            scopes: None,
            load: Load::default(),
            at_once: 0,
            second: (0, 0),
            revocations: (0, 0),
            started: Instant::now(),
        }));
        let chain = CertificateDer::pem_slice_iter(certificate.certificate.as_bytes())
            .collect::<std::result::Result<Vec<_>, _>>()
            .expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a certificate and its key");
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let (spending, spent) = watch::channel(0);
        let (release, released) = watch::channel(0);
        let endpoints = Endpoints { state: Arc::clone(&state), spending: Arc::new(spending), released };
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, endpoints) = (acceptor.clone(), endpoints.clone());
                tokio::spawn(async move {
                    // A client that goes away is the client's business.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let mut connection = Connection::new(stream);
                    while let Ok(Some(asked)) = connection.next().await {
                        let answer = endpoints.answer(asked).await;
                        if !connection.write(&answer).await.unwrap_or(false) {
                            return;
                        }
                    }
                });
            }
        });
        let root = CertificateDer::from_pem_slice(authority.certificate().as_bytes()).expect("a certificate");
        Self { host, address, root, state, spent, release, serving }
    }

    /// `https://name:port`.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("https://{}:{}", self.host, self.address.port())
    }

    /// Its host name and where that is found.
    #[must_use]
    pub fn host(&self) -> (String, SocketAddr) {
        (self.host.to_owned(), self.address)
    }

    /// The certificate that its own is signed with.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// Says what it does from now on.
    pub fn conduct(&self, conduct: Conduct) {
        lock(&self.state).conduct = conduct;
    }

    /// The next refresh goes wrong in this way.
    pub fn fail_once(&self, fault: Fault) {
        lock(&self.state).conduct.faults.push_back(fault);
    }

    /// Says what becomes of refresh tokens from now on, and how long access tokens live.
    pub fn set(&self, reuse: Reuse, lifetime: Duration) {
        lock(&self.state).grants.set(reuse, lifetime);
    }

    /// People grant these scopes from now on, separated by spaces, and codes are exchanged for tokens that say so.
    pub fn grant_scopes(&self, scopes: &str) {
        lock(&self.state).scopes = Some(scopes.to_owned());
    }

    /// Somebody has consented.
    #[must_use]
    pub fn grant(&self) -> GrantedTokens {
        lock(&self.state).grants.grant()
    }

    /// The person takes the consent back.
    pub fn revoke(&self, grant: usize) {
        lock(&self.state).grants.revoke_grant(grant);
    }

    /// Sends a refresh token as somebody else would. Whether it was good.
    #[must_use]
    pub fn refresh_elsewhere(&self, refresh: &str) -> Option<GrantedTokens> {
        lock(&self.state).grants.refresh(refresh)
    }

    /// Uses an access token. Whether it was good.
    #[must_use]
    pub fn is_good(&self, access: &str) -> bool {
        used(&mut lock(&self.state), Some(access)).is_some()
    }

    /// What came of a grant so far.
    #[must_use]
    pub fn history(&self, grant: usize) -> GrantHistory {
        lock(&self.state).grants.history(grant)
    }

    /// The same of all grants.
    #[must_use]
    pub fn histories(&self) -> Vec<GrantHistory> {
        lock(&self.state).grants.all()
    }

    /// Whether the newest access token of a grant is still good.
    #[must_use]
    pub fn has_living_access(&self, grant: usize) -> bool {
        lock(&self.state).grants.has_living_access(grant)
    }

    /// How much it had to do since the start, or since this was last asked.
    #[must_use]
    pub fn take_load(&self) -> Load {
        std::mem::take(&mut lock(&self.state).load)
    }

    /// Every token that it ever gave out.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        lock(&self.state).grants.tokens()
    }

    /// Counts the refreshes whose answer is held back ([`Fault::Held`]).
    #[must_use]
    pub fn held(&self) -> watch::Receiver<u64> {
        self.spent.clone()
    }

    /// Sends the answers that are held back until now.
    pub fn release(&self) {
        self.release.send_modify(|number| *number += 1);
    }

    /// What a person at its page does: the address that the browser is sent back to.
    ///
    /// # Panics
    /// The request is not one that it accepts: no PKCE with S256, or another client.
    #[must_use]
    pub fn authorize(&self, address: &str) -> Url {
        let url = Url::parse(address).expect("an address");
        authorize(&self.state, url.query().unwrap_or_default())
    }
}

impl Drop for TokenServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[derive(Clone)]
struct Endpoints {
    state: Arc<Mutex<State>>,
    spending: Arc<watch::Sender<u64>>,
    released: watch::Receiver<u64>,
}

impl Endpoints {
    async fn answer(&self, asked: Asked) -> Answer {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/authorize") => {
                Answer::status(302).with("location", authorize(&self.state, &asked.query).as_str())
            }
            ("POST", "/token") => self.token(&asked).await,
            ("POST", "/revoke") => match asked.form().get("token") {
                _ if !is_client(&asked) => refusal(401, "invalid_client"),
                Some(token) => lock(&self.state).revoke(token),
                None => refusal(400, "invalid_request"),
            },
            (_, path) if path.starts_with("/api/") => self.call(&asked),
            _ => Answer::status(404),
        }
    }

    fn call(&self, asked: &Asked) -> Answer {
        let token = asked.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match used(&mut lock(&self.state), token) {
            Some(grant) => Answer::json(200, &json!({ "grant": grant, "path": asked.path })),
            None => {
                Answer::json(401, &json!({ "error": "invalid_token" })).with("www-authenticate", "Bearer")
            }
        }
    }

    async fn token(&self, asked: &Asked) -> Answer {
        let delay = lock(&self.state).conduct.delay;
        let form = asked.form();
        if !is_client(asked) {
            return refusal(401, "invalid_client");
        }
        let is_refresh = form.get("grant_type").is_some_and(|grant| grant == "refresh_token");
        if is_refresh {
            begins(&mut lock(&self.state));
        }
        tokio::time::sleep(delay).await;
        match form.get("grant_type").map(String::as_str) {
            Some("refresh_token") => {
                let answer = self.refresh(&form).await;
                lock(&self.state).at_once -= 1;
                answer
            }
            Some("client_credentials") => {
                let mut state = lock(&self.state);
                let granted = state.grants.grant();
                tokens(&granted, state.grants.lifetime(), false)
            }
            Some("authorization_code") => {
                let mut state = lock(&self.state);
                let request = form.get("code").and_then(|code| state.codes.remove(code));
                let challenge = form
                    .get("code_verifier")
                    .map(|verifier| URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())));
                match request {
                    Some(request)
                        if request.get("code_challenge") == challenge.as_ref()
                            && request.get("redirect_uri") == form.get("redirect_uri") =>
                    {
                        let granted = state.grants.grant();
                        let lifetime = state.grants.lifetime();
                        match &state.scopes {
                            None => tokens(&granted, lifetime, true),
                            Some(scopes) => with_scopes(&granted, lifetime, scopes),
                        }
                    }
                    _ => refusal(400, "invalid_grant"),
                }
            }
            _ => refusal(400, "unsupported_grant_type"),
        }
    }

    async fn refresh(&self, form: &HashMap<String, String>) -> Answer {
        let Some(token) = form.get("refresh_token") else { return refusal(400, "invalid_request") };
        let (fault, granted, lifetime) = {
            let mut state = lock(&self.state);
            let count = state.load.refreshes;
            let is_cut = state.conduct.cut_one_in.is_some_and(|one_in| count % one_in == one_in - 1);
            let fault = state.conduct.faults.pop_front();
            let fault = fault.or_else(|| state.conduct.always.clone());
            let fault = fault.or_else(|| is_cut.then_some(Fault::CutAfter));
            match &fault {
                Some(Fault::CutBefore) => return Answer::cut(),
                Some(Fault::Refused(word)) => return refusal(400, word),
                Some(Fault::Status(status, retry_after)) => {
                    let answer = Answer::status(*status);
                    return match retry_after {
                        Some(seconds) => answer.with("retry-after", &seconds.to_string()),
                        None => answer,
                    };
                }
                _ => {}
            }
            (fault, state.grants.refresh(token), state.grants.lifetime())
        };
        let Some(granted) = granted else { return refusal(400, "invalid_grant") };
        let answer = tokens(&granted, lifetime, true);
        match fault {
            Some(Fault::CutAfter) => Answer::cut(),
            Some(Fault::HalfAnswer) => answer.halved(),
            Some(Fault::Garbage) => Answer::text(200, "<html>Please sign in</html>"),
            Some(Fault::Held) => {
                let mut released = self.released.clone();
                released.mark_unchanged();
                self.spending.send_modify(|number| *number += 1);
                let _ = released.changed().await;
                answer
            }
            _ => answer,
        }
    }
}

impl State {
    /// The grant of a token ends, unless the test says otherwise.
    fn revoke(&mut self, token: &str) -> Answer {
        let second = self.started.elapsed().as_secs();
        self.revocations = match self.revocations {
            (known, count) if known == second => (second, count + 1),
            _ => (second, 1),
        };
        let most = self.conduct.most_revocations;
        let too_many = most.filter(|most| self.revocations.1 > *most).map(|_| (429, Some(1)));
        let Some((status, retry_after)) = self.conduct.refused_revocations.pop_front().or(too_many) else {
            self.grants.revoke(token);
            return Answer::status(200);
        };
        let answer = Answer::status(status);
        match retry_after {
            Some(seconds) => answer.with("retry-after", &seconds.to_string()),
            None => answer,
        }
    }
}

/// Whose the token is, if it is good.
fn used(state: &mut State, access: Option<&str>) -> Option<usize> {
    match access.map(|access| state.grants.used(access)) {
        Some(Found::Living(grant)) => {
            state.load.calls += 1;
            Some(grant)
        }
        found => {
            state.load.calls_after_the_end += u64::from(found == Some(Found::Ended));
            None
        }
    }
}

fn begins(state: &mut State) {
    state.at_once += 1;
    state.load.refreshes += 1;
    state.load.most_at_once = state.load.most_at_once.max(state.at_once);
    let second = state.started.elapsed().as_secs();
    state.second = if state.second.0 == second { (second, state.second.1 + 1) } else { (second, 1) };
    state.load.most_in_a_second = state.load.most_in_a_second.max(state.second.1);
}

fn tokens(granted: &GrantedTokens, lifetime: Duration, with_refresh: bool) -> Answer {
    Answer::json(200, &body_of(granted, lifetime, with_refresh))
}

fn with_scopes(granted: &GrantedTokens, lifetime: Duration, scopes: &str) -> Answer {
    let mut body = body_of(granted, lifetime, true);
    body["scope"] = scopes.into();
    Answer::json(200, &body)
}

fn body_of(granted: &GrantedTokens, lifetime: Duration, with_refresh: bool) -> serde_json::Value {
    let mut body = json!({
        "access_token": granted.access, "token_type": "Bearer", "expires_in": lifetime.as_secs(),
    });
    if with_refresh {
        body["refresh_token"] = granted.refresh.clone().into();
    }
    body
}

fn refusal(status: u16, word: &str) -> Answer {
    Answer::json(status, &json!({ "error": word }))
}

/// As Basic, each part form-encoded (RFC 6749, 2.3.1), or in the body.
fn is_client(asked: &Asked) -> bool {
    let basic = asked.header("authorization").and_then(|value| value.strip_prefix("Basic "));
    let given = match basic.and_then(|text| STANDARD.decode(text).ok()) {
        Some(pair) => {
            let pair = String::from_utf8_lossy(&pair).into_owned();
            let (user, password) = pair.split_once(':').unwrap_or((&pair, ""));
            (form_decoded(user), form_decoded(password))
        }
        None => {
            let form = asked.form();
            let field = |name: &str| form.get(name).cloned().unwrap_or_default();
            (field("client_id"), field("client_secret"))
        }
    };
    given == (CLIENT_ID.to_owned(), CLIENT_SECRET.to_owned())
}

fn form_decoded(text: &str) -> String {
    let pair = format!("value={text}");
    let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
    decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn authorize(state: &Mutex<State>, query: &str) -> Url {
    let request: HashMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(request["client_id"], CLIENT_ID);
    assert_eq!(request["response_type"], "code");
    assert_eq!(request["code_challenge_method"], "S256");
    let mut back = Url::parse(&request["redirect_uri"]).expect("an address");
    let code = random_text();
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &request["state"]);
    lock(state).codes.insert(code, request);
    back
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
