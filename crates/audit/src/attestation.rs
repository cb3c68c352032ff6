//! Attestations: signed statements of what was found out on something that runs.
//!
//! They are signed by the key of the audit trail's heads. No attestation reads as a receipt or a head: their fields
//! differ, and none takes unknown ones.

use cryptography::{PublicKey, hexadecimal};
use ids::{AuditEventId, OrganizationId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Event, Receipts, head, record};

/// What was found out. Serialized, it is the text that is signed: the order of the fields is part of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attestation<T> {
    /// What kind of finding it is.
    pub attests: String,
    /// Whose.
    pub organization: OrganizationId,
    /// When: RFC 3339 in UTC, with exactly six digits after the second.
    pub at: String,
    /// The record of the audit trail that says that it was looked at.
    pub record: AuditEventId,
    /// What was found.
    pub found: T,
    /// Whose signature it bears: SHA-256 of the public key.
    pub key: String,
}

/// An attestation and its signature, as answered and kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedAttestation<T> {
    /// The attestation. Its exact text, without spaces between the tokens, is what was signed.
    pub attestation: Attestation<T>,
    /// Ed25519 (RFC 8032), in hexadecimal digits.
    pub signature: String,
}

impl Receipts {
    /// Attests what this event is about. To be handed out once it is recorded.
    #[must_use]
    pub fn attest<T: Serialize>(
        &self,
        event: &Event,
        organization: OrganizationId,
        attests: &str,
        found: T,
    ) -> SignedAttestation<T> {
        let attestation = Attestation {
            attests: attests.to_owned(),
            organization,
            at: record::timestamp(event.at),
            record: event.id,
            found,
            key: head::key_id(&self.key().public_key()),
        };
        let signature = self.key().sign(attestation.text().as_bytes());
        SignedAttestation { signature: hexadecimal::encode(&signature), attestation }
    }
}

impl<T: Serialize> Attestation<T> {
    fn text(&self) -> String {
        // What cannot be written has an empty text, which nobody has signed.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl<T: Serialize + DeserializeOwned> SignedAttestation<T> {
    /// Reads an answer that was kept; whether the signature is good is another question.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// Whether this key signed it, as an attestation of this kind.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey, attests: &str) -> bool {
        let Some(signature) = hexadecimal::decode::<64>(self.signature.as_bytes()) else { return false };
        let text = self.attestation.text();
        self.attestation.attests == attests
            && self.attestation.key == head::key_id(key)
            && !text.is_empty()
            && key.verifies(text.as_bytes(), &signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, SignedReceipt, Target};
    use cryptography::RootKey;

    #[test]
    fn an_attestation_verifies_as_it_was_answered_and_no_other_does() {
        let key = RootKey::generate().unwrap().signing_key("audit heads").unwrap();
        let public_key = key.public_key();
        let organization = OrganizationId::generate();
        let event = Event::done(Actor::System, "connection.prove", Target::Organization(organization));
        let signed = Receipts::new(key).attest(&event, organization, "locks", vec!["parser".to_owned()]);
        let answered = serde_json::to_string_pretty(&signed).unwrap();
        type Kept = SignedAttestation<Vec<String>>;
        let kept = Kept::parse(answered.as_bytes()).unwrap();
        assert!(kept.is_signed_by(&public_key, "locks"));
        assert!(!kept.is_signed_by(&public_key, "keys"));
        let stranger = RootKey::generate().unwrap().signing_key("audit heads").unwrap().public_key();
        assert!(!kept.is_signed_by(&stranger, "locks"));
        for (was, is) in [
            ("parser", "role"),
            ("\"locks\"", "\"keys\""),
            (&*signed.attestation.at, "2020-01-01T00:00:00.000000Z"),
        ] {
            let changed = Kept::parse(answered.replace(was, is).as_bytes()).unwrap();
            assert!(!changed.is_signed_by(&public_key, &changed.attestation.attests.clone()), "{was}");
        }
        assert!(Kept::parse(answered.replace("\"found\"", "\"fund\"").as_bytes()).is_none());
        assert!(SignedReceipt::parse(answered.as_bytes()).is_none());
    }
}
