//! Forgetting old records.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

use crate::RecordStore;

/// How many records are deleted at once: a writer on SQLite keeps everybody else waiting.
const AT_ONCE: u64 = 500;

/// How long one sweep deletes; the next one goes on.
const LONGEST: Duration = Duration::from_secs(120);

/// How long it pauses after each piece.
const PAUSE: Duration = Duration::from_millis(10);

/// Deletes records of uses before `border`, in small pieces with pauses, for two minutes at most. How many.
///
/// # Errors
/// The store is not available; what was deleted until then stays deleted.
pub async fn sweep<S: RecordStore>(store: &S, border: OffsetDateTime) -> Result<u64, S::Error> {
    let (began, mut deleted) = (Instant::now(), 0);
    while began.elapsed() < LONGEST {
        let piece = store.delete(border, AT_ONCE).await?;
        deleted += piece;
        if piece < AT_ONCE {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(deleted)
}
