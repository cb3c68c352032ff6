//! What clients are told when something goes wrong with the policy.

use endpoint::{Problem, sentence};

use crate::{MOST_CHANGES, PolicyError};

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Refused(refusal) => refusal.into(),
            PolicyError::Organization(error) => error.into(),
            PolicyError::App(error) => error.into(),
            PolicyError::Rule(error) => Self::invalid("invalid_path_rule", sentence(&error)),
            PolicyError::Unreadable(reason) => Self::invalid("unreadable_request", sentence(&reason)),
            PolicyError::AtChange { number, source } => {
                let problem = Self::from(*source);
                if problem.status().is_server_error() {
                    return problem;
                }
                let detail = format!("Change {number}: {}", problem.detail());
                Self::new(problem.status(), problem.code(), detail)
            }
            PolicyError::TooManyChanges => {
                Self::invalid("too_many_changes", format!("A draft has at most {MOST_CHANGES} changes."))
            }
            PolicyError::OtherApp => {
                Self::invalid("other_app", "Only changes of the app in the address can be made here.")
            }
            PolicyError::WorldMoved => Self::conflict(
                "world_moved",
                "The policy has changed since that simulation, or these are other changes. Simulate again.",
            ),
            PolicyError::Audit(error) => error.into(),
            PolicyError::Facts(_) => Self::unavailable(),
            error @ (PolicyError::Decisions(_) | PolicyError::Neighbour(_)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the policy is not available");
                Self::unavailable()
            }
            error @ PolicyError::Interrupted(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a simulation failed");
                Self::internal()
            }
        }
    }
}
