//! What a server that is about to stop does until it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_http::body::BoxBody;
use actix_http::{ConnectionType, Response, StatusCode};

/// Whether a server is about to stop. From then on it still serves everybody, and ends each connection with the answer
/// to its next request (RFC 9112, section 9.6), so that clients have found another server before this one closes.
#[derive(Clone, Debug, Default)]
pub struct Notice(Arc<AtomicBool>);

impl Notice {
    /// The server is about to stop. There is no way back.
    pub fn give(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The answer, with which its connection ends if the server is about to stop.
    pub(crate) fn on(&self, mut response: Response<BoxBody>) -> Response<BoxBody> {
        if self.is_given() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.head_mut().set_connection_type(ConnectionType::Close);
        }
        response
    }
}
