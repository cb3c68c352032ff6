//! How much a connection gives at once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The limits of one connection. None of them can be raised by a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// The most rows of one answer.
    pub most_rows: u64,
    /// The most bytes of one answer, as it is sent to the client.
    pub most_bytes: u64,
    /// The longest a statement may run, in milliseconds, whatever the call asks for.
    pub most_milliseconds: u32,
    /// The most sessions with the database at once.
    pub most_sessions: u16,
}

/// Limits that make no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// Rows.
    #[error("rows: 1 to 100,000,000")]
    Rows,
    /// Bytes.
    #[error("bytes: 1,024 to 1,099,511,627,776")]
    Bytes,
    /// Time.
    #[error("milliseconds: 100 to 720,000")]
    Time,
    /// Sessions.
    #[error("sessions: 1 to 200")]
    Sessions,
}

impl Default for Limits {
    fn default() -> Self {
        Self { most_rows: 100_000, most_bytes: 64 << 20, most_milliseconds: 720_000, most_sessions: 10 }
    }
}

impl Limits {
    /// These, if they make sense.
    ///
    /// # Errors
    /// One of them is out of its range.
    pub fn checked(self) -> Result<Self, LimitsError> {
        if !(1..=100_000_000).contains(&self.most_rows) {
            return Err(LimitsError::Rows);
        }
        if !(1 << 10..=1 << 40).contains(&self.most_bytes) {
            return Err(LimitsError::Bytes);
        }
        if !(100..=720_000).contains(&self.most_milliseconds) {
            return Err(LimitsError::Time);
        }
        if !(1..=200).contains(&self.most_sessions) {
            return Err(LimitsError::Sessions);
        }
        Ok(self)
    }

    /// The longest a statement may run.
    #[must_use]
    pub const fn most_time(&self) -> Duration {
        Duration::from_millis(self.most_milliseconds as u64)
    }
}
