//! Trying whether an account works: with the one call that every account of the service may make.

use std::time::Duration;

use bytes::Bytes;
use catalogue::{Service, Values};
use http::Method;
use service_client::{Call, CallLimits, Credentials, OauthClient, ServiceClient};

/// What an answer may cost; nobody reads it.
const LIMITS: CallLimits = CallLimits { within: Duration::from_secs(20), most_bytes: 1 << 20 };

/// What came of trying an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// The service answered as for an account in order.
    Works,
    /// The service answered something else.
    Answered(u16),
    /// There was no answer; the code of [`service_client::CallError`].
    NoAnswer(&'static str),
    /// The entry has no call for this.
    Untried,
}

impl Trial {
    /// Whether the service says that the credentials are none (RFC 9110, 15.5.2).
    pub(crate) const fn refused(self) -> Option<u16> {
        match self {
            Self::Answered(status @ (401 | 403)) => Some(status),
            _ => None,
        }
    }
}

/// Tries credentials.
pub(crate) async fn attempt(
    sender: &ServiceClient,
    service: &Service,
    values: &Values,
    credentials: &Credentials,
    client: Option<&OauthClient>,
) -> Trial {
    let Some(test) = &service.api.test else { return Trial::Untried };
    let method = if test.method == "POST" { Method::POST } else { Method::GET };
    let mut call = Call { limits: LIMITS, ..Call::new(method, test.path.clone()) };
    if let Some(body) = &test.body {
        call.headers.push(("content-type".to_owned(), "application/json".to_owned()));
        call.body = Some(Bytes::copy_from_slice(body.as_bytes()));
    }
    match sender.send(service, values, credentials, client, call).await {
        Ok(answer) if answer.status.as_u16() == test.expect => Trial::Works,
        Ok(answer) => Trial::Answered(answer.status.as_u16()),
        Err(error) => Trial::NoAnswer(error.code()),
    }
}
