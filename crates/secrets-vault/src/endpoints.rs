//! The HTTP side of the vault. The only room that knows JSON shapes.

mod keys;
mod problem;

use endpoint::{Call, Endpoint};

use crate::{KeyRotations, Occasion};

/// Everything that the endpoints of the vault are made from.
#[derive(Clone)]
pub struct VaultApi {
    /// The rotations of organizations' keys.
    pub key_rotations: KeyRotations,
}

impl VaultApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        keys::endpoints(&self.key_rotations)
    }
}

fn occasion(call: &Call) -> Occasion {
    Occasion { request: call.id(), now: call.now() }
}
