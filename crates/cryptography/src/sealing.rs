//! Authenticated encryption.
//!
//! Every seal draws a random nonce of 96 bits. NIST SP 800-38D, section 8.3, allows at most 2^32 seals with one key
//! then: any two nonces of *n* seals are the same with a probability below n² / 2^97, which is 2^-33 at that bound
//! and 2^-37 at 2^30 seals. The vault counts the seals of each data key and replaces it long before; keys that are
//! derived from the root key seal cookies and states that end by themselves. A copy of the store that is restored brings
//! back an older count, not older nonces: nothing about a nonce is remembered, so nothing about it can be set back.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};

use crate::{OpenError, SealError, SecretBytes};

/// Seals and opens values (AES-256-GCM, NIST SP 800-38D).
pub struct SealingKey {
    key: Option<LessSafeKey>,
    random: SystemRandom,
}

impl SealingKey {
    /// The key that these bytes are.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, bytes).ok().map(LessSafeKey::new);
        Self { key, random: SystemRandom::new() }
    }

    /// Nonce, ciphertext and tag. `place` has to be given again to open it.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn seal(&self, place: &[u8], value: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0_u8; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| SealError)?;
        self.seal_with(nonce, place, value)
    }

    /// Whoever else called this could use a nonce twice, which gives the key's authenticity away.
    fn seal_with(&self, nonce: [u8; NONCE_LEN], place: &[u8], value: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.key.as_ref().ok_or(SealError)?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + value.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(value);
        let tag = key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(place),
                &mut sealed[NONCE_LEN..],
            )
            .map_err(|_| SealError)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// The value, if it was sealed with this key for this place.
    ///
    /// # Errors
    /// It was not, or it was changed.
    pub fn open(&self, place: &[u8], sealed: &[u8]) -> Result<SecretBytes, OpenError> {
        let key = self.key.as_ref().ok_or(OpenError)?;
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(OpenError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError)?;
        let mut value = SecretBytes::copy_of(rest);
        let bytes = value.bytes_mut();
        let length = key.open_in_place(nonce, Aad::from(place), bytes).map_err(|_| OpenError)?.len();
        bytes.truncate(length);
        Ok(value)
    }
}

#[cfg(test)]
mod vectors;
