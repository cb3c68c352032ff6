//! Receipts: signed statements of what was destroyed with an organization.
//!
//! They are signed by the key of the audit trail's heads. No receipt reads as a head, and no head as a receipt: their
//! fields differ, and neither takes unknown ones.

use cryptography::{PublicKey, SigningKey, hexadecimal};
use ids::{AuditEventId, DataKeyId, OrganizationId, OrganizationSlug};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Event, head, record};

/// What a receipt does not say.
const NOT_COVERED: &str = "Copies of the database that were made before still hold the wrapped keys and the sealed \
    values. They open for whoever also has the master key that wrapped the keys: destroy such copies, or replace that \
    master key and destroy it, with a remote provider there. The organization's audit trail is kept.";

/// What was destroyed with an organization. Serialized, it is the text that is signed: the order of the fields is part
/// of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Receipt {
    /// The organization.
    pub organization: OrganizationId,
    /// Its slug.
    pub slug: OrganizationSlug,
    /// When: RFC 3339 in UTC, with exactly six digits after the second.
    pub deleted_at: String,
    /// The data keys that were destroyed: what was sealed with them does not open again.
    pub data_keys: Vec<DataKeyId>,
    /// How many sealed values were deleted with them.
    pub values: u64,
    /// How many apps were deleted.
    pub apps: u64,
    /// How many people were members.
    pub members: u64,
    /// The record of the audit trail that says the same.
    pub record: AuditEventId,
    /// What is not destroyed.
    pub not_covered: String,
    /// Whose signature it bears: SHA-256 of the public key.
    pub key: String,
}

/// What was destroyed.
#[derive(Clone, Debug)]
pub struct Destruction {
    /// The organization.
    pub organization: OrganizationId,
    /// Its slug.
    pub slug: OrganizationSlug,
    /// Its data keys.
    pub data_keys: Vec<DataKeyId>,
    /// How many sealed values.
    pub values: u64,
    /// How many apps.
    pub apps: u64,
    /// How many members.
    pub members: u64,
}

/// A receipt and its signature, as answered and kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// The receipt. Its exact text, without spaces between the tokens, is what was signed.
    pub receipt: Receipt,
    /// Ed25519 (RFC 8032), in hexadecimal digits.
    #[serde(serialize_with = "write_signature", deserialize_with = "read_signature")]
    #[schemars(with = "String")]
    pub signature: [u8; 64],
}

/// Signs receipts.
pub struct Receipts {
    key: SigningKey,
}

impl Receipts {
    /// Signs with the key of the audit trail's heads.
    #[must_use]
    pub const fn new(key: SigningKey) -> Self {
        Self { key }
    }

    pub(crate) const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The receipt for what this event reports. To be handed out once it is committed.
    #[must_use]
    pub fn issue(&self, event: &Event, destruction: Destruction) -> SignedReceipt {
        let receipt = Receipt {
            organization: destruction.organization,
            slug: destruction.slug,
            deleted_at: record::timestamp(event.at),
            data_keys: destruction.data_keys,
            values: destruction.values,
            apps: destruction.apps,
            members: destruction.members,
            record: event.id,
            not_covered: NOT_COVERED.to_owned(),
            key: head::key_id(&self.key.public_key()),
        };
        SignedReceipt { signature: self.key.sign(receipt.text().as_bytes()), receipt }
    }
}

impl Receipt {
    fn text(&self) -> String {
        // Texts and numbers: nothing in it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl SignedReceipt {
    /// Reads an answer that was kept; whether the signature is good is another question.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// Whether this key signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &PublicKey) -> bool {
        self.receipt.key == head::key_id(key) && key.verifies(self.receipt.text().as_bytes(), &self.signature)
    }
}

fn write_signature<S: Serializer>(signature: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hexadecimal::encode(signature))
}

fn read_signature<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
    let text = String::deserialize(deserializer)?;
    hexadecimal::decode(text.as_bytes())
        .ok_or_else(|| serde::de::Error::custom("a signature is 128 lower-case hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Actor, SignedHead, Target};
    use cryptography::RootKey;

    fn signed() -> (SignedReceipt, PublicKey) {
        let key = RootKey::generate().unwrap().signing_key("audit heads").unwrap();
        let public_key = key.public_key();
        let organization = OrganizationId::generate();
        let event = Event::done(Actor::System, "organization.delete", Target::Organization(organization));
        let destruction = Destruction {
            organization,
            slug: "acme".parse().unwrap(),
            data_keys: vec![DataKeyId::generate()],
            values: 3,
            apps: 2,
            members: 1,
        };
        (Receipts::new(key).issue(&event, destruction), public_key)
    }

    #[test]
    fn a_receipt_verifies_as_it_was_answered_and_no_other_does() {
        let (receipt, key) = signed();
        let answered = serde_json::to_string_pretty(&receipt).unwrap();
        let kept = SignedReceipt::parse(answered.as_bytes()).unwrap();
        assert!(kept.is_signed_by(&key));
        let (_, other) = signed();
        assert!(!kept.is_signed_by(&other));
        for (field, value) in [("values", "3"), ("apps", "2"), ("members", "1"), ("slug", "\"acme\"")] {
            let other = if value.starts_with('"') { "\"acne\"" } else { "4" };
            let (was, is) = (format!("\"{field}\": {value}"), format!("\"{field}\": {other}"));
            assert!(answered.contains(&was), "{answered}");
            let changed = SignedReceipt::parse(answered.replace(&was, &is).as_bytes()).unwrap();
            assert!(!changed.is_signed_by(&key), "{field}");
        }
        assert!(SignedReceipt::parse(answered.replace("\"values\"", "\"worth\"").as_bytes()).is_none());
    }

    #[test]
    fn a_receipt_is_no_head() {
        let (receipt, key) = signed();
        let text = receipt.receipt.text();
        let line =
            format!("{{\"head\":{text},\"signature\":\"{}\"}}", hexadecimal::encode(&receipt.signature));
        assert!(key.verifies(text.as_bytes(), &receipt.signature));
        assert!(SignedHead::parse(line.as_bytes()).is_none());
    }
}
