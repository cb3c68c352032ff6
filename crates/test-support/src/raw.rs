//! HTTP/1.1 by hand: exact bytes out, what comes back in.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::{Response, Trust};

/// How long any one step may take; then it fails with [`ErrorKind::TimedOut`].
const PATIENCE: Duration = Duration::from_secs(10);

/// Plain or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection on which a test decides every byte.
pub struct RawConnection {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    protocol: Option<Vec<u8>>,
    local: SocketAddr,
}

impl RawConnection {
    /// Opens TLS to this address, for this server name.
    ///
    /// # Errors
    /// The connection or the handshake failed.
    pub async fn open(address: SocketAddr, server_name: &str, trust: &Trust) -> Result<Self> {
        let socket = socket(address).await?;
        let local = socket.local_addr()?;
        let name = ServerName::try_from(server_name.to_owned()).map_err(Error::other)?;
        let connector = tokio_rustls::TlsConnector::from(trust.configuration.clone());
        let stream = patiently(connector.connect(name, socket)).await?;
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        Ok(Self { stream: Box::new(stream), unread: Vec::new(), protocol, local })
    }

    /// Opens a connection without TLS.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn plain(address: SocketAddr) -> Result<Self> {
        let socket = socket(address).await?;
        let local = socket.local_addr()?;
        Ok(Self { stream: Box::new(socket), unread: Vec::new(), protocol: None, local })
    }

    /// The protocol agreed on (ALPN).
    #[must_use]
    pub fn protocol(&self) -> Option<&[u8]> {
        self.protocol.as_deref()
    }

    /// This end's address, as the server sees it.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// Sends these bytes as they are.
    ///
    /// # Errors
    /// The other end has gone, or takes nothing.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        patiently(self.stream.write_all(bytes.as_ref())).await?;
        patiently(self.stream.flush()).await
    }

    /// Says that nothing more will be sent; reading goes on.
    ///
    /// # Errors
    /// The other end has gone.
    pub async fn finish_sending(&mut self) -> Result<()> {
        patiently(self.stream.shutdown()).await
    }

    /// Sends these bytes and reads the response to them.
    ///
    /// # Errors
    /// As [`RawConnection::send`] and [`RawConnection::response`].
    pub async fn exchange(&mut self, bytes: impl AsRef<[u8]>) -> Result<Response> {
        self.send(bytes).await?;
        self.response().await
    }

    /// Reads one whole response. Interim ones (100, 103) are skipped.
    ///
    /// # Errors
    /// The connection ended before a whole response came, or what came is not one.
    pub async fn response(&mut self) -> Result<Response> {
        loop {
            let head = self.head().await?;
            if head.status >= 200 || head.status == 101 {
                return self.body(head).await;
            }
        }
    }

    /// Reads the response to HEAD: a head whose length announces a body that does not come.
    ///
    /// # Errors
    /// As [`RawConnection::response`].
    pub async fn response_without_body(&mut self) -> Result<Response> {
        loop {
            let head = self.head().await?;
            if head.status >= 200 {
                return Ok(head);
            }
        }
    }

    /// Reads a head and leaves the body; `body` of the result is empty.
    ///
    /// # Errors
    /// The connection ended before a whole head came, or what came is not one.
    pub async fn head(&mut self) -> Result<Response> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            self.read_more().await?;
        };
        let bytes: Vec<u8> = self.unread.drain(..end).collect();
        parse_head(&bytes).ok_or_else(|| {
            Error::new(ErrorKind::InvalidData, format!("not a response: {}", String::from_utf8_lossy(&bytes)))
        })
    }

    /// Reads the body that belongs to this head.
    ///
    /// # Errors
    /// The connection ended before all of it came, or its coding is broken.
    pub async fn body(&mut self, mut head: Response) -> Result<Response> {
        if matches!(head.status, 101 | 204 | 304) {
            return Ok(head);
        }
        let chunked = head.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked"));
        let length = head.header("content-length").and_then(|length| length.parse().ok());
        head.body = match (chunked, length) {
            (true, _) => self.chunks().await?,
            (false, Some(length)) => self.take(length).await?,
            (false, None) => self.rest().await?,
        };
        Ok(head)
    }

    /// Reads one chunk of a chunked body; the last one is empty.
    ///
    /// # Errors
    /// As [`RawConnection::body`].
    pub async fn chunk(&mut self) -> Result<Vec<u8>> {
        let line = self.line().await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| Error::new(ErrorKind::InvalidData, format!("not a chunk size: {line}")))?;
        if size == 0 {
            while !self.line().await?.is_empty() {}
            return Ok(Vec::new());
        }
        let chunk = self.take(size).await?;
        self.take(2).await?;
        Ok(chunk)
    }

    async fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk().await?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend(chunk);
        }
    }

    async fn line(&mut self) -> Result<String> {
        let end = loop {
            if let Some(at) = find(&self.unread, b"\r\n") {
                break at;
            }
            self.read_more().await?;
        };
        let line = String::from_utf8_lossy(&self.unread[..end]).into_owned();
        self.unread.drain(..end + 2);
        Ok(line)
    }

    /// Reads exactly this many bytes.
    ///
    /// # Errors
    /// The connection ended before.
    pub async fn take(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.unread.len() < length {
            self.read_more().await?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    /// Reads whatever comes next, at least one byte.
    ///
    /// # Errors
    /// The connection ended, or nothing came in time.
    pub async fn some(&mut self) -> Result<Vec<u8>> {
        if self.unread.is_empty() {
            self.read_more().await?;
        }
        Ok(std::mem::take(&mut self.unread))
    }

    /// Reads until the other end closes.
    ///
    /// # Errors
    /// It does not close in time.
    pub async fn rest(&mut self) -> Result<Vec<u8>> {
        loop {
            match self.read_more().await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the other end closes without sending anything more.
    pub async fn is_closed(&mut self) -> bool {
        match self.rest().await {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => error.kind() != ErrorKind::TimedOut,
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        if patiently(self.stream.read_buf(&mut self.unread)).await? == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, "the other end closed the connection"));
        }
        Ok(())
    }

    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }
}

async fn socket(address: SocketAddr) -> Result<TcpStream> {
    let socket = patiently(TcpStream::connect(address)).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

async fn patiently<T>(step: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(PATIENCE, step)
        .await
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, format!("nothing within {PATIENCE:?}"))))
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

fn parse_head(bytes: &[u8]) -> Option<Response> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        })
        .collect::<Option<_>>()?;
    Some(Response { status, headers, body: Vec::new(), url: None })
}
