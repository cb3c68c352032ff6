//! Why a client's bytes are not taken as a request.

use actix_http::StatusCode;

use crate::Problem;

/// A reason to refuse a request before it is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not a well-formed request (RFC 9112).
    Malformed,
    /// A body whose length has no single reading, or whose chunks are broken.
    Framing,
    /// No `Host`, several, or one that is no host.
    Host,
    /// A target that is no origin-form.
    Target,
    /// The target is longer than a path needs to be.
    TargetTooLong,
    /// The head has too many bytes or fields.
    HeadTooLarge,
    /// `CONNECT` and `TRACE`.
    Method,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// An expectation other than `100-continue`.
    Expectation,
    /// An upgrade to anything but WebSocket.
    Upgrade,
}

impl Refusal {
    pub(crate) const ALL: [Self; 10] = [
        Self::Malformed,
        Self::Framing,
        Self::Host,
        Self::Target,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::Method,
        Self::Version,
        Self::Expectation,
        Self::Upgrade,
    ];

    /// What the client is told.
    pub(crate) fn problem(self) -> Problem {
        let (status, code, detail) = match self {
            Self::Malformed => (400, "malformed_request", "This is not a well-formed HTTP/1.1 request."),
            Self::Framing => (400, "malformed_body", "The length of the body has no single reading."),
            Self::Host => (400, "malformed_host", "Send exactly one valid Host header."),
            Self::Target => (400, "malformed_target", "Send the target as an absolute path."),
            Self::TargetTooLong => (414, "target_too_long", "The target is longer than 8192 bytes."),
            Self::HeadTooLarge => (431, "head_too_large", "The head is larger than 32 KiB or 90 fields."),
            Self::Method => (405, "method_not_allowed", "This method is not offered."),
            Self::Version => (505, "version_not_supported", "Send HTTP/1.1."),
            Self::Expectation => (417, "expectation_failed", "Only 100-continue can be expected."),
            Self::Upgrade => {
                (400, "upgrade_not_offered", "Only WebSocket can be upgraded to, by GET, without a body.")
            }
        };
        Problem::new(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), code, detail)
    }
}
