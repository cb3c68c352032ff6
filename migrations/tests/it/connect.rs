use std::os::unix::fs::PermissionsExt as _;

use sea_orm_migration::sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement};
use test_support::PostgresServer;

async fn message(url: &str) -> String {
    migrations::connect(url).await.map(drop).unwrap_err().to_string()
}

#[tokio::test]
async fn sqlite_is_opened_with_a_journal_foreign_keys_and_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vybe.sqlite");
    let database = migrations::connect(file.to_str().unwrap()).await.unwrap();
    for (pragma, expected) in [("journal_mode", "wal"), ("foreign_keys", "1"), ("synchronous", "1")] {
        let statement = Statement::from_string(
            DatabaseBackend::Sqlite,
            format!("SELECT CAST({pragma} AS TEXT) AS setting FROM pragma_{pragma}"),
        );
        let row = database.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get::<String>("", "setting").unwrap(), expected, "{pragma}");
    }
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_new_sqlite_file_may_be_opened_by_many_at_once_and_again_while_they_close_it() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..100 {
        let file = folder.path().join(format!("{round}.sqlite"));
        let opened = (0..8).map(|_| {
            let file = file.to_str().unwrap().to_owned();
            tokio::spawn(async move {
                for _ in 0..2 {
                    let database = migrations::connect(&file).await.unwrap();
                    database.execute_unprepared("CREATE TABLE IF NOT EXISTS t (x INTEGER)").await.unwrap();
                    database.close().await.unwrap();
                }
            })
        });
        for task in opened.collect::<Vec<_>>() {
            task.await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_address_that_names_no_store_says_what_is_expected() {
    assert!(message("mysql://root@localhost/vybe").await.contains("`mysql` is none of them"));
    assert!(message("sqlite::memory:").await.contains("path of a file"));
    assert!(message("/missing/folder/vybe.sqlite").await.contains("/missing/folder/vybe.sqlite"));
}

#[tokio::test]
async fn a_message_never_shows_the_password() {
    for url in [
        "postgres://vybe:hunter2@127.0.0.1:1/vybe",
        "postgres://vybe:hunter2@127.0.0.1:notaport/vybe",
        "postgres://vybe:hunter2@host/with@vybe",
        "postgres://vybe:hun:ter2@[::1/vybe",
    ] {
        let text = message(url).await;
        assert!(!text.contains("hunter2") && !text.contains("ter2"), "{text}");
    }
}

#[tokio::test]
async fn a_closed_port_is_told_at_once() {
    let started = std::time::Instant::now();
    let text = message("postgres://vybe@127.0.0.1:1/vybe").await;
    assert!(text.contains("127.0.0.1:1"), "{text}");
    assert!(started.elapsed() < migrations::ACQUIRE_TIMEOUT, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_may_migrate_at_once() {
    let server = PostgresServer::start();
    let first = migrations::connect(&server.url("postgres")).await.unwrap();
    let second = migrations::connect(&server.url("postgres")).await.unwrap();
    let (one, two) = tokio::join!(migrations::migrate(&first), migrations::migrate(&second));
    let mut applied = [one.unwrap(), two.unwrap()];
    applied.sort_unstable();
    assert!(applied[0] == 0 && applied[1] > 0, "{applied:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_recovers_when_its_server_comes_back() {
    let mut server = PostgresServer::start();
    let database = migrations::connect(&server.url("postgres")).await.unwrap();
    database.ping().await.unwrap();
    server.stop();
    assert!(database.execute_unprepared("SELECT 1").await.is_err());
    server.resume();
    database.execute_unprepared("SELECT 1").await.unwrap();
}
