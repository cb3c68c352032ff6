//! Private keys for SSH, in OpenSSH's own format.
//!
//! The key is read and, with its passphrase, decrypted once, when it is entered: a key that does not open is
//! refused then and not when a tunnel is needed.

mod short_scalar;

use cryptography::{SecretBytes, on_clean_stack};
use ssh_key::private::KeypairData;
use ssh_key::{Algorithm, Kdf, PrivateKey};

use super::{GivenParts, ValueError, checked, fields};

/// The shortest RSA key, in bits.
const SHORTEST_RSA: usize = 2048;
/// The most rounds of the passphrase's derivation; `ssh-keygen` uses 24, which take a third of a second.
const MOST_ROUNDS: u32 = 100;

/// A private key, and what decrypts it.
pub struct SshPrivateKey {
    /// As in the file that `ssh-keygen` writes.
    pub private_key: SecretBytes,
    /// Its passphrase, if it is encrypted.
    pub passphrase: Option<SecretBytes>,
}

impl SshPrivateKey {
    /// Checks what was sent.
    pub(super) fn given(parts: GivenParts) -> Result<Self, ValueError> {
        parts.only(&["privateKey", "passphrase"])?;
        let private_key = checked(parts.private_key.ok_or(ValueError::Missing("privateKey"))?)?;
        let passphrase = parts.passphrase.map(checked).transpose()?;
        let key = Self { private_key, passphrase };
        on_clean_stack(|| key.check())?;
        Ok(key)
    }

    fn check(&self) -> Result<(), ValueError> {
        let text = self.private_key.reveal_text().map(str::trim).unwrap_or_default();
        if !text.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----") {
            return Err(ValueError::Refused(foreign_format(text)));
        }
        let key = match PrivateKey::from_openssh(text) {
            Ok(key) => key,
            Err(_) if self.passphrase.is_none() && short_scalar::is_whole(text) => return Ok(()),
            Err(_) => return Err(ValueError::Refused("the private key is broken, or cut off")),
        };
        let key = match (&self.passphrase, key.is_encrypted()) {
            (None, false) => key,
            (None, true) => return Err(ValueError::Missing("passphrase, since the key is encrypted")),
            (Some(_), false) => {
                return Err(ValueError::Refused("the key is not encrypted, but a passphrase came"));
            }
            (Some(passphrase), true) => match decrypt(&key, passphrase)? {
                Some(key) => key,
                None => return Ok(()),
            },
        };
        match key.key_data() {
            KeypairData::Ed25519(_) | KeypairData::Ecdsa(_) => Ok(()),
            KeypairData::Rsa(pair) => {
                let modulus = pair.public.n.as_positive_bytes().unwrap_or_default();
                let leading = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
                if modulus.len() * 8 - leading < SHORTEST_RSA {
                    return Err(ValueError::Refused("RSA keys have at least 2048 bits"));
                }
                Ok(())
            }
            KeypairData::Dsa(_) => Err(ValueError::Refused("DSA keys are not accepted any more")),
            _ => Err(ValueError::Refused("this type of key is not accepted: use Ed25519, ECDSA or RSA")),
        }
    }

    /// As it is sealed.
    pub(super) fn sealed(&self) -> SecretBytes {
        let passphrase = self.passphrase.as_ref().map(SecretBytes::reveal).unwrap_or_default();
        fields::join(&[self.private_key.reveal(), passphrase])
    }

    /// What was sealed.
    #[must_use]
    pub fn opened(value: &SecretBytes) -> Option<Self> {
        let [private_key, passphrase] = fields::split(value)?;
        Some(Self {
            private_key: SecretBytes::copy_of(private_key),
            passphrase: (!passphrase.is_empty()).then(|| SecretBytes::copy_of(passphrase)),
        })
    }
}

/// The key, opened; none, if it opens and has a number that `ssh-key` finds too short.
fn decrypt(key: &PrivateKey, passphrase: &SecretBytes) -> Result<Option<PrivateKey>, ValueError> {
    // Whoever made the file says how long opening it takes.
    if matches!(key.kdf(), Kdf::Bcrypt { rounds, .. } if *rounds > MOST_ROUNDS) {
        return Err(ValueError::Refused("the passphrase's derivation has more than 100 rounds"));
    }
    let is_ecdsa = matches!(key.public_key().algorithm(), Algorithm::Ecdsa { .. });
    match key.decrypt(passphrase.reveal()) {
        Ok(opened) => Ok(Some(opened)),
        // What the passphrase does not open is told apart by its check numbers before anything else is read.
        Err(ssh_key::Error::Encoding(_)) if is_ecdsa => Ok(None),
        Err(_) => Err(ValueError::Refused("the passphrase does not open the private key")),
    }
}

fn foreign_format(text: &str) -> &'static str {
    if text.starts_with("-----BEGIN ") && text.contains("PUBLIC KEY-----") {
        "this is a public key"
    } else if text.starts_with("-----BEGIN ") {
        "the private key is not in OpenSSH's format: `ssh-keygen -p -f FILE` writes it in that format"
    } else if text.starts_with("ssh-") || text.starts_with("ecdsa-") {
        "this is a public key"
    } else {
        "a private key begins with -----BEGIN OPENSSH PRIVATE KEY-----"
    }
}
