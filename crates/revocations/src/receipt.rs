//! What whoever revokes something is told.

use time::OffsetDateTime;

use crate::Effect;

/// What a revocation did, as far as every process that was heard of has said.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// What it did in the processes that have said so.
    pub effect: Effect,
    /// How many that were. `None` if the store did not say which there are.
    pub replicas: Option<ReplicasReached>,
    /// After this, no user token that rested on what was revoked is valid, whichever process signed it.
    pub none_after: OffsetDateTime,
}

/// How many processes decide by the change already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplicasReached {
    /// That many have said so.
    pub reached: usize,
    /// That many there are.
    pub of: usize,
}
