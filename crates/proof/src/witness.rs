//! Somebody who can look behind the API. Tests have one that reads the database.

use async_trait::async_trait;

use crate::ProofError;

/// Looks at what the platform has stored, without asking the platform.
#[async_trait]
pub trait Witness: Send + Sync {
    /// Everything that is stored, but records of requests and when somebody was last seen.
    async fn contents(&self) -> Result<Vec<String>, ProofError>;

    /// How many times an action is recorded as done.
    async fn events(&self, action: &str) -> Result<u64, ProofError>;
}
