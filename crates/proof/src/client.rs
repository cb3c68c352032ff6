//! An HTTPS client in which every header is decided by who asks.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use url::{Host, Url};

use crate::ProofError;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

type Sender = SendRequest<Full<Bytes>>;

/// Keeps connections, and nothing else: no cookies, no redirects.
pub(crate) struct Client {
    tls: tokio_rustls::TlsConnector,
    idle: Mutex<HashMap<String, Vec<Sender>>>,
    succeeded: Mutex<BTreeSet<Success>>,
}

/// Method, origin and path of a request that was answered with 2xx or 3xx.
pub(crate) type Success = (String, String, String);

/// One request, every part of it.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    /// Media type and text.
    pub body: Option<(&'static str, String)>,
}

impl Question {
    pub fn new(method: &str, url: impl Into<String>) -> Self {
        Self { method: method.to_owned(), url: url.into(), headers: Vec::new(), body: None }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(("application/json", body.to_string()));
        self
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is something else.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// 2xx or 3xx.
    pub fn is_success(&self) -> bool {
        (200..400).contains(&self.status)
    }
}

impl Client {
    /// A client that believes this authority (PEM), or the web's.
    pub fn new(authority: Option<&str>) -> Result<Self, ProofError> {
        let mut roots = RootCertStore::empty();
        match authority {
            Some(pem) => {
                for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                    let certificate = certificate.map_err(|error| ProofError::Trust(error.to_string()))?;
                    roots.add(certificate).map_err(|error| ProofError::Trust(error.to_string()))?;
                }
                if roots.is_empty() {
                    return Err(ProofError::Trust("there is no certificate in the file".to_owned()));
                }
            }
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configuration = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ProofError::Trust(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Arc::new(configuration).into(), idle: Mutex::default(), succeeded: Mutex::default() })
    }

    pub async fn get(&self, url: &str) -> Result<Reply, ProofError> {
        self.ask(&Question::new("GET", url)).await
    }

    /// Sends it and reads the whole answer.
    pub async fn ask(&self, question: &Question) -> Result<Reply, ProofError> {
        let failed = |reason: String| ProofError::Unreachable { url: question.url.clone(), reason };
        let url = Url::parse(&question.url).map_err(|error| failed(error.to_string()))?;
        match tokio::time::timeout(PATIENCE, self.exchange(question, &url)).await {
            Ok(answered) => {
                let reply = answered.map_err(failed)?;
                if reply.is_success() {
                    let origin = url.origin().ascii_serialization();
                    let mut succeeded = self.succeeded.lock().unwrap_or_else(PoisonError::into_inner);
                    succeeded.insert((question.method.clone(), origin, url.path().to_owned()));
                }
                Ok(reply)
            }
            Err(_) => Err(failed(format!("no answer within {PATIENCE:?}"))),
        }
    }

    async fn exchange(&self, question: &Question, url: &Url) -> Result<Reply, String> {
        let authority = url.authority().to_owned();
        let text = |error: &dyn std::fmt::Display| error.to_string();
        loop {
            let (mut sender, is_fresh) = match self.kept(&authority) {
                Some(sender) => (sender, false),
                None => (self.connect(url).await.map_err(|error| text(&error))?, true),
            };
            if sender.ready().await.is_err() && !is_fresh {
                continue;
            }
            let request = request(question, url, &authority)?;
            match sender.send_request(request).await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let body = body.collect().await.map_err(|error| text(&error))?.to_bytes();
                    self.keep(authority, sender);
                    return Ok(Reply { status: head.status.as_u16(), headers: head.headers, body });
                }
                // The server closed a kept connection before it read anything of this request.
                Err(error) if !is_fresh && (error.is_canceled() || error.is_closed()) => {}
                Err(error) if !is_fresh && error.is_incomplete_message() && question.method == "GET" => {}
                Err(error) => return Err(text(&error)),
            }
        }
    }

    /// Everything that has succeeded so far.
    pub fn succeeded(&self) -> BTreeSet<Success> {
        self.succeeded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kept(&self, authority: &str) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let senders = idle.get_mut(authority)?;
        loop {
            let sender = senders.pop()?;
            if !sender.is_closed() {
                return Some(sender);
            }
        }
    }

    fn keep(&self, authority: String, sender: Sender) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).entry(authority).or_default().push(sender);
    }

    async fn connect(&self, url: &Url) -> io::Result<Sender> {
        let socket = TcpStream::connect(address(url)?).await?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if url.scheme() == "https" {
            let name = ServerName::try_from(url.host_str().unwrap_or_default().to_owned())
                .map_err(io::Error::other)?;
            Box::new(self.tls.connect(name, socket).await?)
        } else {
            Box::new(socket)
        };
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Names below `localhost` are this machine (RFC 6761, section 6.3), which not every resolver knows.
fn address(url: &Url) -> io::Result<(String, u16)> {
    let port = url.port_or_known_default().unwrap_or(443);
    match url.host() {
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            Ok(("127.0.0.1".to_owned(), port))
        }
        Some(Host::Ipv6(address)) => Ok((address.to_string(), port)),
        Some(host) => Ok((host.to_string(), port)),
        None => Err(io::Error::other("an address without a host")),
    }
}

fn request(question: &Question, url: &Url, authority: &str) -> Result<Request<Full<Bytes>>, String> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut builder =
        Request::builder().method(question.method.as_str()).uri(target).header("host", authority);
    for (name, value) in &question.headers {
        builder = builder.header(name, value);
    }
    let mut body = Bytes::new();
    if let Some((media_type, text)) = &question.body {
        builder = builder.header("content-type", *media_type);
        body = text.clone().into();
    }
    builder.body(Full::new(body)).map_err(|error| error.to_string())
}
