//! The HTTP side of the vault. The only room that knows JSON shapes.

mod bodies;
mod environments;
mod keys;
mod named_secrets;
mod problem;
mod secret_problem;
mod secret_text;

use endpoint::{Answer, Endpoint, Paging};

use self::bodies::{SecretAnswer, SecretsAnswer};
pub use self::secret_text::SecretText;
use crate::{AppSecrets, Environments, KeyRotations, OwnSecrets, Secret, Secrets};

/// Everything that the endpoints of the vault are made from.
#[derive(Clone)]
pub struct VaultApi {
    /// The rotations of organizations' keys.
    pub key_rotations: KeyRotations,
    /// The secrets of organizations.
    pub secrets: Secrets,
    /// The secrets of apps.
    pub app_secrets: AppSecrets,
    /// The secrets of people.
    pub own_secrets: OwnSecrets,
    /// What deployments get.
    pub environments: Environments,
}

impl VaultApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let mut all = keys::endpoints(&self.key_rotations);
        all.extend(named_secrets::endpoints(&self.secrets));
        all.extend(named_secrets::endpoints(&self.app_secrets));
        all.extend(named_secrets::endpoints(&self.own_secrets));
        all.extend(environments::endpoints(&self.environments));
        all
    }
}

/// How many to read, to know whether another piece follows.
fn one_more(paging: &Paging) -> usize {
    paging.limit.saturating_add(1)
}

/// A piece of a list.
fn piece(paging: &Paging, mut found: Vec<Secret>) -> Answer {
    let next_cursor = paging.cut(&mut found, |secret| secret.id.to_string());
    Answer::json(&SecretsAnswer { secrets: found.into_iter().map(SecretAnswer::from).collect(), next_cursor })
}
