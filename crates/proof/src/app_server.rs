//! The server of the proof's own apps: answers everything, and keeps the last user token it was given.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::ProofError;

/// More than any head that the platform forwards.
const LONGEST_HEAD: usize = 64 * 1024;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\nconnection: close\r\n\r\nproof";

/// Ends when dropped.
pub(crate) struct AppServer {
    origin: String,
    token: Arc<Mutex<Option<String>>>,
    serving: JoinHandle<()>,
}

impl AppServer {
    /// Listens on a free port of this machine, or where `origin` says.
    pub async fn start(origin: Option<&str>) -> Result<Self, ProofError> {
        let failed = |error: &dyn std::fmt::Display| ProofError::AppServer(error.to_string());
        let listener = match origin {
            None => TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await,
            Some(origin) => {
                let url = url::Url::parse(origin).map_err(|error| failed(&error))?;
                let port = url.port_or_known_default().unwrap_or(80);
                TcpListener::bind(SocketAddr::from(([0, 0, 0, 0], port))).await
            }
        };
        let listener = listener.map_err(|error| failed(&error))?;
        let address = listener.local_addr().map_err(|error| failed(&error))?;
        let token = Arc::default();
        let kept = Arc::clone(&token);
        let serving = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket, Arc::clone(&kept)));
            }
        });
        let origin = origin.map_or_else(|| format!("http://{address}"), str::to_owned);
        Ok(Self { origin, token, serving })
    }

    /// What an app's upstream is set to.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The last user token that came, once.
    pub fn take_token(&self) -> Option<String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for AppServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(mut socket: TcpStream, token: Arc<Mutex<Option<String>>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read_buf(&mut head).await {
            Ok(read) if read > 0 && head.len() <= LONGEST_HEAD => {}
            _ => return,
        }
    }
    let text = String::from_utf8_lossy(&head);
    let given = text.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("x-vybe-user-token").then(|| value.trim().to_owned())
    });
    if given.is_some() {
        *token.lock().unwrap_or_else(PoisonError::into_inner) = given;
    }
    let _ = socket.write_all(ANSWER).await;
    let _ = socket.shutdown().await;
}
