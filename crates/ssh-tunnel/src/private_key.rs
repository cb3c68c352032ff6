//! From the text of a private key to one that signs.

mod short_scalar;

use std::sync::Arc;

use cryptography::on_clean_stack;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::Kdf;
use russh::keys::ssh_key::private::KeypairData;

use crate::{Hop, TunnelError, TunnelStep};

/// The most rounds of a passphrase's derivation: whoever wrote the key chose them, and we compute them.
const MOST_ROUNDS: u32 = 100;
/// The shortest RSA key, in bits.
const SHORTEST_RSA: u32 = 2048;
/// The longest RSA key, in bits: a signature takes longer with the third power of it.
const LONGEST_RSA: u32 = 8192;

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
        let key = unlocked.await.unwrap_or(Err(TunnelStep::Key));
        keys.push(key.map_err(|step| TunnelError { hop: number, step })?);
    }
    Ok(keys)
}

fn unlock(text: &[u8], passphrase: Option<&[u8]>) -> Result<Arc<PrivateKey>, TunnelStep> {
    let text = text.trim_ascii();
    let mut key = PrivateKey::from_openssh(text)
        .ok()
        .or_else(|| short_scalar::from_text(text))
        .ok_or(TunnelStep::Key)?;
    if key.is_encrypted() {
        if matches!(key.kdf(), Kdf::Bcrypt { rounds, .. } if *rounds > MOST_ROUNDS) {
            return Err(TunnelStep::Key);
        }
        let passphrase = passphrase.ok_or(TunnelStep::Passphrase)?;
        key = key
            .decrypt(passphrase)
            .ok()
            .or_else(|| short_scalar::from_encrypted(&key, passphrase))
            .ok_or(TunnelStep::Passphrase)?;
    }
    match key.key_data() {
        KeypairData::Ed25519(_) | KeypairData::Ecdsa(_) => Ok(Arc::new(key)),
        KeypairData::Rsa(pair) if (SHORTEST_RSA..=LONGEST_RSA).contains(&pair.key_size()) => {
            Ok(Arc::new(key))
        }
        _ => Err(TunnelStep::Key),
    }
}
