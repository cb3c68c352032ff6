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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ids::{AppId, OrganizationId, UserId};

    use super::*;

    #[test]
    fn every_part_of_a_place_makes_another_place() {
        let (organization, other) = (OrganizationId::generate(), OrganizationId::generate());
        let owners = [
            Owner::Platform,
            Owner::Organization(organization),
            Owner::Organization(other),
            Owner::App(organization, AppId::generate()),
            Owner::App(organization, AppId::generate()),
            Owner::Member(organization, UserId::generate()),
            Owner::Member(other, UserId::generate()),
        ];
        let ids = [SecretId::generate(), SecretId::generate()];
        let keys = [DataKeyId::generate(), DataKeyId::generate()];
        let mut places = HashSet::new();
        let mut made = 0;
        for (id, key) in ids.iter().flat_map(|id| keys.iter().map(move |key| (*id, *key))) {
            for (owner, kind) in
                owners.iter().flat_map(|owner| Kind::ALL.iter().map(move |kind| (*owner, *kind)))
            {
                for version in [1, 2, 11, -1] {
                    places.insert(of_value(id, owner, kind, version, key));
                    made += 1;
                }
            }
        }
        for holder in owners.map(Owner::holder).into_iter().collect::<HashSet<_>>() {
            for key in keys {
                places.insert(of_data_key(key, holder));
                made += 1;
            }
        }
        assert_eq!(places.len(), made);
        // The same member or app in two organizations.
        let user = UserId::generate();
        let of = |organization| of_value(ids[0], Owner::Member(organization, user), Kind::ApiKey, 1, keys[0]);
        assert_ne!(of(organization), of(other));
    }
}
