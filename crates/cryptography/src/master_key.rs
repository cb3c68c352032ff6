//! The one key that everything else is derived from.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hkdf;
use zeroize::Zeroizing;

use crate::{HashKey, MasterKeyError, SealError, SealingKey, SigningKey};

/// 256 bits from which all other keys are derived (HKDF-SHA-256, RFC 5869).
pub struct MasterKey {
    bytes: Zeroizing<[u8; 32]>,
}

impl MasterKey {
    /// Reads 32 bytes in base64; white space around them is ignored.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let decoded = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| MasterKeyError::Malformed)?);
        let bytes: [u8; 32] = decoded.as_slice().try_into().map_err(|_| MasterKeyError::Malformed)?;
        Ok(Self { bytes: Zeroizing::new(bytes) })
    }

    /// A new key as text, for a key file.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Zeroizing<String>, SealError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), bytes.as_mut_slice())
            .map_err(|_| SealError)?;
        Ok(Zeroizing::new(STANDARD.encode(bytes.as_slice())))
    }

    /// The sealing key for one purpose. Different purposes give unrelated keys.
    #[must_use]
    pub fn sealing_key(&self, purpose: &'static str) -> SealingKey {
        SealingKey::new(&self.derive("seal", purpose))
    }

    /// The hash key for one purpose.
    #[must_use]
    pub fn hash_key(&self, purpose: &'static str) -> HashKey {
        HashKey::new(&self.derive("hash", purpose))
    }

    /// The signing key for one purpose.
    ///
    /// # Errors
    /// Ed25519 takes no such seed; it takes every one of 32 bytes.
    pub fn signing_key(&self, purpose: &'static str) -> Result<SigningKey, SealError> {
        SigningKey::new(&self.derive("sign", purpose))
    }

    fn derive(&self, use_: &str, purpose: &str) -> Zeroizing<[u8; 32]> {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"vybe control plane");
        let info = [b"v1".as_slice(), use_.as_bytes(), purpose.as_bytes()];
        let mut derived = Zeroizing::new([0_u8; 32]);
        // Both calls fail only for a wrong output length, which is fixed here.
        let filled = salt
            .extract(self.bytes.as_slice())
            .expand(&info, hkdf::HKDF_SHA256)
            .and_then(|output| output.fill(derived.as_mut_slice()));
        debug_assert!(filled.is_ok());
        derived
    }
}
