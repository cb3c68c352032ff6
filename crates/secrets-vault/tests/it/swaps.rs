//! Somebody who may write to the database moves, changes and cuts what is sealed: nothing opens, and the audit
//! trail says so.

use std::collections::BTreeMap;

use cryptography::MasterKey;
use ids::SecretId;
use secrets_vault::{Kind, NewValue, Vault, VaultError};
use test_support::{TestDatabase, on_both_stores};

use crate::house::vault;
use crate::world::World;

/// What is moved with a ciphertext.
const MOVES: [(&str, &[&str]); 3] = [
    ("the ciphertext", &["sealed"]),
    ("the ciphertext with its version and data key", &["sealed", "version", "data_key_id"]),
    (
        "everything but the identifier",
        &["sealed", "version", "data_key_id", "kind", "organization_id", "app_id", "user_id"],
    ),
];

/// One alarm for each of these values, in the chain of whose they are.
fn one_alarm_each<'a>(values: impl IntoIterator<Item = &'a NewValue>) -> BTreeMap<String, i64> {
    values.into_iter().map(|new| (format!("{} {}", new.owner.holder(), new.id), 1)).collect()
}

async fn refusal(vault: &Vault, new: &NewValue) -> VaultError {
    match vault.open(new.id, new.owner, new.kind).await {
        Err(error) => error,
        Ok(_) => panic!("{new:?} opens"),
    }
}

/// It does not open: said to be changed or moved, and by nothing else.
async fn is_tampered(vault: &Vault, new: &NewValue) {
    let error = refusal(vault, new).await;
    assert!(matches!(error, VaultError::Tampered(id) if id == new.id), "{new:?}: {error:?}");
}

on_both_stores! {
    async fn k03_a_ciphertext_moved_to_any_other_row_does_not_open_and_raises_one_alarm(database: TestDatabase) {
        let world = World::new(database).await;
        let store = world.house.database.backend();
        let count = world.values.len();
        world.check_whole(&world.house.vault).await;
        assert!(world.attacker.read::<String>("SELECT id FROM audit_events WHERE action = 'vault.tampering_detected'", []).await.is_empty());
        for (what, columns) in MOVES {
            let mut moved = 0;
            for distance in 1..count {
                // Every row gets what belongs to the row so many places further on.
                let set: Vec<String> = columns
                    .iter()
                    .map(|column| {
                        format!(
                            "{column} = (SELECT there.{column} FROM sealed_values_copy here JOIN sealed_values_copy there \
                             ON there.number = (here.number + {distance}) % {count} WHERE here.id = sealed_values.id)"
                        )
                    })
                    .collect();
                let sql = format!("UPDATE sealed_values SET {}", set.join(", "));
                assert_eq!(world.attacker.write(&sql, []).await, count as u64);
                for (new, _) in &world.values {
                    is_tampered(&world.house.vault, new).await;
                    moved += 1;
                }
            }
            world.attacker.undo().await;
            let alarms = world.alarms(count).await;
            assert_eq!(alarms, one_alarm_each(world.values.iter().map(|(new, _)| new)));
            println!("{store:?}: {what} of {count} values in {moved} wrong rows: 0 open");
        }
        world.check_whole(&world.house.vault).await;
        println!("{store:?}: {count} alarms for {count} values");
    }

    async fn k03_a_row_that_says_it_is_something_else_does_not_open(database: TestDatabase) {
        let world = World::new(database).await;
        let (attacker, vault) = (&world.attacker, &world.house.vault);
        let every = |sql: &'static str| attacker.read::<Option<String>>(sql, []);
        let organizations = every("SELECT id FROM organizations UNION SELECT NULL").await;
        let apps = every("SELECT id FROM apps UNION SELECT NULL").await;
        let users = every("SELECT id FROM users UNION SELECT NULL").await;
        let mut keys = every("SELECT id FROM data_keys").await;
        keys.push(Some(ids::DataKeyId::generate().to_string()));
        let mut kinds: Vec<_> = Kind::ALL.iter().map(|kind| Some(kind.as_str().to_owned())).collect();
        kinds.push(Some("nonsense".to_owned()));
        let mut changed = BTreeMap::new();
        for (column, others) in
            [("organization_id", organizations), ("app_id", apps), ("user_id", users), ("kind", kinds), ("data_key_id", keys)]
        {
            for (new, _) in &world.values {
                for other in &others {
                    let sql = format!("UPDATE sealed_values SET {column} = $1 WHERE id = $2 AND {column} IS DISTINCT FROM $1");
                    let id = new.id.to_string();
                    if attacker.write(&sql, [other.clone().into(), id.clone().into()]).await == 0 {
                        continue;
                    }
                    let error = refusal(vault, new).await;
                    assert!(matches!(error, VaultError::Tampered(_) | VaultError::Unreadable(_)), "{column}: {error:?}");
                    *changed.entry(column).or_insert(0) += 1;
                    let back = format!(
                        "UPDATE sealed_values SET {column} = (SELECT {column} FROM sealed_values_copy WHERE id = $1) WHERE id = $1"
                    );
                    attacker.write(&back, [id.into()]).await;
                }
            }
        }
        for difference in [-1_i64, 1, 1 << 32, -(1 << 32)] {
            attacker.write("UPDATE sealed_values SET version = version + $1", [difference.into()]).await;
            for (new, _) in &world.values {
                is_tampered(vault, new).await;
                *changed.entry("version").or_insert(0) += 1;
            }
            attacker.undo().await;
        }
        // Under an identifier that nobody has, and under its own again.
        for (new, _) in &world.values {
            let other = NewValue { id: SecretId::generate(), ..*new };
            let rename = "UPDATE sealed_values SET id = $1 WHERE id = $2";
            attacker.write(rename, [other.id.to_string().into(), new.id.to_string().into()]).await;
            is_tampered(&world.restarted(), &other).await;
            assert!(matches!(refusal(vault, new).await, VaultError::NotFound));
            attacker.write(rename, [new.id.to_string().into(), other.id.to_string().into()]).await;
            *changed.entry("id").or_insert(0) += 1;
        }
        world.check_whole(vault).await;
        println!("{:?}: columns changed, and how often: {changed:?}; 0 opened", world.house.database.backend());
        let mut alarms = world.alarms(world.values.len() * 2).await;
        assert_eq!(alarms.len(), world.values.len() * 2, "those that were renamed, too");
        assert!(alarms.values().all(|count| *count == 1), "{alarms:?}");
        let own = one_alarm_each(world.values.iter().map(|(new, _)| new));
        alarms.retain(|target, _| own.contains_key(target));
        assert_eq!(alarms, own);
    }

    async fn an_old_version_does_not_open_as_the_new_one_but_a_row_set_back_as_a_whole_does(database: TestDatabase) {
        let world = World::new(database).await;
        let (attacker, vault) = (&world.attacker, &world.house.vault);
        let (new, value) = world.values.first().unwrap();
        let change = world.house.journal.begin().await.unwrap();
        let next = cryptography::SecretBytes::copy_of(b"value 000 of version 2");
        let version = vault.replace(&change, *new, &next, time::OffsetDateTime::now_utc()).await.unwrap();
        change.commit(audit::Event::done(audit::Actor::System, "test", audit::Target::Secret(new.id))).await.unwrap();
        assert_eq!(version, 2);
        let set_back = |columns: &'static str| async move {
            let sql = format!(
                "UPDATE sealed_values SET ({columns}) = (SELECT {columns} FROM sealed_values_copy WHERE id = $1) WHERE id = $1"
            );
            assert_eq!(attacker.write(&sql, [new.id.to_string().into()]).await, 1);
        };
        set_back("sealed, data_key_id").await;
        is_tampered(vault, new).await;
        // Known and documented (src/place.rs): the row says the truth about an older value. The audit trail, which names the
        // version of every change, says that it is older.
        set_back("sealed, data_key_id, version").await;
        assert_eq!(vault.open(new.id, new.owner, new.kind).await.unwrap().reveal(), value);
    }

    async fn k03_a_ciphertext_with_any_bit_flipped_cut_or_extended_does_not_open(database: TestDatabase) {
        let world = World::new(database).await;
        let (attacker, vault) = (&world.attacker, &world.house.vault);
        let (new, _) = world.values.last().unwrap();
        let id = new.id.to_string();
        let sealed = attacker.read::<Vec<u8>>("SELECT sealed FROM sealed_values WHERE id = $1", [id.clone().into()]).await.remove(0);
        let flipped = (0..sealed.len() * 8).map(|bit| {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            changed
        });
        let cut = (0..sealed.len()).flat_map(|length| [sealed[..length].to_vec(), sealed[sealed.len() - length..].to_vec()]);
        let extended = [1, 16, 65_536, 32 << 20].map(|more| [sealed.clone(), vec![0; more]].concat());
        let mut spoilt = 0;
        for changed in flipped.chain(cut).chain(extended) {
            attacker.write("UPDATE sealed_values SET sealed = $1 WHERE id = $2", [changed.into(), id.clone().into()]).await;
            is_tampered(vault, new).await;
            spoilt += 1;
        }
        attacker.undo().await;
        world.check_whole(vault).await;
        assert_eq!(world.alarms(1).await, one_alarm_each([new]));
        println!("{:?}: {spoilt} spoilt forms of a ciphertext of {} bytes: 0 open, 1 alarm", world.house.database.backend(), sealed.len());
    }

    async fn k03_a_data_key_that_was_moved_or_changed_unwraps_nowhere(database: TestDatabase) {
        let world = World::new(database).await;
        let attacker = &world.attacker;
        let count = attacker.read::<String>("SELECT id FROM data_keys", []).await.len();
        assert_eq!(count, 5, "the platform's, two of one organization, one each of two");
        let other_master = MasterKey::generate().unwrap();
        let both = || vault(&world.house.journal, &[&world.house.master_key, &other_master]);
        let master_id = MasterKey::parse(&other_master).unwrap().id().to_owned();
        // Each wrapped key in the place of each other, alone and with the holder; and under another master key.
        let from = |column: &str, distance: usize| {
            format!(
                "{column} = (SELECT there.{column} FROM data_keys_copy here JOIN data_keys_copy there \
                 ON there.number = (here.number + {distance}) % {count} WHERE here.id = data_keys.id)"
            )
        };
        let mut changes: Vec<(String, u64)> = (1..count).map(|distance| (from("wrapped", distance), count as u64)).collect();
        changes.push((format!("master_key_id = '{master_id}'"), count as u64));
        let mut refused = 0;
        for (change, rows) in changes {
            assert_eq!(attacker.write(&format!("UPDATE data_keys SET {change}"), []).await, rows);
            let started_now = both();
            for (new, _) in &world.values {
                let error = refusal(&started_now, new).await;
                assert!(matches!(error, VaultError::KeyTampered(_)), "{change}: {error:?}");
                refused += 1;
            }
            attacker.undo().await;
        }
        // Identifiers and holders are unique while they are current: change them one key at a time, all retired.
        for distance in 1..count {
            for (column, rename) in [("id", true), ("holder", false)] {
                attacker.write("UPDATE data_keys SET retired_at = created_at", []).await;
                if rename {
                    attacker.write("UPDATE data_keys SET id = id || 'x'", []).await;
                    attacker.write(
                        &format!("UPDATE data_keys SET {}", from("id", distance).replace("= data_keys.id", "|| 'x' = data_keys.id")),
                        [],
                    ).await;
                } else {
                    attacker.write(&format!("UPDATE data_keys SET {}", from(column, distance)), []).await;
                }
                let same_holder = |new: &NewValue| {
                    // The two keys of one organization name the same holder.
                    let sql = "SELECT k.id FROM data_keys k JOIN data_keys_copy c ON k.id = c.id AND k.holder = c.holder
                               JOIN sealed_values v ON v.data_key_id = k.id WHERE v.id = $1";
                    attacker.read::<String>(sql, [new.id.to_string().into()])
                };
                let started_now = both();
                for (new, _) in &world.values {
                    if !rename && !same_holder(new).await.is_empty() {
                        continue;
                    }
                    let error = refusal(&started_now, new).await;
                    assert!(matches!(error, VaultError::KeyTampered(_)), "{column}: {error:?}");
                    refused += 1;
                }
                attacker.undo().await;
            }
        }
        // Every bit, every length.
        let (new, _) = &world.values[0];
        let sql = "SELECT k.id FROM data_keys k JOIN sealed_values v ON v.data_key_id = k.id WHERE v.id = $1";
        let key = attacker.read::<String>(sql, [new.id.to_string().into()]).await.remove(0);
        let wrapped = attacker.read::<Vec<u8>>("SELECT wrapped FROM data_keys WHERE id = $1", [key.clone().into()]).await.remove(0);
        let flipped = (0..wrapped.len() * 8).map(|bit| {
            let mut changed = wrapped.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            changed
        });
        let mut spoilt = 0;
        for changed in flipped.chain((0..wrapped.len()).map(|length| wrapped[..length].to_vec())) {
            attacker.write("UPDATE data_keys SET wrapped = $1 WHERE id = $2", [changed.into(), key.clone().into()]).await;
            let error = refusal(&world.restarted(), new).await;
            assert!(matches!(error, VaultError::KeyTampered(_)), "{error:?}");
            spoilt += 1;
        }
        attacker.undo().await;
        world.check_whole(&world.restarted()).await;
        println!(
            "{:?}: {refused} values under moved keys, {spoilt} spoilt forms of a wrapped key: 0 open",
            world.house.database.backend()
        );
    }

    async fn k03_a_key_that_does_not_unwrap_raises_one_alarm_for_each_value_and_seals_nothing(database: TestDatabase) {
        let world = World::new(database).await;
        world.attacker.write("UPDATE data_keys SET wrapped = $1", [vec![0_u8; 60].into()]).await;
        let vault = world.restarted();
        for _ in 0..2 {
            for (new, _) in &world.values {
                assert!(matches!(refusal(&vault, new).await, VaultError::KeyTampered(_)));
            }
        }
        assert_eq!(world.alarms(world.values.len()).await, one_alarm_each(world.values.iter().map(|(new, _)| new)));
        let new = NewValue { id: SecretId::generate(), ..world.values[0].0 };
        for _ in 0..2 {
            let change = world.house.journal.begin().await.unwrap();
            let value = cryptography::SecretBytes::copy_of(b"new");
            let refused = vault.seal(&change, new, &value, time::OffsetDateTime::now_utc()).await;
            assert!(matches!(refused, Err(VaultError::KeyTampered(_))), "{refused:?}");
        }
        let alarms = world.alarms(world.values.len() + 1).await;
        assert_eq!(alarms.values().sum::<i64>(), i64::try_from(world.values.len()).unwrap() + 1, "one for the key");
    }

    async fn k03_a_key_given_to_another_holder_seals_nothing_for_them(database: TestDatabase) {
        let world = World::new(database).await;
        world.check_whole(&world.house.vault).await;
        let holders = world.attacker.read::<String>(
            "SELECT holder FROM data_keys WHERE retired_at IS NULL ORDER BY holder", []).await;
        let (victim, other) = (&holders[0], &holders[1]);
        let sql = "UPDATE data_keys SET retired_at = created_at WHERE holder = $1";
        world.attacker.write(sql, [victim.clone().into()]).await;
        let sql = "UPDATE data_keys SET holder = $1 WHERE holder = $2 AND retired_at IS NULL";
        assert_eq!(world.attacker.write(sql, [victim.clone().into(), other.clone().into()]).await, 1);
        let owner = world.values.iter().map(|(new, _)| new.owner).find(|owner| owner.holder().to_string() == *victim).unwrap();
        let new = NewValue { id: SecretId::generate(), owner, kind: Kind::ApiKey };
        // The process that has the key unwrapped already, and one that has not.
        for vault in [&world.house.vault, &world.restarted()] {
            let change = world.house.journal.begin().await.unwrap();
            let value = cryptography::SecretBytes::copy_of(b"new");
            let refused = vault.seal(&change, new, &value, time::OffsetDateTime::now_utc()).await;
            assert!(matches!(refused, Err(VaultError::KeyTampered(_))), "{refused:?}");
        }
    }
}
