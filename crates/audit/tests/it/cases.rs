//! Security cases, named after docs/security-cases.md.

use audit::{Chain, Location, Problem};
use ids::OrganizationId;
use sea_orm::{ConnectionTrait as _, DatabaseBackend};
use test_support::{TestDatabase, on_both_stores};

use crate::house::{House, event};

on_both_stores! {
    async fn l01_control_characters_stay_in_one_record(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        let hostile = "a\r\nb\u{0}\u{1b}[2J\u{202e}\u{2028}\u{85}\"}]},{\"hash\":\"";
        let event = event(organization, 1).with(serde_json::json!({ "path": hostile, hostile: "name" }));
        house.journal.record(&event).await.unwrap();
        let export = house.export(&house.heads().await, Chain::Organization(organization), 1).await;
        assert!(house.verify(&export).is_clean());
        assert_eq!(export.lines().count(), 4, "header, record, head, last head");
        let control = |character: char| character.is_ascii_control() && character != '\n';
        assert!(!export.contains(control), "control characters are escaped");
        let record: serde_json::Value = serde_json::from_str(export.lines().nth(1).unwrap()).unwrap();
        assert_eq!(record["record"]["detail"]["path"], hostile);
    }

    async fn l02_every_acknowledged_change_has_one_record_that_says_who_when_where_and_what(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        let before = time::OffsetDateTime::now_utc();
        let mut acknowledged = Vec::new();
        for number in 0..20 {
            let event = event(organization, number).in_request(ids::RequestId::generate());
            let change = house.journal.begin().await.unwrap();
            if number % 3 == 0 {
                drop(change);
            } else {
                change.commit(event.clone()).await.unwrap();
                acknowledged.push(event);
            }
        }
        let export = house.export(&house.heads().await, Chain::Organization(organization), 1).await;
        let records: Vec<serde_json::Value> = export
            .lines()
            .filter(|line| line.starts_with("{\"hash\""))
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["record"].clone())
            .collect();
        assert_eq!(records.len(), acknowledged.len());
        for (record, event) in records.iter().zip(&acknowledged) {
            assert_eq!(record["id"], event.id.to_string());
            assert_eq!(record["actor"]["kind"], "system");
            assert_eq!(record["action"], event.action);
            assert_eq!(record["outcome"], "done");
            assert_eq!(record["target"]["kind"], "app");
            assert_eq!(record["request"], event.request.unwrap().to_string());
            assert_eq!(record["detail"], event.detail);
            let format = &time::format_description::well_known::Rfc3339;
            let at = time::OffsetDateTime::parse(record["at"].as_str().unwrap(), format).unwrap();
            assert!(at >= before - time::Duration::milliseconds(1) && at <= time::OffsetDateTime::now_utc());
        }
    }

    async fn l03_rows_can_be_added_but_not_changed_removed_or_replaced(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 3).await;
        house.heads().await.sign_grown().await.unwrap();
        let mut forbidden = Vec::new();
        for table in ["audit_events", "audit_heads"] {
            forbidden.push(format!("UPDATE {table} SET sequence = sequence + 10"));
            forbidden.push(format!("UPDATE {table} SET chain = 'platform' WHERE sequence = 3"));
            forbidden.push(format!("DELETE FROM {table} WHERE sequence = 3"));
            forbidden.push(format!("DELETE FROM {table}"));
            forbidden.push(match house.database.backend() {
                DatabaseBackend::Postgres => format!("TRUNCATE {table}"),
                _ => format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table} WHERE sequence = 3"),
            });
        }
        forbidden.push(
            "INSERT INTO audit_events SELECT * FROM audit_events WHERE sequence = 3 \
             ON CONFLICT (chain, sequence) DO UPDATE SET action = 'nothing'".to_owned(),
        );
        for sql in &forbidden {
            let error = house.database.connection().execute_unprepared(sql).await.unwrap_err().to_string();
            assert!(error.contains("append-only"), "{sql}: {error}");
        }
        let export = house.export(&house.heads().await, Chain::Organization(organization), 1).await;
        let report = house.verify(&export);
        assert!(report.is_clean(), "{:?}", report.findings);
        assert_eq!(report.records, 3);
    }

    async fn l03_edits_by_the_owner_of_the_database_are_found_and_located(database: TestDatabase) {
        let house = House::new(database);
        house.disable_triggers().await;
        let heads = house.heads().await;
        // Every column of record 5; what is found stands in line 6 of the export.
        for set in [
            "id = 'evt_another'", "at = '2020-01-01T00:00:00Z'", "actor_kind = 'person'", "actor_id = 'usr_x'",
            "action = 'app.nothing'", "outcome = 'refused'", "target_kind = 'user'", "target_id = NULL",
            "request_id = 'req_x'", "decision_id = 'dec_x'", "detail = '{}'", "detail = 'not JSON'",
            "detail = detail || ' '", "detail = '{\n}'", "hash = audit_events.hash || audit_events.hash",
        ] {
            let organization = OrganizationId::generate();
            let chain = Chain::Organization(organization);
            house.write(organization, 9).await;
            let clean = house.export(&heads, chain, 1).await;
            assert!(house.verify(&clean).is_clean());
            house.execute(&format!("UPDATE audit_events SET {set} WHERE chain = '{chain}' AND sequence = 5")).await;
            let report = house.verify(&house.export(&heads, chain, 1).await);
            let first = report.findings.first().unwrap_or_else(|| panic!("{set} was not found"));
            assert_eq!((first.location, &first.problem), (Location::Export(6), &Problem::RecordChanged(5)), "{set}");
        }
        for (sql, expected) in [
            ("DELETE FROM audit_events WHERE sequence = 5 AND", Problem::RecordsMissing { from: 5, to: 5 }),
            ("UPDATE audit_events SET sequence = 105 WHERE sequence = 5 AND", Problem::RecordsMissing { from: 5, to: 5 }),
            ("UPDATE audit_events SET chain = 'platform', sequence = 9999 WHERE sequence = 5 AND", Problem::RecordsMissing { from: 5, to: 5 }),
        ] {
            let organization = OrganizationId::generate();
            let chain = Chain::Organization(organization);
            house.write(organization, 9).await;
            heads.sign_grown().await.unwrap();
            house.execute(&format!("{sql} chain = '{chain}'")).await;
            let report = house.verify(&house.export(&heads, chain, 1).await);
            assert!(report.findings.iter().any(|finding| finding.problem == expected), "{sql}: {:?}", report.findings);
            house.execute("DELETE FROM audit_events WHERE chain = 'platform'").await;
        }
    }

    async fn l03_a_chain_rewritten_by_the_owner_of_the_database_contradicts_its_heads(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        let chain = Chain::Organization(organization);
        let heads = house.heads().await;
        house.write(organization, 4).await;
        heads.sign_grown().await.unwrap();
        let kept = std::fs::read_to_string(house.heads_file()).unwrap();
        house.disable_triggers().await;
        // All links are good again, made by the platform's own code.
        house.execute("DELETE FROM audit_events").await;
        house.write(organization, 8).await;
        let rewritten = house.export(&heads, chain, 1).await;
        let report = house.verify(&rewritten);
        assert!(report.findings.iter().any(|finding| finding.problem == Problem::Rewritten(4)), "{:?}", report.findings);
        // Even when the heads are gone in the database, and the platform lost its heads file.
        house.execute("DELETE FROM audit_heads").await;
        std::fs::remove_file(house.heads_file()).unwrap();
        let signed_anew = house.export(&house.heads().await, chain, 1).await;
        assert!(house.verify(&signed_anew).is_clean(), "it needs the heads that were kept elsewhere");
        let report = house.verify_with_heads(&signed_anew, &kept);
        assert_eq!(report.findings.len(), 1);
        assert_eq!(report.findings[0].to_string(), "heads file, line 1: record 4 is not the one that was signed: it or one before it was rewritten");
    }

    async fn l04_without_the_audit_trail_nothing_changes(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 1).await;
        house.execute("ALTER TABLE audit_events RENAME TO audit_events_gone").await;
        let change = house.journal.begin().await.unwrap();
        let sql = "INSERT INTO audit_heads (chain, sequence, hash, at, key_id, signature) \
                   VALUES ('platform', 1, '', '2026-01-01 00:00:00+00:00', 'key', '')";
        change.transaction().execute_unprepared(sql).await.unwrap();
        assert!(change.commit(event(organization, 2)).await.is_err());
        assert_eq!(house.count("audit_heads").await, 0, "what the change did is undone");
        assert!(house.journal.record(&event(organization, 2)).await.is_err());
        house.execute("ALTER TABLE audit_events_gone RENAME TO audit_events").await;
        house.write(organization, 1).await;
        assert_eq!(house.count("audit_events").await, 2);
    }
}
