//! Receivers of the audit trail that keep what they hear.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Somebody who listens. Ends when dropped.
pub struct Receiver {
    /// Where.
    pub address: SocketAddr,
    heard: Arc<Mutex<String>>,
    task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    /// A syslog server: reads each connection to its end.
    pub async fn syslog() -> Self {
        Self::start(false).await
    }

    /// An HTTP server: one request a connection, answered with 204.
    pub async fn webhook() -> Self {
        Self::start(true).await
    }

    async fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<String>>::default();
        let keep = Arc::clone(&heard);
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let text = read(&mut stream, answers).await;
                keep.lock().unwrap().push_str(&text);
                if answers {
                    let answer = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Self { address, heard, task }
    }

    /// Everything so far.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads to the end of the stream, or of one request.
async fn read(stream: &mut TcpStream, one_request: bool) -> String {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&bytes);
        let is_whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            length.is_none_or(|length| body.len() >= length.parse::<usize>().unwrap())
        });
        if one_request && is_whole {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
