//! The service's HTTP API: <https://openbao.org/api-docs/secret/transit/>.

use std::error::Error as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cryptography::SecretBytes;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use zeroize::Zeroizing;

use crate::{Address, KeyName, SettingsError, TokenSource, TransitError};

/// The largest answer that is read: a description of a key with thousands of versions.
const LARGEST_ANSWER: usize = 256 * 1024;
/// How the service is told who asks.
const TOKEN: &str = "x-vault-token";
/// How it is told in which namespace.
const NAMESPACE: &str = "x-vault-namespace";

/// Speaks to one engine about one key.
pub struct Client {
    http: reqwest::Client,
    address: Address,
    name: KeyName,
    namespace: Option<String>,
    source: TokenSource,
    token: Mutex<Option<Arc<SecretBytes>>>,
}

/// What is asked.
pub enum Question {
    /// What is known of the key.
    Key,
    /// Wrap, with this body.
    Encrypt(Zeroizing<Vec<u8>>),
    /// Unwrap, with this body.
    Decrypt(Zeroizing<Vec<u8>>),
}

impl Client {
    pub fn new(
        address: Address,
        name: KeyName,
        namespace: Option<String>,
        source: TokenSource,
        tls: rustls::ClientConfig,
        timeout: Duration,
    ) -> Result<Self, SettingsError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // The token is for this server and no other.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(timeout)
            .user_agent("vybe-control-plane")
            .build()
            .map_err(|_| SettingsError::Tls)?;
        Ok(Self { http, address, name, namespace, source, token: Mutex::default() })
    }

    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The part `data` of the answer.
    pub async fn ask<T: DeserializeOwned>(&self, question: Question) -> Result<T, TransitError> {
        let url = match &question {
            Question::Key => self.endpoint("keys"),
            Question::Encrypt(_) => self.endpoint("encrypt"),
            Question::Decrypt(_) => self.endpoint("decrypt"),
        };
        let body = match question {
            Question::Key => None,
            Question::Encrypt(body) | Question::Decrypt(body) => Some(Bytes::from_owner(body)),
        };
        let (token, is_fresh) = self.token()?;
        let mut answer = self.send(&url, body.clone(), &token).await?;
        // Whoever renews the token may have written another one since it was read.
        if answer.status() == StatusCode::FORBIDDEN && !is_fresh {
            let read_again = self.read_token()?;
            if !read_again.matches(&token) {
                answer = self.send(&url, body, &read_again).await?;
            }
        }
        let status = answer.status();
        let text = self.read(answer).await?;
        if status != StatusCode::OK {
            return Err(self.refusal(status, &text));
        }
        #[derive(Deserialize)]
        struct Answer<T> {
            data: T,
        }
        serde_json::from_slice::<Answer<T>>(&text)
            .map(|answer| answer.data)
            .map_err(|_| TransitError::NotUnderstood(self.address.to_string()))
    }

    fn endpoint(&self, operation: &str) -> Url {
        self.address.endpoint(&[self.name.mount(), operation, self.name.key()])
    }

    async fn send(
        &self,
        url: &Url,
        body: Option<Bytes>,
        token: &SecretBytes,
    ) -> Result<Response, TransitError> {
        let mut header = HeaderValue::from_bytes(token.reveal())
            .map_err(|_| TransitError::Token("it is not one line of text".to_owned()))?;
        header.set_sensitive(true);
        let mut request = match body {
            None => self.http.get(url.clone()),
            Some(body) => self.http.post(url.clone()).header(CONTENT_TYPE, "application/json").body(body),
        };
        request = request.header(TOKEN, header).header("x-vault-request", "true");
        if let Some(namespace) = &self.namespace {
            request = request.header(NAMESPACE, namespace);
        }
        request.send().await.map_err(|error| self.unreachable(error))
    }

    async fn read(&self, mut answer: Response) -> Result<Zeroizing<Vec<u8>>, TransitError> {
        let mut text = Zeroizing::new(Vec::with_capacity(4096));
        while let Some(part) = answer.chunk().await.map_err(|error| self.unreachable(error))? {
            if text.len() + part.len() > LARGEST_ANSWER {
                return Err(TransitError::NotUnderstood(self.address.to_string()));
            }
            text.extend_from_slice(&part);
        }
        Ok(text)
    }

    /// The token as it was read last, and whether that was just now.
    fn token(&self) -> Result<(Arc<SecretBytes>, bool), TransitError> {
        let known = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            Some(token) => Ok((token, false)),
            None => Ok((self.read_token()?, true)),
        }
    }

    fn read_token(&self) -> Result<Arc<SecretBytes>, TransitError> {
        let text = (self.source)().map_err(TransitError::Token)?;
        let token = Arc::new(SecretBytes::copy_of(text.as_bytes()));
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&token));
        Ok(token)
    }

    /// What a status means. The service's words are compared, never repeated.
    fn refusal(&self, status: StatusCode, text: &[u8]) -> TransitError {
        let address = self.address.to_string();
        let (mount, key) = (self.name.mount().to_owned(), self.name.key().to_owned());
        let says = |words: &str| text.windows(words.len()).any(|part| part == words.as_bytes());
        match status.as_u16() {
            300..=399 => TransitError::Redirected(address),
            401 | 403 => TransitError::Forbidden { address, mount, key },
            400 if says("missing client token") => TransitError::Forbidden { address, mount, key },
            404 => TransitError::NoSuchKey { address, mount, key },
            400 if says("encryption key not found") => TransitError::NoSuchKey { address, mount, key },
            400 if says("too old") => TransitError::Unsuitable {
                name: self.name.to_string(),
                reason: "no longer unwraps with this version; lower its min_decryption_version until \
                         `vybe keys rotate master` has ended",
            },
            400 => TransitError::Refused,
            503 if says("sealed") => TransitError::Sealed(address),
            status => TransitError::Failed { address, status },
        }
    }

    fn unreachable(&self, error: reqwest::Error) -> TransitError {
        if error.is_timeout() {
            return TransitError::Silent(self.address.to_string());
        }
        let error = error.without_url();
        let mut innermost = error.source();
        while let Some(cause) = innermost.and_then(std::error::Error::source) {
            innermost = Some(cause);
        }
        let reason = innermost.map_or_else(|| error.to_string(), ToString::to_string);
        TransitError::Unreachable { address: self.address.to_string(), reason }
    }
}
