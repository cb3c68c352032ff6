//! A WebSocket client (RFC 6455).

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::RawConnection;
use crate::raw::Stream;

const PATIENCE: Duration = Duration::from_secs(10);

/// An open WebSocket.
pub struct WebSocket {
    stream: WebSocketStream<Box<dyn Stream>>,
}

/// What a WebSocket received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The other end closed it properly, with this code.
    Closed(Option<u16>),
    /// The connection ended without a closing frame.
    Cut,
}

/// A server that did not open one.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Its status code; 0 if it did not answer with HTTP.
    pub status: u16,
    /// Its body or the reason.
    pub body: String,
}

impl WebSocket {
    /// Opens one on this connection; the URL's host is sent as `Host`.
    ///
    /// # Errors
    /// The server refused.
    ///
    /// # Panics
    /// The URL or a header is not one, or nothing comes.
    pub async fn open(
        connection: RawConnection,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refusal> {
        let mut request = url.into_client_request().expect("a ws:// or wss:// URL");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
            request.headers_mut().append(name, HeaderValue::from_str(value).expect("a header value"));
        }
        let opening = tokio_tungstenite::client_async(request, connection.into_stream());
        match timeout(PATIENCE, opening).await.expect("an answer in time") {
            Ok((stream, _)) => Ok(Self { stream }),
            Err(Error::Http(response)) => Err(Refusal {
                status: response.status().as_u16(),
                body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default()).into_owned(),
            }),
            Err(error) => Err(Refusal { status: 0, body: error.to_string() }),
        }
    }

    /// Sends text.
    ///
    /// # Panics
    /// The other end has gone.
    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("an open WebSocket");
    }

    /// The same where the other end may have gone: whether it has not.
    pub async fn try_send_text(&mut self, text: &str) -> bool {
        self.stream.send(Message::text(text)).await.is_ok()
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// The other end has gone.
    pub async fn send_binary(&mut self, bytes: &[u8]) {
        self.stream.send(Message::binary(bytes.to_vec())).await.expect("an open WebSocket");
    }

    /// The next message, or how it ended. Pings are answered and passed over.
    ///
    /// # Panics
    /// Nothing comes in time.
    pub async fn next(&mut self) -> Frame {
        loop {
            match timeout(PATIENCE, self.stream.next()).await.expect("a frame in time") {
                Some(Ok(Message::Text(text))) => return Frame::Text(text.as_str().to_owned()),
                Some(Ok(Message::Binary(bytes))) => return Frame::Binary(bytes.to_vec()),
                Some(Ok(Message::Close(reason))) => {
                    return Frame::Closed(reason.map(|reason| reason.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Frame::Cut,
            }
        }
    }

    /// Closes it properly.
    pub async fn close(mut self) {
        let _ = timeout(PATIENCE, self.stream.close(None)).await;
    }
}
