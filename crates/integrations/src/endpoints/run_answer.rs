//! What is put around a service's answer by the path that ends in `run-action`.

use std::io::{self, Write};

use bytes::Bytes;
use endpoint::Problem;
use endpoint::http::StatusCode;
use serde::de::IgnoredAny;
use service_client::CallError;

use crate::ExecuteError;
use crate::call_turns::HeldBytes;

const BEFORE: &[u8] = br#"{"ret":"#;
const AFTER: &[u8] = br#","exports":{},"os":[]}"#;

/// The answer in a JSON object: JSON as it is, other text as a JSON string of at most so many bytes. The answer and as much
/// again is counted already.
pub(super) fn wrapped(answer: &[u8], mut held: HeldBytes, most: usize) -> Result<Bytes, Problem> {
    if answer.is_empty() {
        return Ok(held.keep([BEFORE, b"null", AFTER].concat().into()));
    }
    if serde_json::from_slice::<IgnoredAny>(answer).is_ok() {
        return Ok(held.keep([BEFORE, answer, AFTER].concat().into()));
    }
    let text = std::str::from_utf8(answer).map_err(|_| {
        Problem::new(
            StatusCode::BAD_GATEWAY,
            "answer_no_text",
            "The service answered neither JSON nor text. The path that ends in /execute passes it on as it is.",
        )
    })?;
    // One byte may become six.
    let mut length = Length(0);
    serde_json::to_writer(&mut length, text).map_err(|_| Problem::unavailable())?;
    let Length(length) = length;
    if length > most || held.grow(length - answer.len()).is_err() {
        let most = u64::try_from(most.min(length - 1)).unwrap_or(u64::MAX);
        return Err(ExecuteError::from(CallError::TooLarge { most_bytes: most }).into());
    }
    let mut body = Vec::with_capacity(BEFORE.len() + length + AFTER.len());
    body.extend_from_slice(BEFORE);
    serde_json::to_writer(&mut body, text).map_err(|_| Problem::unavailable())?;
    body.extend_from_slice(AFTER);
    Ok(held.keep(body.into()))
}

/// Counts what is written, and holds nothing of it.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ids::{AccountId, AppId, OrganizationId};

    use super::*;
    use crate::call_turns::{CallTurnBounds, CallTurnFor, CallTurns};
    use crate::service_call::CalledWith;

    const ROOM: usize = 1000;

    fn of(answer: &[u8], most: usize) -> Result<Bytes, Problem> {
        let turns =
            CallTurns::new(CallTurnBounds { bytes_of_an_organization: ROOM, ..CallTurnBounds::default() });
        let at = CallTurnFor {
            organization: OrganizationId::generate(),
            app: AppId::generate(),
            with: CalledWith::Account(AccountId::generate()),
            bytes: 2 * answer.len(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let turn = runtime.block_on(turns.take(at, Duration::from_secs(30))).unwrap();
        wrapped(answer, turn.held, most)
    }

    #[test]
    fn what_is_around_answers_is_as_it_has_been() {
        for (answer, wanted) in [
            (&b""[..], r#"{"ret":null,"exports":{},"os":[]}"#),
            (br#" {"b": 1.0,"a":2}"#, r#"{"ret": {"b": 1.0,"a":2},"exports":{},"os":[]}"#),
            (b"a \"text\"\x01", r#"{"ret":"a \"text\"\u0001","exports":{},"os":[]}"#),
        ] {
            assert_eq!(of(answer, ROOM).unwrap(), wanted);
        }
        assert!(of(b"\xff", ROOM).is_err());
    }

    #[test]
    fn text_that_grows_is_counted_as_it_is_written() {
        // 100 bytes become 602.
        let growing = [1; 100];
        assert!(of(&growing, 602).is_ok());
        assert!(of(&growing, 601).is_err());
        // 150 become 902, beside the 150 that are held.
        assert!(of(&[1; 150], ROOM).is_err());
        assert!(of(&[b'x'; 150], ROOM).is_ok());
    }
}
