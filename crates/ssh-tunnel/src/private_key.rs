//! From the text of a private key to one that signs.

use std::sync::Arc;

use cryptography::on_clean_stack;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::Kdf;

use crate::{Hop, TunnelError, TunnelStep};

/// The most rounds of a passphrase's derivation: whoever wrote the key chose them, and we compute them.
const MOST_ROUNDS: u32 = 100;

/// The keys of all hops, before anything is sent to anybody.
pub(crate) async fn unlock_all(hops: &[Hop]) -> Result<Vec<Arc<PrivateKey>>, TunnelError> {
    let mut keys = Vec::with_capacity(hops.len());
    for (number, hop) in hops.iter().enumerate() {
        let text = Arc::clone(&hop.private_key);
        let passphrase = hop.passphrase.clone();
        // The derivation keeps a processor busy for up to a second.
        let unlocked = tokio::task::spawn_blocking(move || {
            on_clean_stack(|| {
                unlock(text.reveal(), passphrase.as_ref().map(|passphrase| passphrase.reveal()))
            })
        });
        let key = unlocked.await.ok().flatten();
        keys.push(key.ok_or(TunnelError { hop: number, step: TunnelStep::Passphrase })?);
    }
    Ok(keys)
}

fn unlock(text: &[u8], passphrase: Option<&[u8]>) -> Option<Arc<PrivateKey>> {
    let key = PrivateKey::from_openssh(text.trim_ascii()).ok()?;
    if !key.is_encrypted() {
        return Some(Arc::new(key));
    }
    if matches!(key.kdf(), Kdf::Bcrypt { rounds, .. } if *rounds > MOST_ROUNDS) {
        return None;
    }
    key.decrypt(passphrase?).ok().map(Arc::new)
}
