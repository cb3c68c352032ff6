//! A store that fails between a change and reading it again.

use std::sync::Arc;
use std::time::Duration;

use access_control::{Facts as _, FactsUnavailable, Refusal, UpdateApp};
use audit::{Actor, Event, Follower as _, Target};
use test_support::{TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::house::{House, production};

/// Takes the table away for a moment, which is how a real store fails to answer one query.
async fn hide(house: &House, table: &str) {
    house.execute(&format!("ALTER TABLE {table} RENAME TO {table}_hidden"), []).await;
}

async fn show(house: &House, table: &str) {
    house.execute(&format!("ALTER TABLE {table}_hidden RENAME TO {table}"), []).await;
}

async fn until_current(house: &House) {
    let wait = async {
        while !house.directory.is_current() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("the directory recovers by itself");
}

on_both_stores! {
    async fn an_app_that_cannot_be_read_again_is_not_answered_for(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let (crm, erp) = (house.app(owner, acme.id, "crm").await, house.app(owner, acme.id, "erp").await);
        let (_, hash) = house.secret(owner, &crm, production()).await;
        let now = OffsetDateTime::now_utc();

        hide(&house, "path_rules").await;
        let event = Event::done(Actor::System, "app.update", Target::App(crm.id)).of(acme.id);
        house.directory.committed(&event).await;
        assert!(!house.directory.is_current());
        assert_eq!(house.directory.app(crm.id).err(), Some(FactsUnavailable));
        assert_eq!(house.directory.app_at("crm-acme").err(), Some(FactsUnavailable));
        assert_eq!(house.directory.app_by_secret(&hash, now).err(), Some(FactsUnavailable));
        assert!(matches!(
            house.permit::<UpdateApp>(owner, crm.id).err(),
            Some(Refusal::Unavailable(FactsUnavailable))
        ));
        // What is not known may be what was not read; what is known and untouched is answered.
        assert_eq!(house.directory.app_at("unknown-acme").err(), Some(FactsUnavailable));
        assert_eq!(house.directory.apps_of(acme.id).err(), Some(FactsUnavailable));
        assert!(house.permit::<UpdateApp>(owner, erp.id).is_ok());

        show(&house, "path_rules").await;
        until_current(&house).await;
        assert!(house.permit::<UpdateApp>(owner, crm.id).is_ok());
        assert!(house.directory.app_by_secret(&hash, now).unwrap().is_some());
        assert!(house.directory.app_at("unknown-acme").unwrap().is_none());
    }

    async fn an_organization_that_cannot_be_read_again_takes_its_apps_along(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let (other, other_owner) = house.organization("other").await;
        let crm = house.app(owner, acme.id, "crm").await;
        let erp = house.app(other_owner, other.id, "erp").await;

        hide(&house, "group_members").await;
        let event = Event::done(Actor::System, "members.remove", Target::Member(owner)).of(acme.id);
        house.directory.committed(&event).await;
        assert_eq!(house.directory.organization(acme.id).err(), Some(FactsUnavailable));
        assert_eq!(house.directory.app_at("crm-acme").err(), Some(FactsUnavailable));
        assert_eq!(house.directory.organizations_of(owner).err(), Some(FactsUnavailable));
        assert!(!house.opens(owner, &crm));
        assert!(house.opens(other_owner, &erp));

        show(&house, "group_members").await;
        until_current(&house).await;
        assert!(house.opens(owner, &crm));
        assert_eq!(house.directory.organizations_of(owner).unwrap(), [acme.id]);
    }

    async fn a_change_during_an_outage_is_what_is_answered_after_it(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let crm = house.app(owner, acme.id, "crm").await;
        hide(&house, "grants").await;
        let event = Event::done(Actor::System, "app.update", Target::App(crm.id)).of(acme.id);
        house.directory.committed(&event).await;
        house.execute("UPDATE apps SET name = 'Renamed' WHERE id = $1", [crm.id.to_string().into()]).await;
        assert_eq!(house.directory.app_record(crm.id).err(), Some(FactsUnavailable));
        show(&house, "grants").await;
        until_current(&house).await;
        let record = house.directory.app_record(crm.id).unwrap().unwrap();
        assert_eq!(record.name.as_str(), "Renamed");
    }

    async fn a_closed_store_is_noticed_by_the_next_event(database: TestDatabase) {
        let house = House::on(database).await;
        let (acme, owner) = house.organization("acme").await;
        let crm = house.app(owner, acme.id, "crm").await;
        house.database.connection().clone().close().await.unwrap();
        // Nothing changed as far as anybody knows: reads never ask the store.
        assert!(house.opens(owner, &crm));
        let event = Arc::new(Event::done(Actor::System, "app.update", Target::App(crm.id)).of(acme.id));
        house.directory.committed(&event).await;
        assert!(!house.opens(owner, &crm));
        assert!(!house.directory.is_current());
    }
}
