//! What can go wrong with reading, simulating and changing the policy.

use access_control::{FactsUnavailable, Refusal};
use apps::{AppError, PathRuleError};
use audit::AuditError;
use decisions::DecisionError;
use organizations::{NeighbourError, OrganizationError};

/// Why a use case of this crate did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The actor may not do this, or no longer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Organizations refuse it.
    #[error(transparent)]
    Organization(#[from] OrganizationError),
    /// Apps refuse it.
    #[error(transparent)]
    App(#[from] AppError),
    /// A path rule that is none.
    #[error(transparent)]
    Rule(#[from] PathRuleError),
    /// The request to explain has no single reading.
    #[error("{0}")]
    Unreadable(String),
    /// One change of a draft, counted from 1.
    #[error("change {number}: {source}")]
    AtChange {
        /// Which.
        number: usize,
        /// Why.
        source: Box<PolicyError>,
    },
    /// More changes than can be made at once.
    #[error("a draft has at most {most} changes", most = crate::MOST_CHANGES)]
    TooManyChanges,
    /// A change of something else than the app.
    #[error("only changes of this app can be made here")]
    OtherApp,
    /// The simulation was of another draft, or the policy has changed since.
    #[error("the simulation does not fit any more")]
    WorldMoved,
    /// The facts are not available.
    #[error(transparent)]
    Facts(#[from] FactsUnavailable),
    /// What apps saw is not available.
    #[error(transparent)]
    Decisions(#[from] DecisionError),
    /// Those who know people did not answer.
    #[error("a neighbour did not answer")]
    Neighbour(#[source] NeighbourError),
    /// The computation was interrupted.
    #[error("the simulation was interrupted")]
    Interrupted(#[source] tokio::task::JoinError),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl PolicyError {
    /// Says which change of a draft it was; from 0.
    pub(crate) fn at(index: usize) -> impl FnOnce(Self) -> Self {
        move |source| Self::AtChange { number: index + 1, source: Box::new(source) }
    }
}
