//! What the server notices by itself, before it signs.

use std::fs;

use audit::{Chain, Problem};
use ids::OrganizationId;
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, event};

/// Five records that are signed, and a heads file that says so.
async fn signed(database: TestDatabase) -> (House, OrganizationId) {
    let house = House::new(database);
    let organization = OrganizationId::generate();
    house.write(organization, 5).await;
    assert_eq!(house.heads().await.sign_grown().await.unwrap(), 1);
    (house, organization)
}

/// The chain gets no signature any more, and an export of it does not verify.
async fn is_refused(house: &House, organization: OrganizationId) {
    let before = fs::read(house.heads_file()).unwrap();
    let heads = house.heads().await;
    heads.compare_all().await.unwrap();
    house.write(organization, 1).await;
    assert_eq!(heads.sign_grown().await.unwrap(), 0);
    assert_eq!(heads.broken(), 1);
    assert_eq!(fs::read(house.heads_file()).unwrap(), before);
    let export = house.export(&heads, Chain::Organization(organization), 1).await;
    let report = house.verify(&export);
    assert!(report.findings.iter().any(|finding| matches!(finding.problem, Problem::CutOff { .. })));
    // Others are signed as ever.
    let other = OrganizationId::generate();
    house.write(other, 2).await;
    let export = house.export(&heads, Chain::Organization(other), 1).await;
    assert!(house.verify(&export).is_clean());
}

on_both_stores! {
    async fn chains_that_have_grown_are_signed_once_inside_and_outside(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 3).await;
        let heads = house.heads().await;
        assert_eq!(heads.sign_grown().await.unwrap(), 1, "what an earlier process left");
        assert_eq!(heads.sign_grown().await.unwrap(), 0);
        assert_eq!(heads.broken(), 0);
        assert_eq!(house.count("audit_heads").await, 1);
        let again = house.heads().await;
        again.compare_all().await.unwrap();
        assert_eq!(again.sign_grown().await.unwrap(), 0);
        assert_eq!(fs::read_to_string(house.heads_file()).unwrap().lines().count(), 1);
    }

    async fn the_journals_own_growth_is_signed(database: TestDatabase) {
        let house = House::new(database);
        let heads = audit::Heads::open(house.journal.clone(), house.key(), None).await.unwrap();
        assert_eq!(heads.sign_grown().await.unwrap(), 0);
        house.write(OrganizationId::generate(), 1).await;
        house.journal.record(&event(OrganizationId::generate(), 1)).await.unwrap();
        assert_eq!(heads.sign_grown().await.unwrap(), 2);
        assert_eq!(heads.sign_grown().await.unwrap(), 0);
    }

    async fn a_shorter_chain_is_not_signed(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.disable_triggers().await;
        house.execute("DELETE FROM audit_heads").await;
        house.execute("DELETE FROM audit_events WHERE sequence > 2").await;
        is_refused(&house, organization).await;
    }

    async fn an_emptied_database_is_not_signed(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.disable_triggers().await;
        house.execute("DELETE FROM audit_heads").await;
        house.execute("DELETE FROM audit_events").await;
        is_refused(&house, organization).await;
    }

    async fn another_chain_of_the_same_length_is_not_signed(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.disable_triggers().await;
        house.execute("DELETE FROM audit_heads").await;
        house.execute("DELETE FROM audit_events").await;
        house.write(organization, 5).await;
        is_refused(&house, organization).await;
    }

    async fn a_record_that_was_changed_before_it_was_signed_is_not_signed(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.write(organization, 3).await;
        house.disable_triggers().await;
        house.execute("UPDATE audit_events SET action = 'app.nothing' WHERE sequence = 7").await;
        is_refused(&house, organization).await;
    }

    async fn a_record_that_was_removed_before_it_was_signed_is_not_signed(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.write(organization, 3).await;
        house.disable_triggers().await;
        house.execute("DELETE FROM audit_events WHERE sequence = 7").await;
        is_refused(&house, organization).await;
    }

    async fn what_this_process_wrote_is_signed_or_nothing(database: TestDatabase) {
        let house = House::new(database);
        let heads = house.heads().await;
        house.disable_triggers().await;
        let (cut, rewritten, whole) =
            (OrganizationId::generate(), OrganizationId::generate(), OrganizationId::generate());
        for organization in [cut, rewritten, whole] {
            house.write(organization, 4).await;
        }
        // Before anything was signed, and with all links in order.
        house.execute(&format!("DELETE FROM audit_events WHERE chain = '{cut}' AND sequence > 2")).await;
        house.execute(&format!("DELETE FROM audit_events WHERE chain = '{rewritten}'")).await;
        let another_process = audit::Journal::new(house.database.connection().clone());
        for number in 0..6 {
            another_process.record(&event(rewritten, number)).await.unwrap();
        }
        assert_eq!(heads.sign_grown().await.unwrap(), 1);
        assert_eq!(heads.broken(), 2);
        let export = house.export(&heads, Chain::Organization(cut), 1).await;
        assert!(!house.verify(&export).is_clean());
        let export = house.export(&heads, Chain::Organization(whole), 1).await;
        assert!(house.verify(&export).is_clean());
    }

    async fn what_was_rewritten_is_noticed_before_anything_grows(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.disable_triggers().await;
        house.execute("DELETE FROM audit_events").await;
        house.write(organization, 5).await;
        let heads = house.heads().await;
        heads.compare_all().await.unwrap();
        assert_eq!(heads.broken(), 1);
    }

    async fn a_process_that_wrote_nothing_follows_every_link_before_it_signs(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.write(organization, 3).await;
        house.disable_triggers().await;
        house.execute("UPDATE audit_events SET action = 'app.nothing' WHERE sequence = 7").await;
        let journal = audit::Journal::new(house.database.connection().clone());
        let heads = audit::Heads::open(journal, house.key(), Some(house.heads_file())).await.unwrap();
        assert_eq!((heads.sign_grown().await.unwrap(), heads.broken()), (0, 1));
    }

    async fn without_a_file_the_database_speaks_against_itself(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.disable_triggers().await;
        house.execute("DELETE FROM audit_events WHERE sequence > 2").await;
        let heads = house.heads_with(None).await;
        heads.compare_all().await.unwrap();
        house.write(organization, 1).await;
        assert_eq!((heads.sign_grown().await.unwrap(), heads.broken()), (0, 1));
    }

    async fn a_head_that_was_changed_in_the_database_is_noticed(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        house.disable_triggers().await;
        house.execute("UPDATE audit_heads SET sequence = 4, hash = (SELECT hash FROM audit_events WHERE sequence = 4)").await;
        let heads = house.heads_with(None).await;
        assert_eq!(heads.broken(), 1);
        house.write(organization, 1).await;
        assert_eq!(heads.sign_grown().await.unwrap(), 0);
    }

    async fn a_heads_file_that_was_changed_stops_all_signing(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        let text = fs::read_to_string(house.heads_file()).unwrap();
        for changed in [
            text.replace("\"sequence\":5", "\"sequence\":4"),
            format!("{text}\n"),
            format!("hello\n{text}"),
            text.replace("\"signature\":\"", "\"signature\":\"0"),
        ] {
            assert_ne!(changed, text);
            fs::write(house.heads_file(), changed).unwrap();
            let heads = house.heads().await;
            assert_eq!(heads.broken(), 1);
            house.write(organization, 1).await;
            assert_eq!(heads.sign_grown().await.unwrap(), 0);
        }
    }

    async fn a_long_heads_file_counts_by_its_last_heads(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        let heads = house.heads().await;
        for _ in 0..3 {
            house.write(organization, 1).await;
            house.write(OrganizationId::generate(), 1).await;
            assert_eq!(heads.sign_grown().await.unwrap(), 2);
        }
        assert_eq!(house.heads().await.broken(), 0);
        let text = fs::read_to_string(house.heads_file()).unwrap();
        let last = text.lines().rfind(|line| line.contains(&organization.to_string())).unwrap();
        fs::write(house.heads_file(), text.replace(last, &last.replace("\"sequence\":8", "\"sequence\":9"))).unwrap();
        assert_eq!(house.heads().await.broken(), 1);
    }

    async fn half_a_line_is_what_a_crash_left(database: TestDatabase) {
        let (house, organization) = signed(database).await;
        let whole = fs::read_to_string(house.heads_file()).unwrap();
        fs::write(house.heads_file(), format!("{whole}{}", &whole[..100])).unwrap();
        let heads = house.heads().await;
        assert_eq!(heads.broken(), 0);
        house.write(organization, 1).await;
        let export = house.export(&heads, Chain::Organization(organization), 1).await;
        let kept = fs::read_to_string(house.heads_file()).unwrap();
        assert_eq!(kept.lines().count(), 2);
        let report = house.verify_with_heads(&export, &kept);
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!(report.compared, 2);
    }

    async fn nothing_is_signed_that_cannot_be_written_outside(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 1).await;
        let heads = house.heads_with(Some(house.folder.path().join("missing").join("heads"))).await;
        assert!(heads.sign_grown().await.is_err());
        assert_eq!(house.count("audit_heads").await, 0);
        fs::create_dir(house.folder.path().join("missing")).unwrap();
        assert_eq!(heads.sign_grown().await.unwrap(), 1, "not forgotten");
        assert_eq!(house.count("audit_heads").await, 1);
    }
}
