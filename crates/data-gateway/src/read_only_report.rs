//! What keeps a read-only connection from writing, as it is signed.

use audit::SignedAttestation;
use databases::{Engine, LockState, ReadOnlyExamination};
use ids::ConnectionId;
use serde::{Deserialize, Serialize};

/// What such an attestation attests.
pub const ATTESTS_READ_ONLY: &str = "read-only examination";

/// A report with its signature.
pub type SignedReadOnlyReport = SignedAttestation<ReadOnlyReport>;

/// What was found out about a connection. The order of the fields is part of the signed format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadOnlyReport {
    /// The connection.
    pub connection: ConnectionId,
    /// Its name.
    pub name: String,
    /// How often it had been changed.
    pub version: i64,
    /// The kind of its database.
    pub engine: Engine,
    /// Whether it is read-only.
    pub read_only: bool,
    /// What was found.
    pub examination: ReadOnlyExamination,
}

impl ReadOnlyReport {
    /// The locks that were not seen to hold.
    pub fn missing(&self) -> impl Iterator<Item = &LockState> {
        self.examination.locks.iter().filter(|state| !state.holds)
    }
}
