//! Exports verify, whole and in part, on both stores.

use audit::{AuditError, Chain, Export, Problem};
use ids::OrganizationId;
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, any_key, event};

on_both_stores! {
    async fn an_export_of_several_pages_verifies(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        let heads = house.heads().await;
        // 500 records are read at a time: a page that is exactly full, and one more.
        for batch in [500, 1, 1200] {
            let events: Vec<_> = (0..batch).map(|number| event(organization, number)).collect();
            house.journal.record_all(&events).await.unwrap();
            let export = house.export(&heads, Chain::Organization(organization), 1).await;
            let report = house.verify(&export);
            assert!(report.is_clean(), "{:?}", report.findings);
            assert_eq!(report.records, u64::try_from(house.count("audit_events").await).unwrap());
        }
        let export = house.export(&heads, Chain::Organization(organization), 1).await;
        let report = house.verify_with_heads(&export, &std::fs::read_to_string(house.heads_file()).unwrap());
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!((report.records, report.last, report.heads, report.compared), (1701, 1701, 4, 3));
        assert_eq!(report.chain, Some(Chain::Organization(organization)));
    }

    async fn an_empty_chain_verifies(database: TestDatabase) {
        let house = House::new(database);
        let export = house.export(&house.heads().await, Chain::Platform, 1).await;
        let report = house.verify(&export);
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!((report.records, report.heads), (0, 1));
        assert!(!house.heads_file().exists(), "nothing to sign");
    }

    async fn a_part_verifies_and_continues_what_was_kept(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        let chain = Chain::Organization(organization);
        let heads = house.heads().await;
        house.write(organization, 5).await;
        // What an auditor keeps of an earlier export: its last line.
        let kept = house.export(&heads, chain, 1).await.lines().last().unwrap().to_owned() + "\n";
        house.write(organization, 4).await;
        for from in [1, 2, 5, 6, 9, 10] {
            let export = house.export(&heads, chain, from).await;
            let report = house.verify_with_heads(&export, &kept);
            assert!(report.is_clean(), "{from}: {:?}", report.findings);
            assert_eq!(report.records, u64::try_from(10 - from).unwrap());
            assert_eq!(report.compared, u64::from(from <= 6), "{from}");
        }
        let other = house.export(&heads, Chain::Platform, 1).await;
        assert!(house.verify_with_heads(&other, &kept).is_clean(), "heads of other chains say nothing here");
        for from in [0, -1, 11, i64::MAX] {
            let refused = Export::begin(heads.clone(), chain, from).await;
            assert!(matches!(refused, Err(AuditError::NoSuchRecord(number)) if number == from));
        }
    }

    async fn heads_that_were_signed_after_an_export_do_not_speak_against_it(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        let heads = house.heads().await;
        house.write(organization, 5).await;
        let export = house.export(&heads, Chain::Organization(organization), 1).await;
        house.write(organization, 5).await;
        house.export(&heads, Chain::Organization(organization), 1).await;
        let kept = std::fs::read_to_string(house.heads_file()).unwrap();
        assert_eq!(kept.lines().count(), 2);
        assert!(house.verify_with_heads(&export, &kept).is_clean());
    }

    async fn a_chain_may_have_heads_of_several_keys(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 2).await;
        house.export(&house.heads().await, Chain::Organization(organization), 1).await;
        house.write(organization, 2).await;
        let next = any_key();
        let keys = [house.key().public_key(), next.public_key()];
        let journal = audit::Journal::new(house.database.connection().clone());
        let heads = audit::Heads::open(journal, next, Some(house.heads_file())).await.unwrap();
        let export = house.export(&std::sync::Arc::new(heads), Chain::Organization(organization), 1).await;
        let report = audit::verify(export.as_bytes(), &keys, None).unwrap();
        assert!(report.is_clean(), "{:?}", report.findings);
        let report = audit::verify(export.as_bytes(), &keys[1..], None).unwrap();
        assert_eq!(report.findings.len(), 1);
        assert!(matches!(report.findings[0].problem, Problem::UnknownKey(_)));
    }
}
