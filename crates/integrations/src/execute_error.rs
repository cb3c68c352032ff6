//! Why a call got no answer from a service.

use std::time::Duration;

use bytes::Bytes;
use service_client::CallError;

use crate::ReconnectCause;
use crate::call_input::InputError;
use crate::service_call::CallOutcome;

/// Why a call got no answer, or one that broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// There is no such account for this caller: it may not exist, be of another organization, be somebody else's, or not
    /// be meant for this app or its pages.
    #[error("no such account, or none that may be used from here")]
    UnknownAccount,
    /// The same of a custom API.
    #[error("no such custom API, or none that may be used from here")]
    UnknownCustomApi,
    /// The service has no such action.
    #[error("the service has no such action")]
    UnknownAction,
    /// The organization keeps personal accounts out of deployed apps.
    #[error("the organization does not let deployed apps use personal accounts")]
    PersonalAccountsOff,
    /// What is asked does not fit.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A person has to connect the account again.
    #[error("the account has to be connected again")]
    NeedsReconnect(ReconnectCause),
    /// Somebody has to look at it first.
    #[error("it is blocked: {0}")]
    Blocked(&'static str),
    /// Everything that is let in at once is taken, and others wait.
    #[error("too many calls at once")]
    Busy,
    /// The service gives no token at the moment.
    #[error("the service gives no token at the moment")]
    NoToken {
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The conversation with the service.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The service had too many calls.
    #[error("the service wants fewer calls")]
    Limited {
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The service answered something else than success.
    #[error("the service answered {}", .0.status)]
    Refused(ServiceRefusal),
    /// What the call needs does not answer: the store, the vault, or the facts.
    #[error("the platform cannot answer right now")]
    Unavailable,
}

/// What a service answered that did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRefusal {
    /// Its status.
    pub status: u16,
    /// The beginning of its body, without anything of the credential.
    pub body: Bytes,
    /// Whether that is all of it.
    pub is_whole: bool,
}

impl From<&CallError> for CallOutcome {
    fn from(error: &CallError) -> Self {
        match error {
            CallError::Path(_)
            | CallError::Method
            | CallError::Header(_)
            | CallError::Query(_)
            | CallError::Body(_) => Self::Invalid,
            CallError::Timeout => Self::TimedOut,
            CallError::TooLarge { .. } => Self::Capped,
            CallError::NoAnswer | CallError::Encoded => Self::BrokeOff,
            CallError::Destination(_)
            | CallError::Credentials
            | CallError::NotSent(_)
            | CallError::Status(_) => Self::Unreachable,
        }
    }
}

impl From<&ExecuteError> for CallOutcome {
    fn from(error: &ExecuteError) -> Self {
        match error {
            ExecuteError::UnknownAction | ExecuteError::Input(_) | ExecuteError::PersonalAccountsOff => {
                Self::Invalid
            }
            ExecuteError::NeedsReconnect(_) => Self::NeedsReconnect,
            ExecuteError::Busy => Self::Busy,
            ExecuteError::Limited { .. } => Self::Limited,
            ExecuteError::Refused(_) => Self::Refused,
            ExecuteError::Call(error) => Self::from(error),
            ExecuteError::UnknownAccount
            | ExecuteError::UnknownCustomApi
            | ExecuteError::Blocked(_)
            | ExecuteError::NoToken { .. }
            | ExecuteError::Unavailable => Self::Unreachable,
        }
    }
}
