//! What the service says of a key.

use serde::Deserialize;

/// Which ciphers take associated data and have 256 bits.
const SUITABLE: &[&str] = &["aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"];

/// A key as `GET /v1/<mount>/keys/<key>` describes it.
#[derive(Clone, Debug, Deserialize)]
pub struct Key {
    #[serde(rename = "type")]
    kind: String,
    /// Which version wraps.
    pub latest_version: u32,
    #[serde(default)]
    derived: bool,
    #[serde(default)]
    exportable: bool,
    #[serde(default)]
    allow_plaintext_backup: bool,
    #[serde(default)]
    deletion_allowed: bool,
}

impl Key {
    /// Why it cannot wrap data keys, if it cannot.
    pub fn unsuitable(&self) -> Option<&'static str> {
        if !SUITABLE.contains(&self.kind.as_str()) {
            return Some(
                "is of a type that does not bind what it wraps to a place; make one of type aes256-gcm96",
            );
        }
        if self.derived {
            return Some("is a derived key; make one without `derived`");
        }
        (self.latest_version == 0).then_some("has no version")
    }

    /// What an operator should change.
    pub fn concerns(&self) -> Vec<&'static str> {
        [
            (self.exportable, "is exportable: whoever may export it has the master key itself"),
            (self.allow_plaintext_backup, "allows plaintext backups, which hold the master key itself"),
            (
                self.deletion_allowed,
                "may be deleted, and everything in the vault with it; set deletion_allowed=false",
            ),
        ]
        .into_iter()
        .filter_map(|(is_so, concern)| is_so.then_some(concern))
        .collect()
    }
}
