//! A server of the tests' own, which speaks as much of the protocol as they need.

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::*;

pub(super) const LOCAL_FILES: u32 = 1 << 7;
pub(super) const TLS: u32 = 1 << 11;
pub(super) const MULTI_STATEMENTS: u32 = 1 << 16;
/// Everything, TLS too.
pub(super) const EVERYTHING: u32 = 0xffff_ffff;
pub(super) const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The server's end of a conversation.
pub(super) struct Server {
    pub(super) stream: Box<dyn Stream>,
    /// All that the client has sent.
    pub(super) received: Vec<u8>,
}

pub(super) fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut packet = vec![length[0], length[1], length[2], sequence];
    packet.extend_from_slice(payload);
    packet
}

impl Server {
    pub(super) async fn send(&mut self, sequence: u8, payload: &[u8]) {
        let _ = self.stream.write_all(&packet(sequence, payload)).await;
    }

    pub(super) async fn greet(&mut self, capabilities: u32, method: &str) {
        self.greet_and(capabilities, method, &[]).await;
    }

    /// Greets, and sends more in the same breath.
    pub(super) async fn greet_and(&mut self, capabilities: u32, method: &str, more: &[u8]) {
        let mut payload = b"\x0a10.11.0-MariaDB\0\x07\0\0\0AAAAAAAA\0".to_vec();
        payload.extend_from_slice(&capabilities.to_le_bytes()[..2]);
        payload.extend_from_slice(&[45, 2, 0]);
        payload.extend_from_slice(&capabilities.to_le_bytes()[2..]);
        payload.push(21);
        payload.extend_from_slice(&[0; 10]);
        payload.extend_from_slice(b"BBBBBBBBBBBB\0");
        payload.extend_from_slice(method.as_bytes());
        payload.push(0);
        let _ = self.stream.write_all(&[packet(0, &payload).as_slice(), more].concat()).await;
    }

    /// The next packet of the client, or nothing once it has gone.
    pub(super) async fn receive(&mut self) -> Option<Vec<u8>> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).await.ok()?;
        let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        self.received.extend_from_slice(&header);
        self.received.extend_from_slice(&payload);
        Some(payload)
    }

    /// What the client sends until it goes.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest).await;
        self.received.extend_from_slice(&rest);
        rest
    }

    /// Answers a command as a server does that has nothing to say: what is asked of a new session gets one column.
    pub(super) async fn answer(&mut self, command: &[u8]) {
        if command.starts_with(b"\x03SELECT") {
            self.state(b"\x011").await;
        } else {
            self.send(1, OK).await;
        }
    }

    /// What a session is like: one column, one row.
    pub(super) async fn state(&mut self, row: &[u8]) {
        self.send(1, &[1]).await;
        self.send(2, b"\x03def\0\0\0\x01v\0\x0c\x3f\0\x01\0\0\0\xfd\0\0\0\0\0").await;
        self.send(3, &[0xfe, 0, 0, 2, 0]).await;
        self.send(4, row).await;
        self.send(5, &[0xfe, 0, 0, 2, 0]).await;
    }
}

impl Server {
    /// Answers whatever comes until the client goes.
    pub(super) async fn answer_all(&mut self) {
        while let Some(command) = self.receive().await {
            self.answer(&command).await;
        }
    }
}

/// A server that does this with the first client that comes, and tells all that it was sent.
pub(super) async fn serve<F>(
    conversation: impl FnOnce(Server) -> F + Send + 'static,
) -> (Target, oneshot::Receiver<Vec<u8>>)
where
    F: Future<Output = Server> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = conversation(Server { stream: Box::new(stream), received: Vec::new() }).await;
        server.rest().await;
        let _ = tell.send(server.received);
    });
    let target = Target {
        engine: Engine::Mysql,
        host: Host::Address([127, 0, 0, 1].into()),
        port,
        database: "shop".to_owned(),
        user: "somebody".to_owned(),
        tls: Tls::Off,
        route: None,
        read_only: false,
        limits: Limits::default(),
    };
    (target, told)
}
