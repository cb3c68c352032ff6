//! What can go wrong with reading the trail.

use audit::AuditError;

/// Why the trail was not read.
#[derive(Debug, thiserror::Error)]
pub enum AuditTrailError {
    /// There is no such event in this organization's trail.
    #[error("not found in this trail")]
    NotFound,
    /// An export cannot begin there.
    #[error("the trail has no record {0} to begin with")]
    NoSuchRecord(i64),
    /// The trail could not be read, or that it is read could not be recorded.
    #[error(transparent)]
    Audit(AuditError),
}

impl From<AuditError> for AuditTrailError {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::NoSuchRecord(number) => Self::NoSuchRecord(number),
            other => Self::Audit(other),
        }
    }
}
