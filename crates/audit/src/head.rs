//! Signed heads: statements that a chain had this hash at this number.

use cryptography::{PublicKey, Sha256, SigningKey, hexadecimal};
use serde::{Deserialize, Serialize};

use crate::{Chain, ChainHash, line};

/// Where a chain was. Serialized, it is the text that is signed: the order of the fields is part of the
/// format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The chain.
    pub chain: Chain,
    /// The number of its last record; 0 before the first.
    pub sequence: i64,
    /// That record's hash.
    pub hash: ChainHash,
    /// When it was signed: RFC 3339 in UTC, with exactly six digits after the second.
    pub at: String,
    /// Whose signature it bears, see [`key_id`].
    pub key: String,
    /// In the last line of an export: SHA-256 of every byte before that line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<ChainHash>,
}

/// A head and its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The head.
    pub head: Head,
    /// Ed25519 (RFC 8032), of the head's exact text.
    pub signature: [u8; 64],
    text: String,
}

impl Head {
    fn text(&self) -> String {
        // Texts and numbers: nothing in it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Signs it.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedHead {
        let text = self.text();
        SignedHead { signature: key.sign(text.as_bytes()), head: self, text }
    }
}

impl SignedHead {
    /// A head that was signed before.
    pub(crate) fn stored(head: Head, signature: [u8; 64]) -> Self {
        Self { text: head.text(), head, signature }
    }

    /// The line of an export or of a heads file.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{{\"head\":{},\"signature\":\"{}\"}}\n", self.text, hexadecimal::encode(&self.signature))
    }

    /// Reads a line without its end; whether the signature is good is another question.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        match line::parse(line)? {
            line::Line::Head { text, signature } => Self::of(text, signature),
            line::Line::Record { .. } => None,
        }
    }

    /// From its exact text.
    pub(crate) fn of(text: &[u8], signature: [u8; 64]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let head: Head = serde_json::from_str(text).ok()?;
        (head.sequence >= 0).then(|| Self { head, signature, text: text.to_owned() })
    }

    /// Whether this key signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.head.key == key_id(key) && key.verifies(self.text.as_bytes(), &self.signature)
    }
}

/// The name of a public key: SHA-256 of its 32 bytes.
#[must_use]
pub fn key_id(key: &PublicKey) -> String {
    let mut hash = Sha256::new();
    hash.update(key.as_bytes());
    hexadecimal::encode(&hash.finish())
}

/// A public key as text: 64 lower-case hexadecimal digits.
#[must_use]
pub fn public_key_text(key: &PublicKey) -> String {
    hexadecimal::encode(key.as_bytes())
}

/// Reads [`public_key_text`].
#[must_use]
pub fn parse_public_key(text: &str) -> Option<PublicKey> {
    hexadecimal::decode(text.as_bytes()).map(PublicKey::from_bytes)
}
