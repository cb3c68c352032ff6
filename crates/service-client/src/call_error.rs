//! Why a call has no answer.

use catalogue::RenderError;

use crate::{NotSent, PathError};

/// Why a call has no answer. No host, no address, no text of the service and no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The path could leave the service's base URL, or is none.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The method is not one that calls have.
    #[error("not a method for calls")]
    Method,
    /// A header that is not the caller's to set, or no header.
    #[error("the header {0} is not the caller's to set")]
    Header(String),
    /// A parameter of the query that is not the caller's to set.
    #[error("the query parameter {0} is not the caller's to set")]
    Query(String),
    /// The credential is a member of the JSON body, and the body is no object, or has that member.
    #[error("the body has to be a JSON object without {0}")]
    Body(String),
    /// The service's base URL cannot be made from the account's values, or is not one of its hosts.
    #[error("the account's values give no URL of the service: {0}")]
    Destination(#[from] RenderError),
    /// The credentials are not of the kind that the service takes.
    #[error("the account's credentials are not of the kind that the service takes")]
    Credentials,
    /// No connection: the service never saw the call.
    #[error("not sent: {0}")]
    NotSent(NotSent),
    /// It was sent, and no whole answer came back.
    #[error("the service gave no whole answer")]
    NoAnswer,
    /// The answer took too long.
    #[error("the service did not answer in time")]
    Timeout,
    /// The answer is larger than it may be.
    #[error("the answer is larger than {most_bytes} bytes")]
    TooLarge {
        /// How large it may be.
        most_bytes: u64,
    },
    /// The answer is compressed although none was asked for: it cannot be searched for the credential.
    #[error("the answer is encoded in a way that was not asked for")]
    Encoded,
    /// The document is not there: for [`ServiceClient::fetch`].
    ///
    /// [`ServiceClient::fetch`]: crate::ServiceClient::fetch
    #[error("the answer has status {0}")]
    Status(u16),
}

impl CallError {
    /// Its stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Path(_) => "path_refused",
            Self::Method => "method_refused",
            Self::Header(_) => "header_refused",
            Self::Query(_) => "query_refused",
            Self::Body(_) => "body_refused",
            Self::Destination(_) => "destination_refused",
            Self::Credentials => "credentials_unfit",
            Self::NotSent(NotSent::Address(_)) => "address_refused",
            Self::NotSent(_) => "service_unreachable",
            Self::NoAnswer => "service_no_answer",
            Self::Timeout => "service_timeout",
            Self::TooLarge { .. } => "answer_too_large",
            Self::Encoded => "answer_encoded",
            Self::Status(_) => "status",
        }
    }
}
