//! An OpenID provider that lies on demand.
//!
//! Honest by default: discovery, ES256 keys, authorization code with PKCE (S256), ID tokens. A test then
//! says in what it lies. It listens on a port of its own, over TLS.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use url::Url;

use crate::Authority;

/// The platform's name at this provider.
pub const CLIENT_ID: &str = "vybe-test-client";
/// The platform's secret at this provider.
pub const CLIENT_SECRET: &str = "a secret between the platform and its provider";

/// The provider, until it is dropped.
#[derive(Debug)]
pub struct HostileIssuer {
    origin: String,
    address: SocketAddr,
    root: Vec<u8>,
    state: Arc<Mutex<State>>,
    serving: tokio::task::JoinHandle<()>,
}

/// What the provider does at the moment.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    /// Claims that replace honest ones; `None` leaves the claim out.
    pub claims: Vec<(&'static str, Option<Value>)>,
    /// How the ID token is signed.
    pub signing: Signing,
    /// How long it waits before each answer.
    pub delay: Duration,
    /// Answers the token request with this body instead.
    pub token_answer: Option<String>,
    /// Answers the discovery request with this body instead.
    pub discovery_answer: Option<String>,
    /// Closes each connection without an answer.
    pub silent: bool,
    /// The `iss` of the authorization response (RFC 9207); `Some(None)` leaves it out.
    pub named_issuer: Option<Option<String>>,
}

/// How an ID token is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// With the published key.
    #[default]
    Honest,
    /// `alg: none`, no signature.
    None,
    /// `HS256` with the published public key as the secret.
    HmacWithPublicKey,
    /// `HS256` with the client's secret, which OpenID Connect allows and the platform does not.
    HmacWithClientSecret,
    /// With a key that was never published, under the published name.
    ForeignKey,
    /// With the key that was published before [`HostileIssuer::rotate`].
    WithdrawnKey,
    /// A signature that is honest, and then a changed payload.
    ChangedPayload,
    /// `alg: ES384` on an ES256 signature.
    OtherAlgorithm,
}

#[derive(Debug)]
struct State {
    conduct: Conduct,
    key: Key,
    withdrawn: Option<Key>,
    codes: HashMap<String, Map<String, Value>>,
    requests: Vec<String>,
}

#[derive(Debug)]
struct Key {
    id: String,
    pair: EcdsaKeyPair,
}

impl HostileIssuer {
    /// Starts it.
    ///
    /// # Panics
    /// It cannot listen.
    pub async fn start() -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["issuer.test", "localhost"]);
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let origin = format!("https://issuer.test:{}", address.port());
        let state = State {
            conduct: Conduct::default(),
            key: Key::new(),
            withdrawn: None,
            codes: HashMap::new(),
            requests: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
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
        let (shared, own_origin) = (Arc::clone(&state), origin.clone());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, state, origin) = (acceptor.clone(), Arc::clone(&shared), own_origin.clone());
                tokio::spawn(async move {
                    // A client that goes away is the client's business.
                    let _ = serve(stream, &acceptor, &state, &origin).await;
                });
            }
        });
        let pem = authority.certificate();
        let root = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate").to_vec();
        Self { origin, address, root, state, serving }
    }

    /// Its issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.origin
    }

    /// Its host name and where that is found.
    #[must_use]
    pub fn host(&self) -> (String, SocketAddr) {
        ("issuer.test".to_owned(), self.address)
    }

    /// The certificate (DER) that its own is signed with.
    #[must_use]
    pub fn root(&self) -> Vec<u8> {
        self.root.clone()
    }

    /// Says what it does from now on.
    pub fn conduct(&self, conduct: Conduct) {
        lock(&self.state).conduct = conduct;
    }

    /// Lies in one claim from now on; `None` leaves it out.
    pub fn claim(&self, name: &'static str, value: Option<Value>) {
        self.conduct(Conduct { claims: vec![(name, value)], ..Conduct::default() });
    }

    /// Replaces its key by a new one, under another name.
    pub fn rotate(&self) {
        let mut state = lock(&self.state);
        let old = std::mem::replace(&mut state.key, Key::new());
        state.withdrawn = Some(old);
    }

    /// The method and path of every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state).requests.clone()
    }

    /// What a person at its page does: the address that the browser is sent back to.
    ///
    /// # Panics
    /// The request is not one that it accepts: no PKCE with S256, or another client.
    #[must_use]
    pub fn authorize(&self, address: &str) -> Url {
        let url = Url::parse(address).expect("an address");
        authorize(&self.state, &self.origin, url.query().unwrap_or_default())
    }
}

impl Drop for HostileIssuer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Key {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .expect("the same key");
        Self { id: random_text(), pair }
    }

    fn published(&self) -> Value {
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, state: &Mutex<State>, origin: &str) -> Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut received = Vec::new();
    let head_ends = loop {
        if let Some(position) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            break position + 4;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    };
    let head = String::from_utf8_lossy(&received[..head_ends]).into_owned();
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while received.len() < head_ends + length {
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
    let body = String::from_utf8_lossy(&received[head_ends..]).into_owned();
    let target = head.split(' ').nth(1).ok_or_else(|| Error::other("no target"))?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let conduct = {
        let mut state = lock(state);
        state.requests.push(path.to_owned());
        state.conduct.clone()
    };
    tokio::time::sleep(conduct.delay).await;
    if conduct.silent {
        return Ok(());
    }
    let (status, extra, answer) = match path {
        "/.well-known/openid-configuration" => {
            ("200 OK", String::new(), conduct.discovery_answer.unwrap_or_else(|| metadata(origin)))
        }
        "/jwks" => {
            let keys = json!({ "keys": [lock(state).key.published()] });
            ("200 OK", String::new(), keys.to_string())
        }
        "/authorize" => {
            let back = authorize(state, origin, query);
            ("302 Found", format!("location: {back}\r\n"), String::new())
        }
        "/token" => match token(state, origin, &body, header("authorization").as_deref()) {
            Ok(answer) => ("200 OK", String::new(), conduct.token_answer.unwrap_or(answer)),
            Err(code) => ("400 Bad Request", String::new(), json!({ "error": code }).to_string()),
        },
        _ => ("404 Not Found", String::new(), String::new()),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{extra}connection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn metadata(origin: &str) -> String {
    json!({
        "issuer": origin,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "jwks_uri": format!("{origin}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // A provider that offers everything: what counts is what the platform accepts.
        "id_token_signing_alg_values_supported": ["ES256", "ES384", "RS256", "HS256", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
    .to_string()
}

fn authorize(state: &Mutex<State>, origin: &str, query: &str) -> Url {
    let mut parameters: Map<String, Value> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    assert_eq!(parameters["client_id"], CLIENT_ID);
    assert_eq!(parameters["response_type"], "code");
    assert_eq!(parameters["code_challenge_method"], "S256");
    let text = |name: &str| parameters[name].as_str().expect("a text").to_owned();
    let mut back = Url::parse(&text("redirect_uri")).expect("an address");
    let code = random_text();
    let mut state = lock(state);
    back.query_pairs_mut().append_pair("code", &code).append_pair("state", &text("state"));
    match &state.conduct.named_issuer {
        None => _ = back.query_pairs_mut().append_pair("iss", origin),
        Some(Some(issuer)) => _ = back.query_pairs_mut().append_pair("iss", issuer),
        Some(None) => {}
    }
    assert!(!text("nonce").is_empty() && !text("code_challenge").is_empty());
    parameters.remove("state");
    state.codes.insert(code, parameters);
    back
}

fn token(
    state: &Mutex<State>,
    origin: &str,
    body: &str,
    authorization: Option<&str>,
) -> std::result::Result<String, &'static str> {
    let form: HashMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    if authorization.is_none_or(|value| !value.starts_with("Basic ")) {
        return Err("invalid_client");
    }
    let mut state = lock(state);
    let code = form.get("code").ok_or("invalid_request")?;
    let request = state.codes.remove(code).ok_or("invalid_grant")?;
    let verifier = form.get("code_verifier").ok_or("invalid_grant")?;
    let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    if request["code_challenge"] != challenge.as_str() {
        return Err("invalid_grant");
    }
    if form.get("redirect_uri").map(String::as_str) != request["redirect_uri"].as_str() {
        return Err("invalid_grant");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut claims = json!({
        "iss": origin, "sub": "ada", "aud": CLIENT_ID, "iat": now, "exp": now + 300,
        "nonce": request["nonce"], "email": "ada@example.com", "email_verified": true, "name": "Ada Lovelace",
    });
    let fields = claims.as_object_mut().expect("an object");
    for (name, value) in &state.conduct.claims {
        match value {
            Some(value) => _ = fields.insert((*name).to_owned(), value.clone()),
            None => _ = fields.remove(*name),
        }
    }
    let id_token = sign(&state, &claims);
    Ok(json!({
        "access_token": random_text(), "token_type": "Bearer", "expires_in": 300, "id_token": id_token,
    })
    .to_string())
}

fn sign(state: &State, claims: &Value) -> String {
    let signing = state.conduct.signing;
    let algorithm = match signing {
        Signing::None => "none",
        Signing::HmacWithPublicKey | Signing::HmacWithClientSecret => "HS256",
        Signing::OtherAlgorithm => "ES384",
        _ => "ES256",
    };
    let key = match (signing, &state.withdrawn) {
        (Signing::WithdrawnKey, Some(withdrawn)) => withdrawn,
        _ => &state.key,
    };
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encode(&json!({ "alg": algorithm, "typ": "JWT", "kid": key.id }));
    let message = format!("{header}.{}", encode(claims));
    let elliptic = |pair: &EcdsaKeyPair| {
        pair.sign(&SystemRandom::new(), message.as_bytes()).expect("a signature").as_ref().to_vec()
    };
    let mac = |secret: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes()).as_ref().to_vec()
    };
    let signature = match signing {
        Signing::None => Vec::new(),
        Signing::HmacWithPublicKey => mac(key.pair.public_key().as_ref()),
        Signing::HmacWithClientSecret => mac(CLIENT_SECRET.as_bytes()),
        Signing::ForeignKey => elliptic(&Key::new().pair),
        _ => elliptic(&key.pair),
    };
    let message = if signing == Signing::ChangedPayload {
        let mut changed = claims.clone();
        changed["sub"] = Value::from("somebody else");
        format!("{header}.{}", encode(&changed))
    } else {
        message
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn random_text() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    URL_SAFE_NO_PAD.encode(bytes)
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
