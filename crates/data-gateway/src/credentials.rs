//! What opens a connection, sealed together with what it may be used for.

use std::sync::Arc;

use cryptography::SecretBytes;
use databases::{Credentials, Target};
use secrets_vault::{join_fields, split_fields};
use ssh_tunnel::{Hop, Route};

use crate::Definition;

/// The password and the keys of one connection. It cannot be printed or compared.
pub(crate) struct Opened {
    /// What they may be used for.
    pub(crate) definition: Definition,
    /// What they are.
    pub(crate) secrets: OpeningSecrets,
}

/// Password and keys.
pub(crate) struct OpeningSecrets {
    pub(crate) password: SecretBytes,
    /// One for each SSH server on the way.
    pub(crate) keys: Vec<HopKey>,
}

/// What opens an SSH server.
#[derive(Clone)]
pub(crate) struct HopKey {
    pub(crate) private_key: Arc<SecretBytes>,
    pub(crate) passphrase: Option<Arc<SecretBytes>>,
}

impl Opened {
    /// As it is sealed.
    pub(crate) fn sealed(
        definition: &Definition,
        secrets: &OpeningSecrets,
    ) -> Result<SecretBytes, serde_json::Error> {
        let definition = serde_json::to_vec(definition)?;
        let mut fields = vec![definition.as_slice(), secrets.password.reveal()];
        for key in &secrets.keys {
            fields.push(key.private_key.reveal());
            fields.push(key.passphrase.as_ref().map(|passphrase| passphrase.reveal()).unwrap_or_default());
        }
        Ok(join_fields(&fields))
    }

    /// What was sealed.
    pub(crate) fn read(value: &SecretBytes) -> Option<Self> {
        let fields = split_fields(value)?;
        let [definition, password, keys @ ..] = fields.as_slice() else { return None };
        let definition: Definition = serde_json::from_slice(definition).ok()?;
        let (keys, []) = keys.as_chunks::<2>() else { return None };
        let copy = |bytes: &[u8]| Arc::new(SecretBytes::copy_of(bytes));
        let keys: Vec<HopKey> = keys
            .iter()
            .map(|[private_key, passphrase]| HopKey {
                private_key: copy(private_key),
                passphrase: (!passphrase.is_empty()).then(|| copy(passphrase)),
            })
            .collect();
        if keys.len() != definition.destination.hops.len() {
            return None;
        }
        let secrets = OpeningSecrets { password: SecretBytes::copy_of(password), keys };
        Some(Self { definition, secrets })
    }

    /// The database, and what opens it; none, if the way there has more SSH servers than a way may have.
    pub(crate) fn into_target(self) -> Option<(Target, Credentials)> {
        let Self { definition: Definition { destination, read_only, limits, .. }, secrets } = self;
        let hops: Vec<Hop> = destination
            .hops
            .into_iter()
            .zip(secrets.keys)
            .map(|(hop, key)| Hop {
                host: hop.host,
                port: hop.port,
                user: hop.user,
                private_key: key.private_key,
                passphrase: key.passphrase,
                host_key: hop.host_key,
            })
            .collect();
        let route = if hops.is_empty() { None } else { Some(Route::new(hops).ok()?) };
        let target = Target {
            engine: destination.engine,
            host: destination.host,
            port: destination.port,
            database: destination.database,
            user: destination.user,
            tls: destination.tls.to_tls(),
            route,
            read_only,
            limits,
        };
        Some((target, Credentials { password: secrets.password }))
    }
}
