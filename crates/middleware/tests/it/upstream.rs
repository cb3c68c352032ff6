//! An app's server that writes down every byte of every head it was sent.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

/// One request, as it came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The head, without the empty line.
    pub head: String,
    /// How long the body was; what did not come does not count.
    pub body: usize,
}

impl Seen {
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn values(&self, name: &str) -> Vec<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
            .collect()
    }

    /// The value of a header that came exactly once.
    pub fn only(&self, name: &str) -> &str {
        let values = self.values(name);
        assert_eq!(values.len(), 1, "{name} in {}", self.head);
        values[0]
    }
}

#[derive(Default)]
pub struct Log {
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    /// Connections that the middleware closed within an exchange.
    pub broken_off: AtomicUsize,
    /// Bytes of bodies that were read so far.
    pub read: AtomicUsize,
    /// Bytes that were written so far.
    pub written: AtomicUsize,
    /// Lets `/events` send its next event, and `/stop-reading` read on.
    pub go: Notify,
}

pub struct Upstream {
    pub address: SocketAddr,
    pub log: Arc<Log>,
}

impl Upstream {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let log = Arc::new(Log::default());
        let shared = Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let log = Arc::clone(&shared);
                tokio::spawn(async move {
                    let mut connection = Connection { stream, unread: Vec::new(), log };
                    while connection.serve().await.is_some() {}
                });
            }
        });
        Self { address, log }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.log.connections.load(Ordering::SeqCst)
    }

    pub async fn eventually(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..300 {
            if condition(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within three seconds: {what}; seen {:?}", self.seen());
    }
}

struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    log: Arc<Log>,
}

impl Connection {
    /// One exchange. `None` ends the connection.
    async fn serve(&mut self) -> Option<()> {
        let head = self.head().await?;
        let target = head.split(' ').nth(1)?.to_owned();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let seen = Seen { head: head.clone(), body: 0 };
        let index = {
            let mut log = self.log.seen.lock().unwrap();
            log.push(seen.clone());
            log.len() - 1
        };
        match path {
            "/early" => {
                self.write(b"HTTP/1.1 413 Too Much\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno\n")
                    .await?;
                let _ = self.body(&seen).await;
                return None;
            }
            "/stop-reading" => self.log.go.notified().await,
            _ => {}
        }
        let length = match self.body(&seen).await {
            Some(length) => length,
            None => {
                self.log.broken_off.fetch_add(1, Ordering::SeqCst);
                return None;
            }
        };
        self.log.seen.lock().unwrap()[index].body = length;
        let size: usize = query.parse().unwrap_or(0);
        match path {
            "/large" => {
                self.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n").as_bytes()).await?;
                self.blocks(size, |block| block.to_vec()).await
            }
            "/chunked" => {
                self.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                self.blocks(size, |block| [format!("{:x}\r\n", block.len()).as_bytes(), block, b"\r\n"].concat())
                    .await?;
                self.write(b"0\r\nx-trailer: 1\r\n\r\n").await
            }
            "/events" => {
                self.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                    .await?;
                for number in 0.. {
                    let event = format!("data: {number}\n\n");
                    self.write(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes()).await?;
                    tokio::select! {
                        () = self.log.go.notified() => {}
                        _ = self.stream.readable() => {
                            self.log.broken_off.fetch_add(1, Ordering::SeqCst);
                            return None;
                        }
                    }
                }
                None
            }
            "/never" => {
                let mut byte = [0];
                let _ = self.stream.read(&mut byte).await;
                self.log.broken_off.fetch_add(1, Ordering::SeqCst);
                None
            }
            "/break" => {
                self.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nonly this").await?;
                None
            }
            "/break-chunked" => {
                self.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n").await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
                None
            }
            "/break-head" => {
                self.write(b"HTTP/1.1 200 OK\r\ncontent-le").await?;
                None
            }
            "/gone" => None,
            "/answer-and-go" => {
                self.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await?;
                // Without a word: the next request on this connection meets a closed one.
                None
            }
            "/status" => {
                let status = query;
                self.write(format!("HTTP/1.1 {status} Any\r\ncontent-length: 0\r\n\r\n").as_bytes()).await
            }
            "/no-content" => self.write(b"HTTP/1.1 204 No Content\r\n\r\n").await,
            "/not-modified" => {
                self.write(b"HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\ncontent-length: 7\r\n\r\n").await
            }
            "/headers" => {
                self.write(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-vybe-user-id: usr_forged\r\nX_Vybe_Token: forged\r\n\
                    set-cookie: a=1; Path=/\r\nset-cookie: b=2; Domain=vybe.test\r\n\
                    set-cookie: __Host-vybe_session=evil; Path=/; Secure\r\nset-cookie: =__Host-vybe_session=evil\r\n\
                    strict-transport-security: max-age=0\r\nclear-site-data: \"*\"\r\nalt-svc: h3=\":443\"\r\n\
                    connection: x-hop\r\nx-hop: 1\r\ncache-control: public, max-age=60\r\n\r\nok",
                )
                .await
            }
            "/variant" => {
                let body = if seen.values("rsc").is_empty() { "page" } else { "payload" };
                self.write(
                    format!(
                        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nvary: rsc, next-router-state-tree\r\n\
                        cache-control: public, s-maxage=60, stale-while-revalidate=60\r\n\
                        cdn-cache-control: max-age=60\r\n\r\n{body}",
                        body.len()
                    )
                    .as_bytes(),
                )
                .await
            }
            "/upgrade-anyway" => {
                self.write(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
                    .await
            }
            "/socket" => self.socket(&seen).await,
            "/socket-refused" => {
                self.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope").await
            }
            _ if head.starts_with("HEAD ") => {
                self.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 12345\r\n\r\n").await
            }
            _ => {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{head}",
                    head.len()
                );
                self.write(answer.as_bytes()).await
            }
        }
    }

    async fn socket(&mut self, seen: &Seen) -> Option<()> {
        let key = derive_accept_key(seen.only("sec-websocket-key").as_bytes());
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {key}\r\n\r\n"
        );
        self.write(answer.as_bytes()).await?;
        let mut socket = WebSocketStream::from_raw_socket(&mut self.stream, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(_) | Message::Binary(_) => socket.send(message).await.ok()?,
                Message::Close(_) => return None,
                _ => {}
            }
        }
        self.log.broken_off.fetch_add(1, Ordering::SeqCst);
        None
    }

    async fn head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.unread.drain(..end + 4).collect();
                return Some(String::from_utf8_lossy(&head[..end]).into_owned());
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.stream.read_buf(&mut self.unread).await.ok()?;
        (read > 0).then_some(())
    }

    async fn body(&mut self, seen: &Seen) -> Option<usize> {
        if !seen.values("transfer-encoding").is_empty() {
            return self.chunks().await;
        }
        let length: usize = seen.values("content-length").first().map_or(0, |length| length.parse().unwrap());
        let mut left = length;
        while left > 0 {
            if self.unread.is_empty() {
                self.more().await?;
            }
            let step = left.min(self.unread.len());
            self.unread.drain(..step);
            self.log.read.fetch_add(step, Ordering::SeqCst);
            left -= step;
        }
        Some(length)
    }

    async fn chunks(&mut self) -> Option<usize> {
        let mut length = 0;
        loop {
            let end = loop {
                match self.unread.windows(2).position(|window| window == b"\r\n") {
                    Some(end) => break end,
                    None => self.more().await?,
                }
            };
            let size = usize::from_str_radix(std::str::from_utf8(&self.unread[..end]).unwrap(), 16).unwrap();
            self.unread.drain(..end + 2);
            let mut left = size + 2;
            while left > 0 {
                if self.unread.is_empty() {
                    self.more().await?;
                }
                let step = left.min(self.unread.len());
                self.unread.drain(..step);
                left -= step;
            }
            self.log.read.fetch_add(size, Ordering::SeqCst);
            length += size;
            if size == 0 {
                return Some(length);
            }
        }
    }

    async fn blocks(&mut self, size: usize, coded: impl Fn(&[u8]) -> Vec<u8>) -> Option<()> {
        let block = vec![b'x'; 64 * 1024];
        let mut left = size;
        while left > 0 {
            let step = left.min(block.len());
            self.write(&coded(&block[..step])).await?;
            left -= step;
        }
        Some(())
    }

    async fn write(&mut self, bytes: &[u8]) -> Option<()> {
        if self.stream.write_all(bytes).await.is_err() {
            self.log.broken_off.fetch_add(1, Ordering::SeqCst);
            return None;
        }
        self.log.written.fetch_add(bytes.len(), Ordering::SeqCst);
        Some(())
    }
}
