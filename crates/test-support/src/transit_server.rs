//! A key management service that speaks the transit API of HashiCorp Vault and OpenBao: paths, bodies, status
//! codes and words as OpenBao's engine answers them, with AES-256-GCM inside.
//!
//! Honest by default. A test then says what is wrong with it.

use std::collections::HashMap;
use std::io::{Error, Result};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Authority;

/// The token that is good at first.
pub const TOKEN: &str = "hvs.CANARYtokenOfTheControlPlane";

/// The service, until it is dropped.
#[derive(Debug)]
pub struct TransitServer {
    address: String,
    state: Arc<Mutex<State>>,
    serving: tokio::task::JoinHandle<()>,
}

/// What it does at the moment.
#[derive(Clone, Debug, Default)]
pub struct Conduct {
    /// Whether it was restarted and not unsealed.
    pub sealed: bool,
    /// Takes questions and never answers.
    pub silent: bool,
    /// Answers everything with this status.
    pub status: Option<u16>,
    /// Answers with this body and status 200.
    pub answer: Option<String>,
    /// Ignores associated data, as versions before it was known do.
    pub ignores_associated_data: bool,
}

/// One key.
#[derive(Clone, Debug)]
pub struct TransitKey {
    /// `aes256-gcm96` and others.
    pub kind: &'static str,
    /// Whether it may be exported.
    pub exportable: bool,
    /// Whether it may be deleted.
    pub deletion_allowed: bool,
    /// The oldest version that still opens.
    pub min_decryption_version: usize,
    versions: Vec<[u8; 32]>,
}

/// What it was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `GET` or `POST`.
    pub method: String,
    /// With the leading slash.
    pub path: String,
    /// `X-Vault-Namespace`.
    pub namespace: Option<String>,
}

#[derive(Debug)]
struct State {
    conduct: Conduct,
    token: String,
    keys: HashMap<String, TransitKey>,
    asked: Vec<Asked>,
}

impl TransitServer {
    /// Starts it over plain HTTP on loopback, with the engine at `transit` and the key `vybe`.
    ///
    /// # Panics
    /// It cannot listen.
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    /// Starts it over TLS, with a certificate of this authority.
    ///
    /// # Panics
    /// It cannot listen.
    pub async fn start_tls(authority: &Authority) -> Self {
        let certificate = authority.certificate_for(&["127.0.0.1"]);
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
        Self::listen(Some(TlsAcceptor::from(Arc::new(tls)))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://{}", listener.local_addr().expect("an address"));
        let state = State {
            conduct: Conduct::default(),
            token: TOKEN.to_owned(),
            keys: HashMap::from([("vybe".to_owned(), TransitKey::new("aes256-gcm96"))]),
            asked: Vec::new(),
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, state) = (tls.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    // A client that goes away is the client's business.
                    let _ = match tls {
                        None => serve(stream, &state).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &state).await,
                            Err(error) => Err(error),
                        },
                    };
                });
            }
        });
        Self { address, state, serving }
    }

    /// Its origin.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it does from now on.
    pub fn conduct(&self, conduct: Conduct) {
        lock(&self.state).conduct = conduct;
    }

    /// The only token that is good from now on.
    pub fn take_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.state).token);
    }

    /// Puts a key there, or takes it away.
    pub fn put(&self, name: &str, key: Option<TransitKey>) {
        let keys = &mut lock(&self.state).keys;
        match key {
            Some(key) => _ = keys.insert(name.to_owned(), key),
            None => _ = keys.remove(name),
        }
    }

    /// Rotates a key: its next version wraps.
    ///
    /// # Panics
    /// There is no such key.
    pub fn rotate(&self, name: &str) {
        lock(&self.state).keys.get_mut(name).expect("a key").versions.push(random());
    }

    /// What it was asked so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.state).asked.clone()
    }

    /// Which keys there are.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        lock(&self.state).keys.keys().cloned().collect()
    }
}

impl Drop for TransitServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl TransitKey {
    /// A key of this type, with one version.
    #[must_use]
    pub fn new(kind: &'static str) -> Self {
        Self {
            kind,
            exportable: false,
            deletion_allowed: false,
            min_decryption_version: 1,
            versions: vec![random()],
        }
    }

    fn description(&self, name: &str) -> Value {
        let versions: HashMap<String, u64> =
            (1..=self.versions.len()).map(|version| (version.to_string(), 1_700_000_000)).collect();
        json!({
            "name": name, "type": self.kind, "derived": false, "exportable": self.exportable,
            "deletion_allowed": self.deletion_allowed, "allow_plaintext_backup": false,
            "latest_version": self.versions.len(), "min_available_version": 0,
            "min_decryption_version": self.min_decryption_version, "min_encryption_version": 0,
            "supports_encryption": true, "supports_decryption": true, "supports_derivation": true,
            "supports_signing": false, "imported_key": false, "auto_rotate_period": 0, "keys": versions,
        })
    }

    fn encrypt(&self, body: &Value, bind: bool) -> std::result::Result<Value, &'static str> {
        let version = body["key_version"].as_u64().and_then(|version| usize::try_from(version).ok());
        let version = version.filter(|version| *version > 0).unwrap_or(self.versions.len());
        let key = self
            .versions
            .get(version - 1)
            .ok_or("requested version for encryption is higher than the latest key version")?;
        let mut bytes = decode(&body["plaintext"])?;
        let place = if bind { decode(&body["associated_data"])? } else { Vec::new() };
        let mut nonce = [0; 12];
        SystemRandom::new().fill(&mut nonce).expect("random numbers");
        cipher(key)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut bytes)
            .expect("a sealed text");
        let ciphertext = format!("vault:v{version}:{}", STANDARD.encode([&nonce[..], &bytes].concat()));
        Ok(json!({ "ciphertext": ciphertext, "key_version": version }))
    }

    fn decrypt(&self, body: &Value, bind: bool) -> std::result::Result<Value, &'static str> {
        let text = body["ciphertext"].as_str().unwrap_or_default();
        let rest = text.strip_prefix("vault:v").ok_or("invalid ciphertext: no prefix")?;
        let (version, rest) = rest.split_once(':').ok_or("invalid ciphertext: wrong number of fields")?;
        let version: usize =
            version.parse().map_err(|_| "invalid ciphertext: version number could not be decoded")?;
        let key =
            self.versions.get(version.wrapping_sub(1)).ok_or("invalid ciphertext: version is too new")?;
        if version < self.min_decryption_version {
            return Err("ciphertext or signature version is disallowed by policy (too old)");
        }
        let mut bytes = STANDARD.decode(rest).map_err(|_| "invalid ciphertext: could not decode base64")?;
        if bytes.len() < 28 {
            return Err("invalid ciphertext length");
        }
        let place = if bind { decode(&body["associated_data"])? } else { Vec::new() };
        let sealed = bytes.split_off(12);
        let nonce = Nonce::try_assume_unique_for_key(&bytes).expect("12 bytes");
        let mut sealed = sealed;
        let opened = cipher(key)
            .open_in_place(nonce, Aad::from(place), &mut sealed)
            .map_err(|_| "cipher: message authentication failed")?;
        Ok(json!({ "plaintext": STANDARD.encode(opened) }))
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) -> Result<()> {
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
    let mut words = head.split(' ').map(str::to_owned);
    let asked = Asked {
        method: words.next().unwrap_or_default(),
        path: words.next().ok_or_else(|| Error::other("no target"))?,
        namespace: header("x-vault-namespace"),
    };
    let conduct = {
        let mut state = lock(state);
        state.asked.push(asked.clone());
        state.conduct.clone()
    };
    if conduct.silent {
        std::future::pending::<()>().await;
    }
    let body = serde_json::from_slice(&received[head_ends..]).unwrap_or_default();
    let (status, answer) =
        answer(&mut lock(state), &conduct, &asked, header("x-vault-token").as_deref(), &body);
    let answer = conduct.answer.unwrap_or(answer);
    let answer = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         location: https://elsewhere.test/\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn answer(
    state: &mut State,
    conduct: &Conduct,
    asked: &Asked,
    token: Option<&str>,
    body: &Value,
) -> (u16, String) {
    let errors = |status: u16, words: &str| (status, json!({ "errors": [words] }).to_string());
    if conduct.sealed {
        return errors(503, "Vault is sealed");
    }
    if let Some(status) = conduct.status {
        return errors(status, "internal error");
    }
    if token != Some(&state.token) {
        return errors(403, "permission denied");
    }
    let Some((operation, name)) =
        asked.path.strip_prefix("/v1/transit/").and_then(|path| path.split_once('/'))
    else {
        return errors(404, "no handler for route. route entry not found.");
    };
    let bind = !conduct.ignores_associated_data;
    // The token may create, as a careless policy lets it.
    if (asked.method.as_str(), operation) == ("POST", "encrypt") {
        state.keys.entry(name.to_owned()).or_insert_with(|| TransitKey::new("aes256-gcm96"));
    }
    let Some(key) = state.keys.get(name) else {
        return match asked.method.as_str() {
            "GET" => (404, json!({ "errors": [] }).to_string()),
            _ => errors(400, "encryption key not found"),
        };
    };
    let answer = match (asked.method.as_str(), operation) {
        ("GET", "keys") => Ok(key.description(name)),
        ("POST", "encrypt") => key.encrypt(body, bind),
        ("POST", "decrypt") => key.decrypt(body, bind),
        _ => return errors(405, "unsupported operation"),
    };
    match answer {
        Ok(data) => {
            (200, json!({ "request_id": "1", "lease_id": "", "data": data, "warnings": null }).to_string())
        }
        Err(words) => errors(400, words),
    }
}

fn decode(text: &Value) -> std::result::Result<Vec<u8>, &'static str> {
    STANDARD.decode(text.as_str().unwrap_or_default()).map_err(|_| "illegal base64 data")
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes"))
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    bytes
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
