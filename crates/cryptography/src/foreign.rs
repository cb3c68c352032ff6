//! Signatures that protocols of others prescribe, with keys of others: nothing of our own is signed with these.

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};

/// A private key that somebody gave us to sign with in their name.
pub struct ForeignKey(Kind);

enum Kind {
    Rsa(Box<RsaKeyPair>),
    P256(Box<EcdsaKeyPair>),
}

/// Not a private key of this kind, or one that is too short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a private key of this kind")]
pub struct ForeignKeyError;

impl ForeignKey {
    /// An RSA key of 2048 bits or more in the form of PKCS#8 (RFC 5958).
    ///
    /// # Errors
    /// It is none.
    pub fn rsa_from_pkcs8(der: &[u8]) -> Result<Self, ForeignKeyError> {
        RsaKeyPair::from_pkcs8(der).map(|key| Self(Kind::Rsa(Box::new(key)))).map_err(|_| ForeignKeyError)
    }

    /// An RSA key in the form of PKCS#1 (RFC 8017, A.1.2).
    ///
    /// # Errors
    /// It is none.
    pub fn rsa_from_pkcs1(der: &[u8]) -> Result<Self, ForeignKeyError> {
        RsaKeyPair::from_der(der).map(|key| Self(Kind::Rsa(Box::new(key)))).map_err(|_| ForeignKeyError)
    }

    /// A key on P-256 in the form of PKCS#8.
    ///
    /// # Errors
    /// It is none.
    pub fn p256_from_pkcs8(der: &[u8]) -> Result<Self, ForeignKeyError> {
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
            .map(|key| Self(Kind::P256(Box::new(key))))
            .map_err(|_| ForeignKeyError)
    }

    /// A signature over SHA-256: RSASSA-PKCS1-v1_5 (RS256), or ECDSA as two numbers of 32 bytes (ES256; RFC 7518, 3.3 and
    /// 3.4).
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ForeignKeyError> {
        let random = SystemRandom::new();
        match &self.0 {
            Kind::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| ForeignKeyError)?;
                Ok(signature)
            }
            Kind::P256(key) => key
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| ForeignKeyError),
        }
    }
}

/// HMAC-SHA-256 (RFC 2104).
#[must_use]
pub fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref());
    bytes
}

/// HMAC-SHA-1 (RFC 2104). Only for protocols of others that prescribe it, such as OAuth 1.0a.
#[must_use]
pub fn legacy_hmac(key: &[u8], message: &[u8]) -> [u8; 20] {
    let mut bytes = [0; 20];
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    bytes.copy_from_slice(hmac::sign(&key, message).as_ref());
    bytes
}
