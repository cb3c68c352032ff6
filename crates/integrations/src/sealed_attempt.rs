//! What an attempt to connect an account began with, sealed for the browser that comes back.

use std::collections::BTreeSet;

use access_control::UsableBy;
use catalogue::{ServiceKey, Values};
use cryptography::{SealError, SealingKey};
use serde::{Deserialize, Serialize};

use crate::AccountError;
use crate::store::connect_attempts::Row;

/// What an attempt began with, kept from the browser and from whoever reads the tables.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SealedAttempt {
    pub(crate) shared: bool,
    pub(crate) service: ServiceKey,
    /// For a service of the organization's own: where credentials go.
    pub(crate) imported: Option<String>,
    pub(crate) client_id: String,
    pub(crate) name: String,
    pub(crate) usable_by: UsableBy,
    pub(crate) from_pages: bool,
    pub(crate) values: Values,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) verifier: Option<String>,
    pub(crate) return_to: Option<String>,
}

impl SealedAttempt {
    /// Seals it for who may come back, and for which account: what the row says of that.
    pub(crate) fn seal(&self, key: &SealingKey, row: &Row) -> Result<Vec<u8>, AccountError> {
        let sealed: Result<Vec<u8>, SealError> = key.seal(&place(row), &serde_json::to_vec(self)?);
        Ok(sealed?)
    }

    /// What was sealed, if the row says the same.
    pub(crate) fn open(key: &SealingKey, row: &Row) -> Option<Self> {
        let opened = key.open(&place(row), &row.sealed).ok()?;
        serde_json::from_slice(opened.reveal()).ok()
    }
}

fn place(row: &Row) -> Vec<u8> {
    let account = row.account.map(|account| account.to_string()).unwrap_or_default();
    let texts = [row.organization.to_string(), row.user.to_string(), row.session.to_string(), account];
    // Identifiers hold no line ends, and the hash comes last.
    let mut bytes = format!("connect attempt\n{}\n", texts.join("\n")).into_bytes();
    bytes.extend_from_slice(&row.state_hash);
    bytes
}
