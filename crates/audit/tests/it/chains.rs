//! Chains are gapless and linked, whatever happens at once.

use std::collections::BTreeMap;

use audit::{Actor, Chain, ChainHash, Event, Target};
use ids::{AgentTokenId, AppId, DecisionId, OrganizationId, PathRuleId, RequestId, SessionId, UserId};
use sea_orm::DatabaseBackend;
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};
use time::OffsetDateTime;

use crate::house::{House, event};

/// How many numbers each chain has, after a look at every number and every hash of every chain.
async fn lengths(house: &House) -> BTreeMap<String, i64> {
    let heads = house.heads_with(None).await;
    let mut lengths = BTreeMap::new();
    for row in house.rows("SELECT chain, COUNT(*) AS number, MIN(sequence) AS first, MAX(sequence) AS last FROM audit_events GROUP BY chain").await {
        let chain: String = row.try_get("", "chain").unwrap();
        let [number, first, last] = ["number", "first", "last"].map(|name| row.try_get::<i64>("", name).unwrap());
        assert_eq!((first, last), (1, number), "{chain} has gaps");
        let report = house.verify(&house.export(&heads, chain.parse().unwrap(), 1).await);
        assert!(report.is_clean(), "{chain}: {:?}", report.findings);
        assert_eq!(report.records, u64::try_from(number).unwrap());
        lengths.insert(chain, number);
    }
    lengths
}

on_both_stores! {
    async fn parallel_changes_leave_no_gap_and_no_fork(database: TestDatabase) {
        let house = House::new(database);
        let (busy, others) = (OrganizationId::generate(), [(); 4].map(|()| OrganizationId::generate()));
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..64 {
            let (journal, other) = (house.journal.clone(), others[number % others.len()]);
            tasks.spawn(async move {
                let number = u32::try_from(number).unwrap();
                match number % 4 {
                    // A change of several chains, in either order.
                    0 => {
                        let mut events = vec![event(busy, number), event(other, number)];
                        if number % 8 == 0 { events.reverse(); }
                        journal.begin().await.unwrap().commit_all(events).await.unwrap();
                    }
                    1 => journal.record(&event(busy, number)).await.unwrap(),
                    _ => journal.begin().await.unwrap().commit(event(busy, number)).await.unwrap(),
                }
                let of_the_platform = Event::done(Actor::System, "housekeeping", Target::Platform);
                journal.begin().await.unwrap().commit(of_the_platform).await.unwrap();
            });
        }
        tasks.join_all().await;
        let lengths = lengths(&house).await;
        assert_eq!(lengths[&busy.to_string()], 64);
        assert_eq!(lengths["platform"], 64);
        assert_eq!(lengths.values().sum::<i64>(), 64 + 64 + 16);
    }

    async fn what_did_not_happen_leaves_no_gap(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 3).await;
        drop(house.journal.begin().await.unwrap());
        house.journal.begin().await.unwrap().commit_all(Vec::new()).await.unwrap();
        // A transaction that dies between its event and its commit: the same identifier twice is refused.
        let twice = event(organization, 4);
        let change = house.journal.begin().await.unwrap();
        assert!(change.commit_all(vec![twice.clone(), event(organization, 5), twice]).await.is_err());
        let killed = tokio::spawn({
            let journal = house.journal.clone();
            async move {
                let _change = journal.begin().await.unwrap();
                std::future::pending::<()>().await;
            }
        });
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        killed.abort();
        house.write(organization, 2).await;
        assert_eq!(lengths(&house).await[&organization.to_string()], 5);
    }

    async fn a_connection_that_dies_behind_its_record_leaves_no_gap(database: TestDatabase) {
        let house = House::new(database);
        let organization = OrganizationId::generate();
        house.write(organization, 2).await;
        let mut killed = event(organization, 3);
        killed.action = "killed";
        match house.database.backend() {
            DatabaseBackend::Postgres => {
                // The record is written and not committed while its server process sleeps.
                house.execute(
                    "CREATE FUNCTION sleeps() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$",
                ).await;
                house.execute(
                    "CREATE TRIGGER sleeping AFTER INSERT ON audit_events FOR EACH ROW \
                     WHEN (NEW.action = 'killed') EXECUTE FUNCTION sleeps()",
                ).await;
                let journal = house.journal.clone();
                let recording = tokio::spawn(async move { journal.record(&killed).await });
                let kill = "SELECT pg_terminate_backend(pid) AS killed FROM pg_stat_activity \
                            WHERE wait_event = 'PgSleep' AND datname = current_database()";
                while house.rows(kill).await.is_empty() {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
                assert!(recording.await.unwrap().is_err());
            }
            _ => {
                // SQLite has no server: the statement fails behind the row.
                house.execute(
                    "CREATE TRIGGER failing AFTER INSERT ON audit_events WHEN NEW.action = 'killed' \
                     BEGIN SELECT RAISE(FAIL, 'killed'); END",
                ).await;
                assert!(house.journal.record(&killed).await.is_err());
            }
        }
        house.write(organization, 2).await;
        assert_eq!(lengths(&house).await[&organization.to_string()], 4);
    }

    async fn a_change_without_events_is_not_committed(database: TestDatabase) {
        use sea_orm::ConnectionTrait as _;
        let house = House::new(database);
        let change = house.journal.begin().await.unwrap();
        let sql = "INSERT INTO audit_heads (chain, sequence, hash, at, key_id, signature) \
                   VALUES ('platform', 1, '', '2026-01-01 00:00:00+00:00', 'key', '')";
        change.transaction().execute_unprepared(sql).await.unwrap();
        change.commit_all(Vec::new()).await.unwrap();
        assert_eq!(house.count("audit_heads").await, 0);
    }

    async fn a_row_reads_back_as_the_text_that_was_hashed(database: TestDatabase) {
        let house = House::new(database);
        let (organization, app) = (OrganizationId::generate(), AppId::generate());
        let mut previous = ChainHash::START;
        // Nanoseconds that PostgreSQL does not keep, none at all, another offset, and the ends of the calendar.
        let moments = [
            "2026-11-22T01:02:03.123456789Z", "2026-11-22T01:02:03.1234565Z", "2026-11-22T01:02:03Z",
            "2026-11-22T01:02:03.5Z", "2026-11-22T01:02:03.000001Z", "2026-11-22T06:32:03.999999999+05:30",
            "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999999999Z",
        ];
        let details = [
            json!(null), json!({ "b": 1, "a": [1.5, 1e300, -0.0, u64::MAX, i64::MIN] }), json!("\u{0}\u{1b}[31m\r\n\u{2028}"),
            json!({ "": { "nested": [[], {}] } }), json!("ünïcödé 🦀"), json!(""), json!(0.1), json!([]), json!(true),
        ];
        let actors = [
            Actor::Person(UserId::generate()), Actor::App(app), Actor::Agent(app, AgentTokenId::generate()), Actor::System,
        ];
        let targets = [
            Target::Grant(app, UserId::generate()), Target::PathRule(app, PathRuleId::generate()), Target::Platform,
            Target::AgentToken(app, AgentTokenId::generate()), Target::ApiToken(SessionId::generate()),
        ];
        for (number, (moment, detail)) in moments.iter().zip(details).enumerate() {
            let mut event = Event::refused(actors[number % 4], "app.update", targets[number % 5]).of(organization);
            event.at = OffsetDateTime::parse(moment, &time::format_description::well_known::Rfc3339).unwrap();
            event.detail = detail;
            if number % 2 == 0 {
                event = event.in_request(RequestId::generate()).decided(DecisionId::generate());
            }
            house.journal.record(&event).await.unwrap();
        }
        let export = house.export(&house.heads_with(None).await, Chain::Organization(organization), 1).await;
        let at: Vec<_> = export.lines().filter_map(|line| Some(line.split_once("\"at\":\"")?.1.split_once('"')?.0)).collect();
        assert_eq!(at[..9], [
            "2026-11-22T01:02:03.123456Z", "2026-11-22T01:02:03.123456Z", "2026-11-22T01:02:03.000000Z",
            "2026-11-22T01:02:03.500000Z", "2026-11-22T01:02:03.000001Z", "2026-11-22T01:02:03.999999Z",
            "1970-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z",
        ]);
        for line in export.lines().filter(|line| line.starts_with("{\"hash\"")) {
            let text = &line[84..line.len() - 1];
            previous = previous.next(text.as_bytes());
            assert_eq!(line[9..73], previous.to_string(), "{text}");
        }
        assert_eq!(house.count("audit_events").await, 9);
        assert!(house.verify(&export).is_clean());
    }
}
