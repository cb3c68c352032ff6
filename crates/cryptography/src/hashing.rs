//! Random tokens, and recognising them later without keeping them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::SealError;

/// A random 256-bit secret that the platform hands out once and keeps only as a hash.
pub struct Token {
    bytes: Zeroizing<[u8; 32]>,
}

impl Token {
    /// A new token.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        SystemRandom::new().fill(bytes.as_mut_slice()).map_err(|_| SealError)?;
        Ok(Self { bytes })
    }

    /// Reads a token in base64url, one spelling only.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 43 {
            return None;
        }
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes: [u8; 32] = decoded.as_slice().try_into().ok()?;
        Some(Self { bytes: Zeroizing::new(bytes) })
    }

    /// From raw bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self { bytes: Zeroizing::new(bytes.try_into().ok()?) })
    }

    /// The token in base64url (43 characters), to hand out.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.bytes.as_slice()))
    }

    /// The raw bytes, to seal.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// What to store and to look up by (SHA-256): enough for 256 random bits.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        digest(self.bytes.as_slice())
    }
}

/// SHA-256 (FIPS 180-4).
#[must_use]
pub fn digest(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

/// SHA-1 (RFC 3174) of these, one after the other. It is broken; only for protocols of others that prescribe it.
#[must_use]
pub fn legacy_digest(parts: &[&[u8]]) -> [u8; 20] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0_u8; 20];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// SHA-256 (FIPS 180-4) of what comes piece by piece.
#[derive(Clone)]
pub struct Sha256 {
    context: ring::digest::Context,
}

impl Sha256 {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { context: ring::digest::Context::new(&ring::digest::SHA256) }
    }

    /// Adds a piece.
    pub fn update(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
    }

    /// The hash of all pieces.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(self.context.finish().as_ref());
        bytes
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// Recognises secrets by a keyed hash (HMAC-SHA-256, RFC 2104): a copy of the table alone confirms
/// no guess.
pub struct HashKey {
    key: hmac::Key,
}

impl HashKey {
    /// A key that somebody else made, such as a secret shared with a receiver.
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    pub(crate) fn new(bytes: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, bytes) }
    }

    /// The keyed hash.
    #[must_use]
    pub fn hash(&self, value: &[u8]) -> [u8; 32] {
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(hmac::sign(&self.key, value).as_ref());
        bytes
    }
}
