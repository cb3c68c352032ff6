//! When, and in which request, something is done.

use ids::RequestId;
use time::OffsetDateTime;

/// The occasion of a change.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// The request, as the audit trail names it.
    pub request: RequestId,
    /// The instant of the request.
    pub now: OffsetDateTime,
}
