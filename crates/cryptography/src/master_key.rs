//! The key above all others, when it is kept on this machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::key_bytes::KeyBytes;
use crate::{MasterKeyError, OpenError, SealError, SealingKey, hexadecimal};

/// 256 bits that wrap data keys (AES-256-GCM) and do nothing else.
pub struct MasterKey {
    id: String,
    wrapping: SealingKey,
}

impl MasterKey {
    /// Reads 32 bytes in base64; white space around them is ignored.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let decoded = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| MasterKeyError::Malformed)?);
        let bytes = KeyBytes::from_slice(&decoded).ok_or(MasterKeyError::Malformed)?;
        if bytes.as_bytes().iter().all(|byte| *byte == bytes.as_bytes()[0]) {
            return Err(MasterKeyError::Constant);
        }
        let digest = bytes.derive("master key", "identifier");
        Ok(Self {
            id: hexadecimal::encode(&digest.as_bytes()[..8]),
            wrapping: SealingKey::new(bytes.derive("master key", "wrap").as_bytes()),
        })
    }

    /// A new key as text, for a key file.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Zeroizing<String>, SealError> {
        Ok(Zeroizing::new(STANDARD.encode(KeyBytes::generate()?.as_bytes())))
    }

    /// What tells this key from others: 16 hexadecimal digits, derived from the key, from which the key
    /// cannot be found.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A data key, sealed for this place.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn wrap(&self, place: &[u8], key: &KeyBytes) -> Result<Vec<u8>, SealError> {
        self.wrapping.seal(place, key.as_bytes())
    }

    /// The data key, if this master key wrapped it for this place.
    ///
    /// # Errors
    /// It did not, or the wrapped key was changed.
    pub fn unwrap(&self, place: &[u8], wrapped: &[u8]) -> Result<KeyBytes, OpenError> {
        KeyBytes::from_slice(self.wrapping.open(place, wrapped)?.reveal()).ok_or(OpenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_key_unwraps_with_its_master_key_at_its_place_only() {
        let master = || MasterKey::parse(&MasterKey::generate().unwrap()).unwrap();
        let (one, other) = (master(), master());
        let key = KeyBytes::generate().unwrap();
        let wrapped = one.wrap(b"here", &key).unwrap();
        assert_eq!(one.unwrap(b"here", &wrapped).ok().unwrap().as_bytes(), key.as_bytes());
        assert!(one.unwrap(b"there", &wrapped).is_err());
        assert!(other.unwrap(b"here", &wrapped).is_err());
        assert_ne!(one.id(), other.id());
        assert_eq!(one.id().len(), 16);
    }

    #[test]
    fn k06_a_truncated_empty_or_constant_master_key_is_refused() {
        let whole = MasterKey::generate().unwrap();
        for length in 0..whole.len() {
            assert!(MasterKey::parse(&whole[..length]).is_err(), "{length}");
        }
        assert!(MasterKey::parse(&format!(" {}\n", *whole)).is_ok());
        assert!(MasterKey::parse(&STANDARD.encode([0; 32])).is_err());
        assert!(MasterKey::parse(&STANDARD.encode([7; 33])).is_err());
    }
}
