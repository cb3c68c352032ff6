//! One request and its whole answer, for everything but calls of apps.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::timeout;
use url::Url;

use crate::NotSent;
use crate::connections::{Connections, Kept, not_sent};

/// The largest answer that is read, in bytes.
const LARGEST: usize = 1024 * 1024;

/// A request. It is not printed: its body holds secrets.
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

/// Its whole answer. Not printed, either.
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error(transparent)]
    NotSent(#[from] NotSent),
    #[error("no whole answer")]
    Lost,
    #[error("larger than it may be")]
    TooLarge,
}

impl Connections {
    /// Sends a request over a connection of its own, and reads the whole answer.
    pub(crate) async fn exchange(&self, request: Request) -> Result<Whole, Unanswered> {
        self.exchange_up_to(request, LARGEST).await
    }

    /// The same, with an answer of up to this many bytes.
    pub(crate) async fn exchange_up_to(&self, request: Request, most: usize) -> Result<Whole, Unanswered> {
        let client = self.to(&request.url, Kept::Once)?;
        let mut built = client.request(request.method, request.url).headers(request.headers);
        if let Some(body) = request.body {
            built = built.body(body);
        }
        let built = built.build().map_err(|_| NotSent::Request)?;
        let answered = async {
            let mut answer = client
                .execute(built)
                .await
                .map_err(|error| not_sent(&error).map_or(Unanswered::Lost, Unanswered::NotSent))?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut body = BytesMut::new();
            loop {
                match answer.chunk().await {
                    Ok(Some(piece)) if body.len() + piece.len() > most => return Err(Unanswered::TooLarge),
                    Ok(Some(piece)) => body.extend_from_slice(&piece),
                    Ok(None) => break,
                    // The status of a server that fails says enough; any other needs the words behind it.
                    Err(_) if status.is_server_error() => break,
                    Err(_) => return Err(Unanswered::Lost),
                }
            }
            Ok(Whole { status, headers, body: body.freeze() })
        };
        timeout(self.patience(), answered).await.unwrap_or(Err(Unanswered::Lost))
    }
}
