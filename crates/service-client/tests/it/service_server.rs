//! A service over real TLS, on loopback, that answers as a test says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalogue::{Service, Values};
use outbound::AddressPolicy;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use service_client::{ClientNetwork, OauthClient, ServiceClient};
use test_support::Authority;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use url::form_urlencoded;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn query(&self) -> Vec<(String, String)> {
        pairs(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The parameters of the protocol in the header of OAuth 1.0a.
    pub fn oauth1(&self) -> Vec<(String, String)> {
        let header = self.header("authorization").and_then(|value| value.strip_prefix("OAuth "));
        header.map_or_else(Vec::new, |header| pairs(&header.replace(", ", "&").replace('"', "")))
    }

    /// Everything that came, as text.
    pub fn echo(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{} {}\n{headers}\n{}", self.method, self.target, String::from_utf8_lossy(&self.body))
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub manner: Manner,
}

/// How it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Whole, with `Content-Length`.
    Whole,
    /// In chunks of this size, this long apart.
    Chunks(usize, Duration),
    /// The connection ends before the head.
    NoHead,
    /// The connection ends in the middle of the body.
    HalfBody,
    /// Nothing comes.
    Silence,
}

impl Reply {
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status, body.into().into_bytes()).with("content-type", "application/json")
    }

    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), manner: Manner::Whole }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn how(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }
}

/// The server, until the test ends.
pub struct ServiceServer {
    pub address: SocketAddr,
    authority: Authority,
    hosts: Vec<String>,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl ServiceServer {
    /// A server for these hosts.
    pub async fn start(
        hosts: &[&str],
        answer: impl Fn(&Asked) -> Reply + Clone + Send + Sync + 'static,
    ) -> Self {
        let authority = Authority::new();
        let certificate = authority.certificate_for(hosts);
        let chain = vec![CertificateDer::from_pem_slice(certificate.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            authority,
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            asked: Arc::default(),
            connections: Arc::default(),
            replies: Arc::default(),
        };
        let (asked, connections, replies) =
            (Arc::clone(&server.asked), Arc::clone(&server.connections), Arc::clone(&server.replies));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (acceptor, asked, replies, answer) =
                    (acceptor.clone(), Arc::clone(&asked), Arc::clone(&replies), answer.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    while let Some(one) = read(&mut stream).await {
                        let queued = replies.lock().unwrap().pop_front();
                        let reply = queued.unwrap_or_else(|| answer(&one));
                        asked.lock().unwrap().push(one);
                        if !write(&mut stream, reply).await {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    /// A server that answers everything with this.
    pub async fn answering(hosts: &[&str], reply: Reply) -> Self {
        Self::start(hosts, move |_| reply.clone()).await
    }

    /// What is answered next, instead.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.replies.lock().unwrap().extend(replies);
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// What a client needs to find it.
    pub fn network(&self) -> ClientNetwork {
        ClientNetwork {
            addresses: Arc::new(AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()])),
            roots: vec![CertificateDer::from_pem_slice(self.authority.certificate().as_bytes()).unwrap()],
            resolve: self.hosts.iter().map(|host| (host.clone(), self.address)).collect(),
            patience: Duration::from_secs(30),
        }
    }

    /// A client that finds it.
    pub fn client(&self) -> ServiceClient {
        ServiceClient::new(self.network()).unwrap()
    }
}

async fn read(stream: &mut TlsStream<TcpStream>) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut request = lines.next()?.split(' ');
    let (method, target) = (request.next()?.to_owned(), request.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut asked = Asked { method, target, headers, body: Vec::new() };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    asked.body = vec![0; length];
    stream.read_exact(&mut asked.body).await.ok()?;
    Some(asked)
}

/// Whether the connection lives on.
async fn write(stream: &mut TlsStream<TcpStream>, reply: Reply) -> bool {
    let mut head = format!("HTTP/1.1 {} Word\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut out = async |bytes: &[u8]| stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok();
    match reply.manner {
        Manner::NoHead => false,
        Manner::Silence => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            false
        }
        Manner::Whole => {
            if reply.status != 204 {
                head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
            }
            out(format!("{head}\r\n").as_bytes()).await && out(&reply.body).await
        }
        Manner::HalfBody => {
            head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
            let _ = out(head.as_bytes()).await && out(&reply.body[..reply.body.len() / 2]).await;
            false
        }
        Manner::Chunks(size, apart) => {
            head.push_str("transfer-encoding: chunked\r\n\r\n");
            if !out(head.as_bytes()).await {
                return false;
            }
            for piece in reply.body.chunks(size) {
                let chunk = [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
                if !out(&chunk).await {
                    return false;
                }
                tokio::time::sleep(apart).await;
            }
            out(b"0\r\n\r\n").await
        }
    }
}

/// An entry of the catalogue with this authentication and API.
pub fn service(authentication: &str, api: &str) -> Service {
    Service::parse(&format!(
        "schema = 1\nid = \"example\"\nname = \"Example\"\ncategories = [\"tests\"]\ntier = \"documented\"\n\
         documentation = \"https://docs.example.com/\"\n{authentication}\n[api]\nbase = \"https://api.example.com/v1\"\n\
         hosts = [\"api.example.com\"]\n{api}\n"
    ))
    .expect("an entry")
}

/// An entry of OAuth 2.0, with more lines of the authentication, its token request and the rest.
pub fn oauth(authentication: &str, token_request: &str, rest: &str) -> Service {
    service(
        &format!(
            "[authentication]\nkind = \"oauth2_code\"\nauthorize_url = \"https://auth.example.com/authorize\"\n\
             token_url = \"https://auth.example.com/token\"\n{authentication}\n[authentication.token_request]\n{token_request}\n{rest}"
        ),
        "",
    )
}

/// The organization's client.
pub fn oauth_client() -> OauthClient {
    OauthClient { client_id: "our-client".to_owned(), secret: Some("our-client-secret".into()) }
}

/// Values by name.
pub fn values(pairs: &[(&str, &str)]) -> Values {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
