//! Databases that are open: shared, opened anew after a change, closed when nobody uses them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use access_control::ManageConnections;
use data_gateway::{Named, OpenDatabases, SessionBounds, Store, TurnFor, Turns, Usable};
use databases::{Caller, Database, Query, Rows};
use futures_util::StreamExt as _;
use ids::{AppId, ConnectionId};
use outbound::AddressPolicy;
use query_guard::{Language, Mode};
use test_support::TestDatabase;

use crate::office::{Office, given, occasion};
use crate::postgres::{database, reachable, server};

async fn run(database: &dyn Database, mode: Mode, sql: &str) -> Result<String, databases::QueryError> {
    whole(start(database, mode, sql).await?).await
}

async fn start(database: &dyn Database, mode: Mode, sql: &str) -> Result<Rows, databases::QueryError> {
    let statement = query_guard::check(Language::Postgresql, mode, sql).unwrap();
    let (timeout, caller) = (Duration::from_secs(60), Caller::new("vybe"));
    database.run(Query { statement, parameters: Vec::new(), timeout, caller }).await
}

async fn whole(mut rows: Rows) -> Result<String, databases::QueryError> {
    let mut text = Vec::new();
    while let Some(piece) = rows.next().await {
        text.extend_from_slice(&piece?);
    }
    Ok(String::from_utf8(text).unwrap())
}

/// Waits until the server has this many sessions with the database.
async fn until_sessions(name: &str, expected: i64) {
    use sea_orm::{ConnectionTrait as _, Statement};
    let administration = sea_orm::Database::connect(server().local.url("postgres")).await.unwrap();
    let backend = administration.get_database_backend();
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1";
    let started = Instant::now();
    loop {
        let statement = Statement::from_sql_and_values(backend, sql, [name.into()]);
        let row = administration.query_one_raw(statement).await.unwrap().unwrap();
        let sessions: i64 = row.try_get_by_index(0).unwrap();
        if sessions == expected {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{sessions} sessions, not {expected}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

test_support::on_both_stores! {
    async fn a_change_counts_from_the_next_call_and_the_sessions_before_it_end(database: TestDatabase) {
        let office = Office::new(database).await;
        let name = crate::postgres::database("CREATE TABLE fruit (name TEXT)");
        let mut writing = reachable("Sales", &name);
        writing.read_only = false;
        let made = office.create(writing).await.unwrap();
        let usable = || office.open.usable(office.organization, office.app, Named::External("Sales"));
        let (first, second) = (usable().await.unwrap(), usable().await.unwrap());
        assert!(Arc::ptr_eq(&first.database, &second.database), "one for all");
        run(&*first.database, Mode::ReadWrite, "INSERT INTO fruit VALUES ('apple')").await.unwrap();
        assert_eq!(first.database.usage().open, 1);
        until_sessions(&name, 1).await;

        let mut reading = reachable("Sales", &name);
        reading.password = None;
        office.update(&made, reading).await.unwrap();
        let third = usable().await.unwrap();
        assert!(third.read_only && !Arc::ptr_eq(&first.database, &third.database));
        // Also when a guard somewhere had let it through.
        let refused = run(&*third.database, Mode::ReadWrite, "INSERT INTO fruit VALUES ('pear')").await;
        assert!(refused.is_err());
        let counted = run(&*third.database, Mode::ReadOnly, "SELECT count(*) AS n FROM fruit").await.unwrap();
        assert!(counted.contains('1'), "{counted}");
        drop((first, second));
        until_sessions(&name, i64::try_from(third.database.usage().open).unwrap()).await;

        let manage = office.within::<ManageConnections>(office.editor);
        office.connections.delete(&manage, made.id, occasion()).await.unwrap();
        drop(third);
        until_sessions(&name, 0).await;
    }

    async fn an_alarm_is_raised_again_after_it_was_put_right(database: TestDatabase) {
        let office = Office::new(database).await;
        let made = office.create(given("Sales")).await.unwrap();
        for number in 1..=2 {
            office.execute("UPDATE database_connections SET read_only = FALSE", []).await;
            for _ in 0..3 {
                let row = office.find(&made).await.unwrap();
                assert!(office.open.of(&row).await.is_err());
            }
            let started = Instant::now();
            while office.events("database_connections.tampering_detected").await.len() < number {
                assert!(started.elapsed() < Duration::from_secs(30), "no alarm");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            office.update(&made, given("Sales")).await.unwrap();
            assert!(office.open.of(&office.find(&made).await.unwrap()).await.is_ok());
        }
        assert_eq!(office.events("database_connections.tampering_detected").await.len(), 2);
    }
}

#[test]
fn d13_sessions_over_all_connections_have_an_end() {
    test_support::run(async {
        let office = Office::new(TestDatabase::sqlite().await).await;
        let names = [database(""), database("")];
        office.create(reachable("First", &names[0])).await.unwrap();
        office.create(reachable("Second", &names[1])).await.unwrap();
        let addresses = Arc::new(AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]));
        let bounds = SessionBounds { of_an_organization: 2, of_all: 3 };
        let store = Store::new(office.journal.clone());
        let open = OpenDatabases::within(store, office.vault.clone(), addresses, bounds);
        let usable = |name| open.usable(office.organization, office.app, Named::External(name));
        let turns = Turns::default();
        let at = |connection, organization| TurnFor {
            connection,
            organization,
            app: AppId::generate(),
            most_sessions: 10,
            values: 0,
        };
        let take =
            |connection, organization| turns.take(at(connection, organization), Duration::from_secs(60));

        let first = usable("First").await.unwrap();
        // At the same time, so that the second finds no idle session.
        let both = tokio::join!(
            start(&*first.database, Mode::ReadOnly, "SELECT pg_sleep(1)"),
            start(&*first.database, Mode::ReadOnly, "SELECT pg_sleep(1)"),
        );
        for rows in [both.0, both.1] {
            whole(rows.unwrap()).await.unwrap();
        }
        let started = Instant::now();
        while first.database.usage().idle < 2 {
            assert!(started.elapsed() < Duration::from_secs(60), "{:?}", first.database.usage());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        until_sessions(&names[0], 2).await;
        // Who uses one of them needs no room.
        let turn = take(first.id, office.organization).await.unwrap();
        open.make_room(&first, office.organization, &turns).unwrap();
        drop((turn, first));
        until_sessions(&names[0], 2).await;

        // Idle ones go for somebody else's.
        let second = usable("Second").await.unwrap();
        let mut held = vec![take(second.id, office.organization).await.unwrap()];
        open.make_room(&second, office.organization, &turns).unwrap();
        until_sessions(&names[0], 0).await;
        run(&*second.database, Mode::ReadOnly, "SELECT 1").await.unwrap();
        // Those in use do not.
        held.push(take(second.id, office.organization).await.unwrap());
        open.make_room(&second, office.organization, &turns).unwrap();
        let another = usable("First").await.unwrap();
        let one_more = take(another.id, office.organization).await.unwrap();
        // One session of the second is open, and counts as one of the two that run.
        assert!(open.make_room(&another, office.organization, &turns).is_err());
        drop(one_more);

        // Another organization has its own, as long as there is room at all.
        let foreign = Usable { id: ConnectionId::generate(), ..another };
        held.push(take(foreign.id, office.elsewhere).await.unwrap());
        open.make_room(&foreign, office.elsewhere, &turns).unwrap();
        held.push(take(foreign.id, office.elsewhere).await.unwrap());
        assert!(open.make_room(&foreign, office.elsewhere, &turns).is_err());
        held.clear();
    });
}

#[test]
fn sessions_that_nobody_uses_stay_for_a_while() {
    test_support::run(async {
        let office = Office::new(TestDatabase::sqlite().await).await;
        let name = database("");
        let made = office.create(reachable("Sales", &name)).await.unwrap();
        let opened = office.open.of(&made).await.unwrap();
        run(&*opened, Mode::ReadOnly, "SELECT 1").await.unwrap();
        office.open.close_idle().await;
        let again = office.open.of(&made).await.unwrap();
        assert!(Arc::ptr_eq(&opened, &again), "used a moment ago");
        assert_eq!(again.usage().open, 1);
    });
}
