//! One connection of a client: TLS as a browser speaks it, from an address of one's own, and HTTP/1.1 by hand.

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long anything may take before it counts as an error.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head that is read, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;

/// Where clients connect to.
#[derive(Clone)]
pub struct Target {
    /// The server's address.
    pub address: SocketAddr,
    /// The host it is asked for, without the port.
    pub host: String,
    tls: TlsConnector,
}

impl Target {
    /// A server that shows a certificate of this authority (PEM).
    pub fn new(address: SocketAddr, host: &str, authority: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authority.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let mut tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        // Each connection stands for another browser, which has no earlier one to resume.
        tls.resumption = rustls::client::Resumption::disabled();
        Self { address, host: host.to_owned(), tls: TlsConnector::from(Arc::new(tls)) }
    }

    /// The host with the port, as requests name it.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.address.port())
    }

    /// Connects from one of many loopback addresses, as many clients would.
    pub async fn connect(&self, client: usize) -> Result<Connection> {
        self.connect_from(source(client)).await
    }

    /// Connects from this address.
    pub async fn connect_from(&self, source: Ipv4Addr) -> Result<Connection> {
        let opening = async {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((source, 0)))?;
            let stream = socket.connect(self.address).await?;
            stream.set_nodelay(true)?;
            let name = ServerName::try_from(self.host.clone()).map_err(Error::other)?;
            self.tls.connect(name, stream).await
        };
        let stream = timeout(PATIENCE, opening).await.map_err(|_| Error::from(ErrorKind::TimedOut))??;
        Ok(Connection { stream, unread: Vec::new() })
    }
}

/// 127.0.1.1 and on: 200 addresses, so that no single one stands for everybody.
fn source(client: usize) -> Ipv4Addr {
    let last = u8::try_from(client % 200).unwrap_or_default();
    Ipv4Addr::new(127, 0, 1, 1 + last)
}

/// An open connection.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    unread: Vec<u8>,
}

impl Connection {
    /// Sends bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Reads more; how many bytes are there that nobody took.
    pub async fn more(&mut self) -> Result<usize> {
        let mut buffer = [0; 4096];
        let read = self.stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&buffer[..read]);
        Ok(self.unread.len())
    }

    /// Takes exactly so many bytes.
    pub async fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.unread.len() < count {
            self.more().await?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Takes the head of an answer.
    pub async fn head(&mut self) -> Result<Head> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Head::read(&String::from_utf8_lossy(&head));
            }
            if self.unread.len() > LONGEST_HEAD {
                return Err(Error::new(ErrorKind::InvalidData, "no head"));
            }
            self.more().await?;
        }
    }

    /// Sends a request and takes the whole answer, which has to say its length. Answers its status, and whether the
    /// connection stays.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(Head, Vec<u8>)> {
        let exchange = async {
            self.send(request).await?;
            let head = self.head().await?;
            let body = self.take(head.length).await?;
            Ok((head, body))
        };
        timeout(PATIENCE, exchange).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
    }
}

/// What counts of an answer's head.
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The length of the body, in bytes.
    pub length: usize,
    /// Whether the server closes the connection.
    pub closes: bool,
}

impl Head {
    fn read(text: &str) -> Result<Self> {
        let unreadable = || Error::new(ErrorKind::InvalidData, text.to_owned());
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(unreadable)?;
        let value = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
            })
        };
        let length = match value("content-length") {
            Some(length) => length.parse().map_err(|_| unreadable())?,
            None if matches!(status, 101 | 204 | 304) => 0,
            None => return Err(unreadable()),
        };
        Ok(Self { status, length, closes: value("connection").is_some_and(|value| value == "close") })
    }
}
