//! Signatures that anybody can check who has the public key.

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use crate::SealError;

/// Signs (Ed25519, RFC 8032).
pub struct SigningKey {
    pair: Ed25519KeyPair,
}

impl SigningKey {
    pub(crate) fn new(seed: &[u8; 32]) -> Result<Self, SealError> {
        Ok(Self { pair: Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| SealError)? })
    }

    /// The signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0_u8; 64];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        bytes
    }

    /// What checks it.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(self.pair.public_key().as_ref());
        PublicKey { bytes }
    }
}

/// Checks signatures of one [`SigningKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
}

impl PublicKey {
    /// From raw bytes. Bytes that are no key check no signature.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes }
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Whether this is the key's signature of this message.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.bytes).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use crate::RootKey;

    #[test]
    fn a_signature_is_of_one_message_one_purpose_and_one_root() {
        let (one, other) = (RootKey::generate().unwrap(), RootKey::generate().unwrap());
        let key = one.signing_key("a").unwrap();
        let signature = key.sign(b"message");
        assert!(key.public_key().verifies(b"message", &signature));
        assert!(!key.public_key().verifies(b"massage", &signature));
        assert_eq!(one.signing_key("a").unwrap().public_key(), key.public_key());
        for stranger in [one.signing_key("b").unwrap(), other.signing_key("a").unwrap()] {
            assert!(!stranger.public_key().verifies(b"message", &signature));
        }
    }
}
