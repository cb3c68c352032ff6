//! What apps are told when a call gives no answer.

use std::time::Duration;

use endpoint::http::StatusCode;
use endpoint::{Problem, sentence};
use serde_json::Value;
use service_client::{CallError, NotSent};

use crate::ExecuteError;
use crate::execute_error::ServiceRefusal;

/// What a client may wait before it tries again, in seconds, if nobody says it.
const TRY_AGAIN_AFTER: u32 = 2;

/// The longest wait that is passed on, in seconds: a day.
const LONGEST_WAIT: u64 = 86_400;

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        let said = sentence(&error);
        match error {
            ExecuteError::UnknownAccount => Self::new(
                StatusCode::NOT_FOUND,
                "unknown_account",
                "There is no such account, or none that may be used from here.",
            ),
            ExecuteError::UnknownCustomApi => Self::new(
                StatusCode::NOT_FOUND,
                "unknown_custom_api",
                "There is no such custom API, or none that may be used from here.",
            ),
            ExecuteError::UnknownAction => Self::new(
                StatusCode::NOT_FOUND,
                "unknown_action",
                "The service has no action of this name. The action request makes any call.",
            ),
            ExecuteError::PersonalAccountsOff => {
                Self::new(StatusCode::FORBIDDEN, "personal_accounts_off", said)
            }
            ExecuteError::Input(_) => Self::invalid("invalid_input", said),
            ExecuteError::NeedsReconnect(cause) => Self::conflict(
                "needs_reconnect",
                format!("{} The account has to be connected again ({}).", cause.sentence(), cause.as_str()),
            ),
            ExecuteError::Blocked(code) => Self::new(
                StatusCode::BAD_GATEWAY,
                code,
                "It is blocked until an Admin of the organization has looked at it.",
            ),
            ExecuteError::Busy => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "calls_busy",
                "Too many calls are under way. Try again in a few seconds.",
            )
            .after(TRY_AGAIN_AFTER),
            ExecuteError::NoToken { retry_after } => {
                Self::new(StatusCode::BAD_GATEWAY, "no_token", said).after(seconds(retry_after))
            }
            ExecuteError::Limited { retry_after } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "service_limited",
                "The service wants fewer calls. Try again when it says.",
            )
            .after(seconds(retry_after)),
            ExecuteError::Refused(refusal) => of_service(refusal),
            ExecuteError::Call(error) => of_call(&error, said),
            ExecuteError::Unavailable => Self::unavailable(),
        }
    }
}

fn of_service(refusal: ServiceRefusal) -> Problem {
    let ServiceRefusal { status, body, is_whole } = refusal;
    let body = if is_whole { serde_json::from_slice::<Value>(&body).ok() } else { None }
        .or_else(|| text(&body).filter(|text| !text.is_empty()).map(Value::from));
    let code = match status {
        300..=399 => "service_redirected",
        400..=499 => "service_refused",
        _ => "service_failed",
    };
    Problem::new(StatusCode::BAD_GATEWAY, code, format!("The service answered {status}."))
        .of_service(status, body)
}

/// The bytes as text, without the beginning of a character at their end.
fn text(bytes: &[u8]) -> Option<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.to_owned()),
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok().map(str::to_owned)
        }
        Err(_) => None,
    }
}

fn of_call(error: &CallError, said: String) -> Problem {
    let code = error.code();
    match error {
        CallError::Path(_)
        | CallError::Method
        | CallError::Header(_)
        | CallError::Query(_)
        | CallError::Body(_) => Problem::invalid(code, said),
        CallError::Timeout => Problem::new(StatusCode::GATEWAY_TIMEOUT, code, said),
        CallError::TooLarge { .. } => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, code, said),
        // Which step failed is not said to apps.
        CallError::NotSent(NotSent::Address(_)) => Problem::new(
            StatusCode::BAD_GATEWAY,
            code,
            "The service has an address that may not be connected to.",
        ),
        CallError::NotSent(_) => Problem::new(
            StatusCode::BAD_GATEWAY,
            code,
            "The service cannot be reached; it never saw the call.",
        ),
        CallError::Destination(_)
        | CallError::Credentials
        | CallError::NoAnswer
        | CallError::Encoded
        | CallError::Status(_) => Problem::new(StatusCode::BAD_GATEWAY, code, said),
    }
}

/// Whole seconds, so that whoever waits them has waited long enough.
fn seconds(wait: Option<Duration>) -> u32 {
    let Some(wait) = wait else { return TRY_AGAIN_AFTER };
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(whole.clamp(1, LONGEST_WAIT)).unwrap_or(TRY_AGAIN_AFTER)
}
