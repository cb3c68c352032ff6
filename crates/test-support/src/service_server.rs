//! A service behind TLS on loopback: it keeps what it was asked, and answers what a test says.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::Authority;

/// The service, until it is dropped.
pub struct ServiceServer {
    address: SocketAddr,
    names: Vec<String>,
    root: CertificateDer<'static>,
    state: Arc<State>,
    serving: tokio::task::JoinHandle<()>,
}

/// A call that arrived.
#[derive(Clone, Debug)]
pub struct ArrivedCall {
    /// Its method.
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// Headers, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the service answers.
#[derive(Clone, Debug)]
pub struct ServedAnswer {
    /// The status.
    pub status: u16,
    /// Headers besides `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How long it takes until it answers.
    pub after: Duration,
    /// Whether it promises more than it sends, and hangs up.
    pub breaks_off: bool,
}

type Answering = Box<dyn Fn(&ArrivedCall) -> ServedAnswer + Send + Sync>;

struct State {
    arrived: Mutex<Vec<ArrivedCall>>,
    answering: Mutex<Arc<Answering>>,
}

impl ArrivedCall {
    /// A header, if it came exactly once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl ServedAnswer {
    /// JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::bytes(status, "application/json", body.to_string())
    }

    /// Anything.
    #[must_use]
    pub fn bytes(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: body.into(),
            after: Duration::ZERO,
            breaks_off: false,
        }
    }

    /// With one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl ServiceServer {
    /// One that has a certificate for these names, and answers `{"ok":true}`.
    ///
    /// # Panics
    /// It cannot listen.
    pub async fn start(names: &[&str]) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(names);
        let chain = CertificateDer::pem_slice_iter(certificate.certificate.as_bytes());
        let chain: Vec<_> = chain.collect::<Result<_, _>>().expect("a certificate");
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configuration = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("the key is the certificate's");
        let acceptor = TlsAcceptor::from(Arc::new(configuration));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let usual: Answering = Box::new(|_| ServedAnswer::json(200, &json!({ "ok": true })));
        let state = Arc::new(State { arrived: Mutex::default(), answering: Mutex::new(Arc::new(usual)) });
        let known = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&known));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = serve(stream, &state).await;
                    }
                });
            }
        });
        let root = CertificateDer::from_pem_slice(authority.certificate().as_bytes()).expect("a certificate");
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Self { address, names, root, state, serving }
    }

    /// Each of its names, and where it is.
    #[must_use]
    pub fn hosts(&self) -> Vec<(String, SocketAddr)> {
        self.names.iter().map(|name| (name.clone(), self.address)).collect()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority of its certificate.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// Answers like this from now on.
    pub fn answers(&self, answering: impl Fn(&ArrivedCall) -> ServedAnswer + Send + Sync + 'static) {
        let answering: Answering = Box::new(answering);
        *self.state.answering.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(answering);
    }

    /// What arrived since this was asked last.
    #[must_use]
    pub fn take_arrived(&self) -> Vec<ArrivedCall> {
        std::mem::take(&mut *self.state.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for ServiceServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> std::io::Result<()> {
    let mut read = Vec::new();
    while let Some(call) = next(&mut stream, &mut read).await? {
        let answering = Arc::clone(&state.answering.lock().unwrap_or_else(PoisonError::into_inner));
        let answer = answering(&call);
        let is_head = call.method == "HEAD";
        state.arrived.lock().unwrap_or_else(PoisonError::into_inner).push(call);
        tokio::time::sleep(answer.after).await;
        let length = answer.body.len() + usize::from(answer.breaks_off) * 1000;
        let mut head = format!("HTTP/1.1 {} Status\r\ncontent-length: {length}\r\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).await?;
        if !is_head {
            stream.write_all(&answer.body).await?;
        }
        stream.flush().await?;
        if answer.breaks_off {
            return Ok(());
        }
    }
    Ok(())
}

/// The next call on a connection; none once it ends.
async fn next(
    stream: &mut (impl AsyncRead + Unpin),
    read: &mut Vec<u8>,
) -> std::io::Result<Option<ArrivedCall>> {
    let mut piece = vec![0; 64 << 10];
    let end = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let length = stream.read(&mut piece).await?;
        if length == 0 {
            return Ok(None);
        }
        read.extend_from_slice(&piece[..length]);
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    read.drain(..end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while read.len() < length {
        let more = stream.read(&mut piece).await?;
        if more == 0 {
            return Ok(None);
        }
        read.extend_from_slice(&piece[..more]);
    }
    let body = read.drain(..length).collect();
    Ok(Some(ArrivedCall { method: method.to_owned(), target: target.to_owned(), headers, body }))
}
