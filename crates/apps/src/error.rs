//! What can go wrong with apps.

use access_control::{FactsUnavailable, Refusal};
use audit::AuditError;
use cryptography::SealError;
use ids::{HostLabel, SlugError};
use secrets_vault::VaultError;

use outbound::Refused;

use crate::{GraceError, NeighbourError};

/// Why a use case of this crate did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Another app has this host, perhaps one of another organization.
    #[error("the host {0} is taken")]
    HostTaken(HostLabel),
    /// The app's and the organization's slug do not make a host label.
    #[error(transparent)]
    Label(SlugError),
    /// There is no such thing in this app, or the app is gone.
    #[error("not found in this app")]
    NotFound,
    /// The actor may not do this, or no longer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Only the creator of an app can make it theirs alone.
    #[error("only the app's creator can choose the level User")]
    NotCreator,
    /// The person is no member of the app's organization.
    #[error("not a member of the organization")]
    NotAMember,
    /// The person's role in the organization does not allow to edit apps.
    #[error("a member who may not edit apps")]
    CannotEdit,
    /// It would leave a restricted app with nobody who may edit it.
    #[error("a restricted app keeps at least one editor whose grant does not end")]
    LastEditor,
    /// An end that has already passed.
    #[error("the end has already passed")]
    EndPassed,
    /// The app has as many path rules as an app can have.
    #[error("too many path rules")]
    TooManyPathRules,
    /// The environment has as many live server secrets as it can have.
    #[error("too many live server secrets")]
    TooManyServerSecrets,
    /// A server secret that was used just now would end at once.
    #[error("a server secret that would end at once is in use")]
    ServerSecretInUse,
    /// Replaced server secrets would count for too long.
    #[error(transparent)]
    Grace(#[from] GraceError),
    /// The organization's server secrets are being rotated.
    #[error("a rotation is under way")]
    RotationUnderWay,
    /// The app has as many live agent tokens as it can have.
    #[error("too many live agent tokens")]
    TooManyAgentTokens,
    /// The upstream's address is not permitted.
    #[error("the upstream is not permitted: {0}")]
    UpstreamRefused(#[source] Refused),
    /// The upstream's name has no address.
    #[error("the upstream's name has no address")]
    UpstreamUnknown,
    /// The facts are not available.
    #[error(transparent)]
    Facts(#[from] FactsUnavailable),
    /// The system has no random numbers.
    #[error("no random numbers")]
    Randomness(#[source] SealError),
    /// Those who know people did not answer.
    #[error("a neighbour did not answer")]
    Neighbour(#[source] NeighbourError),
    /// The vault did not keep, open or delete a value.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store did not answer or refused.
    #[error("the store is not available")]
    Store(#[source] sea_orm::DbErr),
    /// A row holds what this version cannot read.
    #[error("a row of {0} cannot be read")]
    Unreadable(&'static str),
    /// The change was not recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
}
