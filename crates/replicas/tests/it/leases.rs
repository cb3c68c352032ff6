//! A task is done by one process at a time, and not by one that was too late to notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use audit::{Actor, AuditError, Event, Journal, Target};
use replicas::Lease;
use sea_orm::ConnectionTrait as _;
use test_support::TestDatabase;

async fn journal(database: &TestDatabase) -> Journal {
    Journal::shared(migrations::connect(database.url()).await.unwrap())
}

fn event() -> Event {
    Event::done(Actor::System, "test.change", Target::Platform)
}

#[test]
fn one_process_at_a_time_and_the_next_when_it_is_given_back() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let (at_work, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let mut turns = Vec::new();
        for _ in 0..3 {
            let lease = Lease::new(journal(&database).await, "a task");
            let (at_work, most) = (Arc::clone(&at_work), Arc::clone(&most));
            let work = move || {
                let (at_work, most) = (Arc::clone(&at_work), Arc::clone(&most));
                async move {
                    most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::future::pending().await
                }
            };
            turns.push((lease.clone(), tokio::spawn(lease.whenever_held(work))));
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        for expected in 1..=3 {
            while at_work.load(Ordering::SeqCst) < expected {
                assert!(Instant::now() < deadline, "nobody took turn {expected}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            // Whoever has it stops and gives it back; the others do not have it, so that changes nothing.
            let holder = database
                .connection()
                .query_one_raw(sea_orm::Statement::from_string(
                    sea_orm::DatabaseBackend::Postgres,
                    "SELECT fence FROM leases WHERE task = 'a task'",
                ))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(holder.try_get::<i64>("", "fence").unwrap(), i64::from(expected));
            let index = held_by(&database, &turns).await;
            let (lease, turn) = turns.remove(index);
            turn.abort();
            lease.give_back().await;
        }
        assert_eq!(at_work.load(Ordering::SeqCst), 3);
    });
}

async fn held_by(database: &TestDatabase, turns: &[(Lease, tokio::task::JoinHandle<()>)]) -> usize {
    let statement = sea_orm::Statement::from_string(
        sea_orm::DatabaseBackend::Postgres,
        "SELECT holder FROM leases WHERE task = 'a task'",
    );
    let row = database.connection().query_one_raw(statement).await.unwrap().unwrap();
    let holder: String = row.try_get("", "holder").unwrap();
    turns.iter().position(|(lease, _)| lease.replica().to_string() == holder).unwrap()
}

#[test]
fn a_change_of_one_that_lost_its_turn_does_not_commit() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let journal = journal(&database).await;
        let (answer, answers) = tokio::sync::oneshot::channel();
        let answer = Arc::new(std::sync::Mutex::new(Some(answer)));
        let work = {
            let (journal, connection) = (journal.clone(), database.connection().clone());
            move || {
                let (journal, connection, answer) =
                    (journal.clone(), connection.clone(), Arc::clone(&answer));
                async move {
                    let change = journal.begin().await.unwrap();
                    let within_its_turn = change.commit(event()).await;
                    let change = journal.begin().await.unwrap();
                    // This process was stopped for a while, and another one has taken over.
                    let sql = "UPDATE leases SET holder = 'another', fence = fence + 1";
                    connection.execute_unprepared(sql).await.unwrap();
                    let too_late = change.commit(event()).await;
                    if let Some(answer) = answer.lock().unwrap().take() {
                        answer.send((within_its_turn, too_late)).unwrap();
                    }
                    std::future::pending().await
                }
            }
        };
        let turn = tokio::spawn(Lease::new(journal.clone(), "a task").whenever_held(work));
        let (within_its_turn, too_late) = answers.await.unwrap();
        within_its_turn.unwrap();
        assert!(matches!(too_late, Err(AuditError::TakenOver)), "{too_late:?}");
        turn.abort();
        // What nobody has a turn for is not fenced.
        journal.begin().await.unwrap().commit(event()).await.unwrap();
    });
}
