//! Values go in and come out, as themselves only.

use audit::{Actor, Event, Target};
use cryptography::SecretBytes;
use ids::SecretId;
use secrets_vault::{Kind, NewValue, Owner, VaultError};
use time::OffsetDateTime;

use crate::house::{House, vault};

use test_support::TestDatabase;

test_support::on_both_stores! {
    async fn a_value_opens_as_itself_only(database: TestDatabase) {
        let house = House::new(database).await;
        let new = NewValue { id: SecretId::generate(), owner: Owner::Platform, kind: Kind::UserTokenKey };
        let now = OffsetDateTime::now_utc();
        let change = house.journal.begin().await.unwrap();
        house.vault.seal(&change, new, &SecretBytes::copy_of(b"one"), now).await.unwrap();
        change.commit(Event::done(Actor::System, "test", Target::Secret(new.id))).await.unwrap();
        let opened = house.vault.open(new.id, new.owner, new.kind).await.unwrap();
        assert_eq!(opened.reveal(), b"one");
        let wrong = house.vault.open(new.id, new.owner, Kind::ApiKey).await;
        assert!(matches!(wrong.err(), Some(VaultError::Tampered(_))));

        let change = house.journal.begin().await.unwrap();
        assert_eq!(house.vault.replace(&change, new, &SecretBytes::copy_of(b"two"), now).await.unwrap(), 2);
        change.commit(Event::done(Actor::System, "test", Target::Secret(new.id))).await.unwrap();
        let other_process = vault(&house.journal, &[&house.master_key]);
        let opened = other_process.open(new.id, new.owner, new.kind).await.unwrap();
        assert_eq!(opened.reveal(), b"two");
    }
}
