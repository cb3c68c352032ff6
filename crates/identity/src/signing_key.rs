//! A key that signs user tokens, and when it does what.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::SecretBytes;
use ids::{SecretId, SigningKeyId};
use jsonwebtoken::DecodingKey;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use schemars::JsonSchema;
use serde::Serialize;
use time::{Duration, OffsetDateTime};

/// How long a key is published before it signs, so that whoever keeps the published keys for a while
/// knows it by then.
pub(crate) const LEAD: Duration = Duration::minutes(10);

pub(crate) struct SigningKey {
    pub(crate) id: SigningKeyId,
    /// Its private half in the vault.
    pub(crate) secret: SecretId,
    pub(crate) pair: Ed25519KeyPair,
    pub(crate) verifier: DecodingKey,
    pub(crate) created_at: OffsetDateTime,
    /// When it signs no more.
    pub(crate) retired_at: Option<OffsetDateTime>,
}

/// A public key as published (RFC 7517, RFC 8037).
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishedKey {
    /// Key type: `OKP`.
    pub kty: &'static str,
    /// Curve: `Ed25519`.
    pub crv: &'static str,
    /// Purpose: `sig`.
    #[serde(rename = "use")]
    pub purpose: &'static str,
    /// Algorithm: `EdDSA`.
    pub alg: &'static str,
    /// The key's identifier.
    pub kid: SigningKeyId,
    /// The public key in base64url.
    pub x: String,
}

impl SigningKey {
    /// From its seed (RFC 8032, section 5.1.5). `None` if that is no seed, or that of another public key.
    pub(crate) fn read(
        id: SigningKeyId,
        secret: SecretId,
        seed: &SecretBytes,
        public_key: &[u8],
        created_at: OffsetDateTime,
        retired_at: Option<OffsetDateTime>,
    ) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_and_public_key(seed.reveal(), public_key).ok()?;
        let verifier = DecodingKey::from_ed_der(pair.public_key().as_ref());
        Some(Self { id, secret, pair, verifier, created_at, retired_at })
    }

    /// Whether it is published, which it is for `trail` after its last signature.
    pub(crate) fn is_published(&self, trail: Duration, now: OffsetDateTime) -> bool {
        self.retired_at.is_none_or(|retired_at| now < retired_at + trail)
    }

    fn may_sign(&self, now: OffsetDateTime) -> bool {
        self.created_at + LEAD <= now && self.retired_at.is_none_or(|retired_at| now < retired_at)
    }

    pub(crate) fn published(&self) -> PublishedKey {
        PublishedKey {
            kty: "OKP",
            crv: "Ed25519",
            purpose: "sig",
            alg: "EdDSA",
            kid: self.id,
            x: URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref()),
        }
    }
}

/// Which of the keys, oldest first, signs now: the newest that was published long enough, else the
/// oldest that is not retired, else the newest there is.
pub(crate) fn signer(keys: &[std::sync::Arc<SigningKey>], now: OffsetDateTime) -> usize {
    keys.iter()
        .rposition(|key| key.may_sign(now))
        .or_else(|| keys.iter().position(|key| key.retired_at.is_none_or(|retired_at| now < retired_at)))
        .unwrap_or(keys.len().saturating_sub(1))
}
