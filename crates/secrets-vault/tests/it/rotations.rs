//! Keys are replaced: everything opens with the successor, nothing with the former key.

use std::time::Instant;

use access_control::RotateOrganizationKey;
use audit::{Actor, Event, Occasion, Target};
use ids::KeyRotationId;
use secrets_vault::{
    Holder, KeyRotations, Rotation, RotationLimits, RotationState, Store, Subject, VaultError,
};
use test_support::TestDatabase;
use time::{Duration, OffsetDateTime};

use crate::house::vault;
use crate::many_values::{ManyValues, rotations};
use crate::office::{Office, occasion, variable};

/// Asks for the turn until somebody else's has ended, and works until the rotation has.
async fn until_it_is_free(rotations: &KeyRotations, id: KeyRotationId) -> Rotation {
    let deadline = Instant::now() + std::time::Duration::from_secs(60);
    loop {
        if let Some(ended) = rotations.work(id).await.unwrap() {
            return ended;
        }
        assert!(Instant::now() < deadline, "the turn does not end");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

test_support::on_both_stores! {
    async fn a_rotation_seals_everything_again_and_destroys_the_former_key(database: TestDatabase) {
        let many = ManyValues::new(database, 45).await;
        let before = many.rows().await;
        let rotations = rotations(&many.house.vault, RotationLimits { batch: 10, ..RotationLimits::default() });
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        assert_eq!((begun.total, begun.done), (45, 0));
        assert_eq!(begun.state, RotationState::Running);
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        let RotationState::Finished(proof) = &ended.state else { panic!("{:?}", ended.state) };
        assert_eq!((proof.opened, proof.tried_with_former), (45, 45));
        assert_eq!((proof.opened_with_former, proof.left_with_former), (0, 0));
        assert_eq!((ended.done, proof.former.len()), (45, 1));

        // Only key and ciphertext are others.
        let after = many.rows().await;
        for (id, old) in &before {
            let new = &after[id];
            assert_eq!((old.version, &old.updated_at), (new.version, &new.updated_at));
            assert_eq!((&old.key, &new.key), (&proof.former[0], &ended.successor));
            assert_ne!(old.sealed, new.sealed);
        }
        assert_eq!(many.keys().await, std::slice::from_ref(&ended.successor));
        // Exactly as often as the successor sealed.
        assert_eq!(many.seals(&ended.successor).await, 45);
        many.check(&many.house.vault).await;
        many.check(&many.restarted()).await;
        let actions = many.actions(&begun.id.to_string()).await;
        assert_eq!(actions, [("key_rotation.start".into(), "done".into()), ("key_rotation.finish".into(), "done".into())]);
        assert!(rotations.work(begun.id).await.unwrap().is_none(), "it has ended");
    }

    async fn the_platforms_own_key_is_rotated_with_the_root_in_it(database: TestDatabase) {
        let many = ManyValues::new(database, 1).await;
        let root = many.house.vault.root_key(OffsetDateTime::now_utc()).await.unwrap().hash_key("test").hash(b"same");
        let rotations = rotations(&many.house.vault, RotationLimits::default());
        let subject = Subject::KeyOf(Holder::Platform);
        let begun = rotations.begin(subject, OffsetDateTime::now_utc()).await.unwrap();
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, RotationState::Finished(_)));
        let again = many.restarted().root_key(OffsetDateTime::now_utc()).await.unwrap();
        assert_eq!(again.hash_key("test").hash(b"same"), root);
    }

    /// With another root nothing that was derived from the first one is recognised: no session, no server secret.
    async fn k06_a_root_key_that_is_gone_is_not_made_again(database: TestDatabase) {
        let many = ManyValues::new(database, 1).await;
        assert!(many.house.vault.known_root_key().await.unwrap().is_none(), "an organization's key says nothing");
        many.house.vault.root_key(OffsetDateTime::now_utc()).await.unwrap();
        many.write("DELETE FROM sealed_values WHERE kind = 'root_key'", []).await;
        let started = many.restarted().root_key(OffsetDateTime::now_utc()).await;
        assert!(matches!(started.err(), Some(VaultError::RootKeyGone)));
        // Whoever only looks is not told that it is yet to be made.
        assert!(matches!(many.restarted().known_root_key().await.err(), Some(VaultError::RootKeyGone)));
        let rows = many.read("SELECT id FROM sealed_values WHERE kind = 'root_key'", []).await;
        assert!(rows.is_empty());
    }

    async fn one_rotation_of_a_key_at_a_time_and_one_process_on_it(database: TestDatabase) {
        let many = ManyValues::new(database, 5).await;
        let rotations = rotations(&many.house.vault, RotationLimits::default());
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let again = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await;
        assert!(matches!(again, Err(VaultError::RotationUnderWay)));
        assert_eq!(many.keys().await.len(), 2, "no third key");
        // Another process works on it.
        let later = OffsetDateTime::now_utc() + Duration::minutes(1);
        many.write("UPDATE key_rotations SET lease = 'lse_other', leased_until = $1", [later.into()]).await;
        assert!(rotations.work(begun.id).await.unwrap().is_none());
        // It died.
        let before = OffsetDateTime::now_utc() - Duration::seconds(1);
        many.write("UPDATE key_rotations SET leased_until = $1", [before.into()]).await;
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, RotationState::Finished(_)));
        many.check(&many.house.vault).await;
    }

    /// Each rotation reads and writes every value of the organization.
    async fn k26_nobody_rotates_again_and_again(database: TestDatabase) {
        let office = Office::new(database).await;
        office.create(variable("A", access_control::Environment::Production, "a")).await.unwrap();
        let rotations = rotations(&office.house.vault, RotationLimits::default());
        let permit = office.within::<RotateOrganizationKey>(office.owner);
        let start = async |later: Duration| {
            let now = OffsetDateTime::now_utc() + later;
            rotations.start(&permit, Occasion { now, ..occasion() }).await
        };
        let first = start(Duration::ZERO).await.unwrap();
        assert!(matches!(first.state, RotationState::Finished(_)), "{:?}", first.state);
        for refused in [start(Duration::ZERO).await, start(Duration::seconds(30)).await] {
            assert!(matches!(refused, Err(VaultError::RotatedJustNow)), "{refused:?}");
        }
        assert_eq!((office.count("key_rotations").await, office.count("data_keys").await), (1, 1));
        // Many at once are one.
        let many = futures_util::future::join_all((0..20).map(|_| start(Duration::minutes(1)))).await;
        assert_eq!(many.iter().filter(|started| started.is_ok()).count(), 1);
        let refused = many.into_iter().filter_map(Result::err);
        for error in refused {
            assert!(matches!(error, VaultError::RotatedJustNow | VaultError::RotationUnderWay), "{error:?}");
        }
        // The operator is asked for nothing, and what failed is tried again at once.
        let subject = Subject::KeyOf(Holder::Organization(office.organization));
        let begun = rotations.begin(subject, OffsetDateTime::now_utc()).await.unwrap();
        rotations.work(begun.id).await.unwrap().unwrap();
        let failed = "UPDATE key_rotations SET state = 'failed', outcome = '{\"number\":1,\"first\":[]}'";
        office.execute(failed, []).await;
        start(Duration::ZERO).await.unwrap();
    }

    async fn whoever_lost_the_turn_changes_nothing_any_more(database: TestDatabase) {
        let many = ManyValues::new(database, 60).await;
        let limits = RotationLimits { batch: 1, ..RotationLimits::default() };
        let rotations = rotations(&many.house.vault, limits);
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let (working, id) = (rotations.clone(), begun.id);
        let work = tokio::spawn(async move { working.work(id).await });
        while rotations.look_at(id).await.unwrap().done == 0 {
            tokio::task::yield_now().await;
        }
        many.write("UPDATE key_rotations SET lease = 'lse_other'", []).await;
        assert!(matches!(work.await.unwrap(), Err(VaultError::TurnLost)));
        assert_eq!(rotations.look_at(id).await.unwrap().state, RotationState::Running);
        assert_eq!(many.keys().await.len(), 2, "nothing was destroyed");
        many.check(&many.house.vault).await;
    }

    /// What the closing scan opens has to open with the key as it is stored, not as this process remembers it.
    async fn k05_a_successor_that_was_changed_in_the_store_destroys_nothing(database: TestDatabase) {
        let many = ManyValues::new(database, 12).await;
        let rotations = rotations(&many.house.vault, RotationLimits::default());
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        // Whoever writes has unwrapped it.
        many.replace(&many.house.vault, 0, b"value 0").await.unwrap();
        let sql = "UPDATE data_keys SET wrapped = (SELECT wrapped FROM data_keys WHERE id <> $1) WHERE id = $1";
        many.write(sql, [begun.successor.clone().into()]).await;
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        let RotationState::Failed(found) = ended.state else { panic!("{:?}", ended.state) };
        assert_eq!(found.first, std::slice::from_ref(&begun.successor));
        assert_eq!(many.keys().await.len(), 2, "the key that opens the others is there");
        assert!(many.alarm(&begun.successor).await);
        many.check_others(&many.restarted(), 1).await;
    }

    /// Whoever writes to the database chooses no key: not one that is about to be destroyed, and not somebody else's.
    async fn k03_a_rotation_seals_with_the_holders_current_key_only(database: TestDatabase) {
        let many = ManyValues::new(database, 12).await;
        many.house.vault.root_key(OffsetDateTime::now_utc()).await.unwrap();
        let rotations = rotations(&many.house.vault, RotationLimits::default());
        let others = ["holder = 'platform'", "holder <> 'platform' AND retired_at IS NOT NULL"];
        for other in others {
            let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
            let sql = format!(
                "UPDATE key_rotations SET successor = (SELECT id FROM data_keys WHERE {other} LIMIT 1) WHERE id = $1"
            );
            many.write(&sql, [begun.id.to_string().into()]).await;
            let ended = rotations.work(begun.id).await.unwrap().unwrap();
            assert!(matches!(ended.state, RotationState::Failed(_)), "{other}: {:?}", ended.state);
            many.check(&many.restarted()).await;
        }
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        assert!(matches!(ended.state, RotationState::Finished(_)), "the next one goes through");
        assert_eq!(many.keys().await, [ended.successor]);
        many.check(&many.restarted()).await;
    }

    async fn k05_a_turn_ends_by_time_when_its_process_is_gone(database: TestDatabase) {
        let many = ManyValues::new(database, 60).await;
        let limits = RotationLimits { batch: 1, lease: Duration::milliseconds(300), ..RotationLimits::default() };
        let first = rotations(&many.house.vault, limits);
        let begun = first.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let (working, id) = (first.clone(), begun.id);
        let work = tokio::spawn(async move { working.work(id).await });
        while first.look_at(id).await.unwrap().done == 0 {
            tokio::task::yield_now().await;
        }
        // Nothing gives the turn back.
        work.abort();
        assert!(work.await.unwrap_err().is_cancelled());
        let sql = "SELECT lease FROM key_rotations WHERE lease IS NOT NULL AND finished_at IS NULL";
        assert_eq!(many.read(sql, []).await.len(), 1, "it was in the middle");
        let second = rotations(&many.restarted(), limits);
        let ended = until_it_is_free(&second, id).await;
        assert!(matches!(ended.state, RotationState::Finished(_)));
        assert_eq!((ended.done, many.keys().await.len()), (60, 1));
        many.check(&many.restarted()).await;
    }

    async fn k05_a_turn_ends_by_time_while_its_process_is_too_slow(database: TestDatabase) {
        let many = ManyValues::new(database, 60).await;
        // As slow as can be: whenever it does something, its turn has ended.
        let slow = RotationLimits { batch: 1, lease: Duration::ZERO, ..RotationLimits::default() };
        let first = rotations(&many.house.vault, slow);
        let begun = first.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let (working, id) = (first.clone(), begun.id);
        let work = tokio::spawn(async move { working.work(id).await });
        while first.look_at(id).await.unwrap().done == 0 {
            tokio::task::yield_now().await;
        }
        let second = rotations(&many.restarted(), RotationLimits { batch: 1, ..RotationLimits::default() });
        let ended = until_it_is_free(&second, id).await;
        assert!(matches!(ended.state, RotationState::Finished(_)));
        assert!(matches!(work.await.unwrap(), Err(VaultError::TurnLost)));
        assert_eq!((ended.done, many.keys().await.len()), (60, 1));
        many.check(&many.restarted()).await;
    }

    async fn what_opens_with_no_key_is_named_and_nothing_is_destroyed(database: TestDatabase) {
        let many = ManyValues::new(database, 12).await;
        let broken = many.values[4].id;
        many.write("UPDATE sealed_values SET version = version + 1 WHERE id = $1", [broken.to_string().into()]).await;
        let rotations = rotations(&many.house.vault, RotationLimits { batch: 5, ..RotationLimits::default() });
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        let RotationState::Failed(found) = ended.state else { panic!("{:?}", ended.state) };
        assert_eq!((found.number, found.first), (1, vec![broken.to_string()]));
        assert_eq!(many.keys().await.len(), 2, "the key that the others could be restored with is there");
        let actions = many.actions(&begun.id.to_string()).await;
        assert_eq!(actions[1], ("key_rotation.finish".into(), "refused".into()));
        assert!(many.alarm(&broken.to_string()).await);
        // Everything else has the successor, and opens.
        let rows = many.rows().await;
        assert_eq!(rows.values().filter(|row| row.key == ended.successor).count(), 11);

        // Restored, it goes through, and takes both former keys with it.
        many.write("UPDATE sealed_values SET version = version - 1 WHERE id = $1", [broken.to_string().into()]).await;
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        let RotationState::Finished(proof) = ended.state else { panic!("{:?}", ended.state) };
        assert_eq!((proof.opened, proof.tried_with_former, proof.former.len()), (12, 24, 2));
        assert_eq!(many.keys().await, [ended.successor]);
        many.check(&many.restarted()).await;
    }

    async fn a_value_that_only_its_own_scan_can_see_stops_the_rotation(database: TestDatabase) {
        // Under the successor already, but changed: only the closing scan looks at it.
        let many = ManyValues::new(database, 3).await;
        let rotations = rotations(&many.house.vault, RotationLimits::default());
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        many.replace(&many.house.vault, 1, b"new").await.unwrap();
        let id = many.values[1].id.to_string();
        many.write("UPDATE sealed_values SET version = 7 WHERE id = $1", [id.clone().into()]).await;
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        let RotationState::Failed(found) = ended.state else { panic!("{:?}", ended.state) };
        assert_eq!(found.first, [id]);
        assert_eq!(many.keys().await.len(), 2);
    }

    async fn k04_a_key_that_has_sealed_as_often_as_it_may_seals_no_more(database: TestDatabase) {
        let many = ManyValues::new(database, 1).await;
        let set = async |seals: i64| {
            let sql = "UPDATE data_keys SET seals = $1 WHERE holder = $2 AND retired_at IS NULL";
            many.write(sql, [seals.into(), many.organization.to_string().into()]).await;
        };
        set((1 << 32) - 1).await;
        many.replace(&many.house.vault, 0, b"the last one").await.unwrap();
        let refused = many.replace(&many.house.vault, 0, b"one too many").await;
        assert!(matches!(refused, Err(VaultError::KeyExhausted(_))));
        assert_eq!(many.open(&many.house.vault, 0).await.unwrap().reveal(), b"the last one");
        // Its successor takes over, whoever asks.
        let rotations = rotations(&many.house.vault, RotationLimits::default());
        let begun = rotations.begin_due(OffsetDateTime::now_utc()).await.unwrap();
        let ended = rotations.work(begun[0].id).await.unwrap().unwrap();
        assert!(matches!(ended.state, RotationState::Finished(_)));
        many.replace(&many.house.vault, 0, b"with the successor").await.unwrap();
        // A successor that is exhausted does not seal for a rotation either.
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        set(1 << 32).await;
        assert!(matches!(rotations.work(begun.id).await, Err(VaultError::KeyExhausted(_))));
        set(0).await;
        assert!(rotations.work(begun.id).await.unwrap().is_some(), "left to whoever comes next");
    }

    async fn k04_keys_are_due_before_their_bound_and_when_they_are_old(database: TestDatabase) {
        let many = ManyValues::new(database, 2).await;
        let now = OffsetDateTime::now_utc();
        let limits = RotationLimits { age: Some(Duration::days(365)), ..RotationLimits::default() };
        assert_eq!(limits.seals, 1 << 30, "a quarter of what NIST SP 800-38D allows");
        let rotations = rotations(&many.house.vault, limits);
        let sql = "UPDATE data_keys SET seals = $1 WHERE holder = $2";
        many.write(sql, [((1_i64 << 30) - 1).into(), many.organization.to_string().into()]).await;
        assert!(rotations.begin_due(now).await.unwrap().is_empty());
        many.replace(&many.house.vault, 0, b"one more").await.unwrap();
        let begun = rotations.begin_due(now).await.unwrap();
        assert_eq!(begun.iter().map(|rotation| rotation.subject).collect::<Vec<_>>(), [many.subject()]);
        assert!(rotations.begin_due(now).await.unwrap().is_empty(), "the successor is new");
        rotations.work(begun[0].id).await.unwrap().unwrap();

        let old = now - Duration::days(366);
        many.write("UPDATE data_keys SET created_at = $1", [old.into()]).await;
        let begun = rotations.begin_due(now).await.unwrap();
        assert_eq!(begun.len(), 1);
        rotations.work(begun[0].id).await.unwrap().unwrap();
        assert!(rotations.begin_due(now).await.unwrap().is_empty());
        many.check_others(&many.house.vault, 1).await;
    }

    async fn a_deleted_organization_ends_its_rotation(database: TestDatabase) {
        let many = ManyValues::new(database, 40).await;
        let rotations = rotations(&many.house.vault, RotationLimits { batch: 1, ..RotationLimits::default() });
        let begun = rotations.begin(many.subject(), OffsetDateTime::now_utc()).await.unwrap();
        let (working, id) = (rotations.clone(), begun.id);
        let work = tokio::spawn(async move { working.work(id).await });
        while rotations.look_at(id).await.unwrap().done == 0 {
            tokio::task::yield_now().await;
        }
        let change = many.house.journal.begin().await.unwrap();
        let destroyed = many.house.vault.destroy(&change, many.organization).await.unwrap();
        assert_eq!((destroyed.keys.len(), destroyed.values), (2, 40));
        let target = Target::Organization(many.organization);
        change.commit(Event::done(Actor::System, "test", target)).await.unwrap();
        let worked = work.await.unwrap();
        assert!(matches!(worked, Err(VaultError::TurnLost)), "{worked:?}");
        assert!(many.keys().await.is_empty() && many.rows().await.is_empty());
        assert!(matches!(rotations.look_at(id).await, Err(VaultError::NotFound)));
    }

    async fn the_master_key_is_replaced_without_touching_values(database: TestDatabase) {
        let many = ManyValues::new(database, 6).await;
        many.house.vault.root_key(OffsetDateTime::now_utc()).await.unwrap();
        let before = many.rows().await;
        let new_master = cryptography::MasterKey::generate().unwrap();
        let both = vault(&many.house.journal, &[&new_master, &many.house.master_key]);
        let rotations = rotations(&both, RotationLimits { batch: 1, ..RotationLimits::default() });
        let begun = rotations.begin(Subject::MasterKey, OffsetDateTime::now_utc()).await.unwrap();
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        let RotationState::Finished(proof) = ended.state else { panic!("{:?}", ended.state) };
        assert_eq!((ended.done, proof.opened, proof.tried_with_former), (2, 2, 2));
        assert_eq!((proof.opened_with_former, proof.left_with_former), (0, 0));
        let former = cryptography::MasterKey::parse(&many.house.master_key).unwrap().id().to_owned();
        assert_eq!(proof.former, [former]);
        let used = Store::new(many.house.journal.clone()).master_keys_in_use().await.unwrap();
        assert_eq!(used.into_iter().map(|key| key.name).collect::<Vec<_>>(), [ended.successor]);
        assert_eq!(many.rows().await, before);

        // The former one can be taken out: it opens nothing, the new one everything.
        let alone = vault(&many.house.journal, &[&new_master]);
        alone.check_master_keys().await.unwrap();
        many.check(&alone).await;
        let former = vault(&many.house.journal, &[&many.house.master_key]);
        assert!(matches!(former.check_master_keys().await, Err(VaultError::MasterKeyUnknown { .. })));
        // A server that has not been restarted goes on with what it has in memory.
        many.check(&many.house.vault).await;
    }

    async fn a_data_key_that_does_not_unwrap_stops_the_rotation_of_the_master_key(database: TestDatabase) {
        let many = ManyValues::new(database, 1).await;
        many.house.vault.root_key(OffsetDateTime::now_utc()).await.unwrap();
        let new_master = cryptography::MasterKey::generate().unwrap();
        let both = vault(&many.house.journal, &[&new_master, &many.house.master_key]);
        let key = many.keys().await.remove(0);
        let other = "UPDATE data_keys SET wrapped = (SELECT d.wrapped FROM data_keys d WHERE d.id <> $1) WHERE id = $1";
        many.write(other, [key.clone().into()]).await;
        let rotations = rotations(&both, RotationLimits::default());
        let begun = rotations.begin(Subject::MasterKey, OffsetDateTime::now_utc()).await.unwrap();
        let ended = rotations.work(begun.id).await.unwrap().unwrap();
        let RotationState::Failed(found) = ended.state else { panic!("{:?}", ended.state) };
        assert_eq!(found.first, [key]);
    }

    async fn keys_that_nobody_uses_leave_the_memory(database: TestDatabase) {
        let many = ManyValues::new(database, 1).await;
        let keyring = many.house.vault.keyring();
        many.open(&many.house.vault, 0).await.unwrap();
        assert_eq!(keyring.in_memory(), 1);
        keyring.forget_unused(std::time::Duration::from_secs(600));
        assert_eq!(keyring.in_memory(), 1);
        keyring.forget_unused(std::time::Duration::ZERO);
        assert_eq!(keyring.in_memory(), 0);
        many.open(&many.house.vault, 0).await.unwrap();
    }
}
