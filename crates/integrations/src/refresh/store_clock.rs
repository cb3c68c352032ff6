//! The store's clock, without asking for it each time.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::StoreError;
use crate::store::{ConnectionTrait, clock};

/// How long what the store said is carried on: clocks drift by far less than a second in this time.
const CARRIED_ON: Duration = Duration::from_secs(60);

/// The store's clock. What it said is carried on with this process's monotonic clock, so that nobody's wall clock counts.
#[derive(Debug, Default)]
pub(super) struct StoreClock {
    said: Mutex<Option<(i64, Instant)>>,
}

impl StoreClock {
    /// Now, in milliseconds since 1970.
    pub(super) async fn now(&self, database: &impl ConnectionTrait) -> Result<i64, StoreError> {
        let said = *self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((said, at)) = said
            && at.elapsed() < CARRIED_ON
        {
            return Ok(said.saturating_add(i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX)));
        }
        self.ask(database).await
    }

    /// Asks the store.
    pub(super) async fn ask(&self, database: &impl ConnectionTrait) -> Result<i64, StoreError> {
        let asked = Instant::now();
        let now = clock::now(database).await?;
        // Read between the question and the answer; a token taken for older than it is does no harm.
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, asked));
        Ok(now)
    }
}
