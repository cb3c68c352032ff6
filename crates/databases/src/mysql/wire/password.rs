//! How a server is shown that we know the password.

use cryptography::{Sha256, digest, legacy_digest};

/// A way to show it. Others are refused: the oldest is broken, and one sends the password as it is to whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// SHA-1; MariaDB's usual one.
    Native,
    /// SHA-256, with the password itself, over TLS, where the server has not cached what it needs; MySQL's usual one.
    CachingSha2,
}

impl Method {
    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"mysql_native_password" => Some(Self::Native),
            b"caching_sha2_password" => Some(Self::CachingSha2),
            _ => None,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Native => "mysql_native_password",
            Self::CachingSha2 => "caching_sha2_password",
        }
    }

    /// The password, mixed with what the server sent. Nothing, if there is none.
    pub(crate) fn proof(self, password: &[u8], nonce: &[u8]) -> Vec<u8> {
        if password.is_empty() {
            return Vec::new();
        }
        match self {
            Self::Native => {
                let once = legacy_digest(&[password]);
                let twice = legacy_digest(&[&once]);
                mixed(&once, &legacy_digest(&[nonce, &twice]))
            }
            Self::CachingSha2 => {
                let once = digest(password);
                let mut mask = Sha256::new();
                mask.update(&digest(&once));
                mask.update(nonce);
                mixed(&once, &mask.finish())
            }
        }
    }
}

fn mixed(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(one, other)| one ^ other).collect()
}

/// The password as it is, for a server that we speak TLS with.
pub(crate) fn full_password(password: &[u8]) -> Vec<u8> {
    let mut payload = password.to_vec();
    payload.push(0);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &[u8] = b"\x47\x64\x26\x7a\x12\x6c\x28\x4d\x5d\x6a\x3a\x0f\x1b\x5b\x11\x6a\x49\x43\x30\x31";

    /// The server's side: it keeps SHA1(SHA1(password)) and finds SHA1(password) in the proof.
    #[test]
    fn a_server_can_check_the_native_proof() {
        let proof = Method::Native.proof(b"secret", NONCE);
        let kept = legacy_digest(&[&legacy_digest(&[b"secret"])]);
        let once = mixed(&proof, &legacy_digest(&[NONCE, &kept]));
        assert_eq!(legacy_digest(&[&once]), kept);
    }

    /// The server's side: it keeps SHA256(SHA256(password)) and finds SHA256(password) in the proof.
    #[test]
    fn a_server_can_check_the_sha2_proof() {
        let proof = Method::CachingSha2.proof(b"secret", NONCE);
        let kept = digest(&digest(b"secret"));
        let once = mixed(&proof, &digest(&[kept.as_slice(), NONCE].concat()));
        assert_eq!(digest(&once), kept);
    }

    #[test]
    fn no_password_has_no_proof() {
        assert!(Method::Native.proof(b"", NONCE).is_empty());
        assert!(Method::CachingSha2.proof(b"", NONCE).is_empty());
    }
}
