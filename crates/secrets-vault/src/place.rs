//! Where a sealed thing belongs: the associated data (NIST SP 800-38D) without which it does not open.
//!
//! Each part is preceded by its length, so that no two lists of parts make the same bytes.
//!
//! What this cannot show: that a row was deleted, or that ciphertext, version and data key of a row were set back
//! together to what they once were. Such a row says the truth about an older value. The audit trail names the version
//! of every change; a version in the table below that one shows it.

use ids::{DataKeyId, SecretId};

use crate::{Holder, Kind, Owner};

/// The place of a value.
pub fn of_value(id: SecretId, owner: Owner, kind: Kind, version: i64, data_key: DataKeyId) -> Vec<u8> {
    join(&[
        "vybe-value-1",
        &owner.holder().to_string(),
        kind.as_str(),
        &owner.to_string(),
        &id.to_string(),
        &version.to_string(),
        &data_key.to_string(),
    ])
}

/// The place of a data key that a master key wrapped.
pub fn of_data_key(id: DataKeyId, holder: Holder) -> Vec<u8> {
    join(&["vybe-data-key-1", &holder.to_string(), &id.to_string()])
}

fn join(parts: &[&str]) -> Vec<u8> {
    let mut place = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        // Identifiers and names of kinds: far below four gigabytes.
        place.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        place.extend_from_slice(part.as_bytes());
    }
    place
}
