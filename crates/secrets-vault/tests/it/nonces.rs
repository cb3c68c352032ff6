//! Nonces of values that two replicas sealed, with restarts and a restored copy of the store between them.

use std::collections::HashSet;

use audit::{Actor, Event, Target};
use cryptography::SecretBytes;
use ids::SecretId;
use secrets_vault::{Kind, NewValue, Owner, Vault};
use test_support::{TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::world::World;

const VALUES_A_CHANGE: usize = 50;
const CHANGES: usize = 5;

/// Seals values in changes, and puts others in their place.
async fn write(world: &World, vault: &Vault, owner: Owner) {
    for _ in 0..CHANGES {
        let change = world.house.journal.begin().await.unwrap();
        for number in 0..VALUES_A_CHANGE {
            let new = NewValue { id: SecretId::generate(), owner, kind: Kind::ApiKey };
            let (value, now) = (SecretBytes::copy_of(b"the same"), OffsetDateTime::now_utc());
            vault.seal(&change, new, &value, now).await.unwrap();
            if number % 2 == 0 {
                vault.replace(&change, new, &value, now).await.unwrap();
            }
        }
        change.commit(Event::done(Actor::System, "test", Target::Platform)).await.unwrap();
    }
}

on_both_stores! {
    async fn k04_two_replicas_restarts_and_a_restored_store_repeat_no_nonce(database: TestDatabase) {
        let world = World::new(database).await;
        // Written by the database itself, whoever seals.
        world.attacker.keep_nonces().await;
        let owner = world.values[1].0.owner;
        let mut sealed = 0;
        for _ in 0..3 {
            // Two processes that were just started, at the same time, with one key.
            let (one, other) = (world.restarted(), world.restarted());
            tokio::join!(write(&world, &one, owner), write(&world, &other, owner));
            sealed += 2 * CHANGES * (VALUES_A_CHANGE + VALUES_A_CHANGE / 2);
            // An older copy of the store: the count of seals is the old one again, and the key is the same.
            world.attacker.undo().await;
        }
        let nonces = world.attacker.nonces().await;
        assert_eq!(nonces.len(), sealed);
        let keys: HashSet<&String> = nonces.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), 1, "one key sealed them all");
        assert_eq!(nonces.iter().collect::<HashSet<_>>().len(), sealed, "a nonce came twice");
    }
}
