//! When, and in which request, something is done.

use ids::RequestId;
use time::OffsetDateTime;

/// The occasion on which somebody does something.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// The request, as the audit trail names it.
    pub request: RequestId,
    /// The instant of the request.
    pub now: OffsetDateTime,
}

impl Occasion {
    /// An occasion of its own, now: for what no request over HTTP asks for.
    #[must_use]
    pub fn now() -> Self {
        Self { request: RequestId::generate(), now: clock::now() }
    }
}
