//! What each lock stops, on a real server: with all of them nothing changes; with one left out, the examination names it.

mod fingerprint;

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use cryptography::SecretBytes;
use futures_util::StreamExt as _;
use local_postgres::{Listen, LocalServer, Programs, Protection};
use outbound::AddressPolicy;
use query_guard::{Language, Mode};
use tokio_postgres::NoTls;

use super::session::Session;
use super::{Asked, Postgresql};
use crate::read_only::listed_attempts::{Listed, all_but, listed, missing, turn};
use crate::read_only::{Lock, ReadOnlyLocks};
use crate::text_session::TextSession as _;
use crate::{Attempt, Caller, Credentials, Database as _, Engine, Limits, Query, QueryError, Target, Tls};
pub(crate) use fingerprint::Watcher;

pub(crate) const PASSWORD: &str = "a password of this run only";
const SETUP: &str = include_str!("../../../query-guard/attempts/postgresql-setup.sql");

struct Server {
    local: LocalServer,
    port: u16,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let listen = Listen::Loopback(port, Protection { password: PASSWORD.to_owned(), certificate: None });
    let settings = ["fsync=off", "autovacuum=off", "max_connections=100", "max_prepared_transactions=4"];
    let local =
        LocalServer::start(Programs::find().expect("PostgreSQL is installed"), &listen, &settings).unwrap();
    local.execute("postgres", &format!("CREATE ROLE writer LOGIN PASSWORD '{PASSWORD}'; CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")).unwrap();
    Server { local, port }
});

/// A database with what the attempts name. `writer` has every right in it, `reader` may read.
pub(crate) fn database(name: &str) -> Target {
    let server = &*SERVER;
    server.local.execute("postgres", &format!("CREATE DATABASE {name}")).unwrap();
    let rights = "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT ALL ON SCHEMA public TO writer; \
        GRANT ALL ON ALL TABLES IN SCHEMA public TO writer; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO writer; \
        GRANT ALL ON ALL ROUTINES IN SCHEMA public TO writer; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader; \
        SELECT lo_create(424242);";
    server.local.execute(name, &format!("{SETUP}\n{rights}")).unwrap();
    server.local.execute("postgres", &format!("GRANT ALL ON DATABASE {name} TO writer")).unwrap();
    Target {
        engine: Engine::Postgresql,
        host: "127.0.0.1".parse().unwrap(),
        port: server.port,
        database: name.to_owned(),
        user: "writer".to_owned(),
        tls: Tls::Off,
        route: None,
        read_only: true,
        limits: Limits { most_milliseconds: 1_000, most_sessions: 2, ..Limits::default() },
    }
}

fn open(target: &Target, locks: ReadOnlyLocks) -> Postgresql {
    let policy = Arc::new(AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]));
    let credentials = Credentials { password: SecretBytes::copy_of(PASSWORD.as_bytes()) };
    Postgresql::new(target, credentials, policy, locks).unwrap()
}

pub(crate) async fn watch(target: &Target) -> Watcher {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(target.port).user("postgres").password(PASSWORD).dbname(&target.database);
    Watcher::new(config, SERVER.local.folder().to_owned()).await
}

/// Runs an attempt through the whole engine, if the guard lets it.
async fn through_the_gate(database: &Postgresql, attempt: Listed) -> Option<Result<(), QueryError>> {
    let statement = query_guard::check(Language::Postgresql, Mode::ReadOnly, attempt.sql).ok()?;
    let query = Query {
        statement,
        parameters: Vec::new(),
        timeout: Duration::from_secs(3),
        caller: Caller::new("attempt"),
    };
    let ran = async {
        let mut rows = database.run(query).await?;
        while let Some(piece) = rows.next().await {
            piece?;
        }
        Ok(())
    };
    Some(ran.await)
}

/// Runs an attempt under the locks of the database alone: in a session and a transaction as they are opened for a query.
/// What is returned is the session, as it would go back into the pool.
async fn past_the_guard(database: &Postgresql, attempt: Listed) -> Session {
    let Ok(mut session) = database.0.opener.open().await else { panic!("no session for {}", attempt.sql) };
    session.is_clean = false;
    let running = async {
        let mut asked = Asked::new(&session.client, true, &database.0.unsaid);
        if let Some(begin) = database.0.begin() {
            asked.command(begin).await?;
        }
        let _ = asked.rows(attempt.sql).await;
        asked.command("ROLLBACK").await
    };
    let _ = tokio::time::timeout(Duration::from_secs(10), running).await;
    session
}

#[tokio::test]
async fn d01_to_d09_no_attempt_changes_anything_whoever_the_role_is() {
    let _turn = turn().await;
    let target = database("whole");
    for user in ["writer", "postgres"] {
        let database = open(&Target { user: user.to_owned(), ..target.clone() }, ReadOnlyLocks::ALL);
        let mut watcher = watch(&target).await;
        let before = watcher.fingerprint().await;
        let dump = watcher.dump(&SERVER.local, &target.database);
        let mut ran = 0;
        for attempt in listed(Language::Postgresql) {
            let outcome = through_the_gate(&database, attempt).await;
            assert_eq!(outcome.is_some(), attempt.is_left_to_the_database(), "{}", attempt.sql);
            if outcome.is_some() {
                ran += 1;
                assert_eq!(watcher.fingerprint().await, before, "{user}: {}", attempt.sql);
            }
        }
        assert!(ran >= 15);
        assert_eq!(watcher.fingerprint().await, before, "{user}");
        assert_eq!(watcher.dump(&SERVER.local, &target.database), dump, "{user}");
        assert_eq!(watcher.heard(), 0);
    }
}

/// Why there is a guard: what the locks of the database alone let through, by the groups of the list.
#[tokio::test]
async fn past_the_guard_only_what_no_transaction_takes_back_gets_through() {
    let _turn = turn().await;
    for (user, most) in [("writer", WRITERS), ("postgres", SUPERUSERS)] {
        let target = database(&format!("past_{user}"));
        let database = open(&Target { user: user.to_owned(), ..target.clone() }, ReadOnlyLocks::ALL);
        let mut watcher = watch(&target).await;
        let mut before = watcher.fingerprint().await;
        let mut changed = Vec::new();
        for attempt in listed(Language::Postgresql) {
            let session = past_the_guard(&database, attempt).await;
            let mut changes = watcher.fingerprint().await != before;
            let until = Instant::now()
                + if user == "postgres" && is_a_signal(attempt.sql) { PATIENCE } else { Duration::ZERO };
            while !changes && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(50)).await;
                changes = watcher.fingerprint().await != before;
            }
            drop(session);
            if changes {
                changed.push(attempt.sql);
                // The next attempts find what this one did not leave behind.
                watcher.clear().await;
                before = watcher.alone().await;
            }
        }
        assert_eq!(changed, most, "{user}");
    }
}

/// How long a server may take to do what a signal says.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether its effect comes after its answer.
fn is_a_signal(sql: &str) -> bool {
    sql == "SELECT pg_reload_conf()"
}

/// With the rights of a writer.
const WRITERS: &[&str] = &[
    "PREPARE TRANSACTION 'a'",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_lock_shared(1)",
    "SELECT pg_try_advisory_lock(1, 2)",
];
/// With every right.
const SUPERUSERS: &[&str] = &[
    "PREPARE TRANSACTION 'a'",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_lock_shared(1)",
    "SELECT pg_try_advisory_lock(1, 2)",
    "ANALYZE probe",
    "SELECT lo_export(424242, '/tmp/probe_export')",
    "COPY (SELECT 1) TO '/tmp/probe_copy'",
    "COPY (SELECT 1) TO PROGRAM 'cat > /tmp/probe_copy'",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
    "SELECT pg_reload_conf()",
    "SELECT pg_create_physical_replication_slot('probe', true)",
    "SELECT pg_drop_replication_slot('probe')",
];

#[tokio::test]
async fn with_the_parser_alone_only_functions_of_users_write() {
    let _turn = turn().await;
    let target = database("parser");
    let parser = ReadOnlyLocks { transaction: false, session: false, ..ReadOnlyLocks::ALL };
    let database = open(&target, parser);
    let mut watcher = watch(&target).await;
    let mut before = watcher.fingerprint().await;
    let mut changed = 0;
    for attempt in listed(Language::Postgresql) {
        if through_the_gate(&database, attempt).await.is_none() {
            continue;
        }
        let after = watcher.fingerprint().await;
        if after != before {
            assert!(attempt.is_left_to_the_database(), "{}", attempt.sql);
            changed += 1;
            before = after;
        }
    }
    assert!(changed >= 5, "{changed}: the transaction has something to stop");
}

#[tokio::test]
async fn the_examination_names_the_lock_that_is_left_out() {
    let _turn = turn().await;
    let target = Target { user: "reader".to_owned(), ..database("left_out") };
    let mut watcher = watch(&target).await;
    let before = watcher.fingerprint().await;
    let whole = open(&target, ReadOnlyLocks::ALL).examine_read_only().await.unwrap();
    assert_eq!(missing(&whole), [], "{whole:#?}");
    assert!(whole.server.starts_with("PostgreSQL "), "{}", whole.server);
    assert!(whole.attempts.iter().all(|attempt| attempt.stopped_by.is_some()), "{whole:#?}");
    assert_eq!((whole.sent().count(), whole.attempts.len()), (11, whole.judged().count() + 11));
    let by_guard = |attempt: &Attempt| matches!(attempt.stopped_by, Some(Lock::Parser | Lock::Functions));
    assert!(whole.attempts.iter().all(|attempt| attempt.sent != by_guard(attempt)), "{whole:#?}");
    for lock in Lock::OURS {
        let database = open(&target, all_but(lock));
        let examination = database.examine_read_only().await.unwrap();
        assert_eq!(missing(&examination), [lock], "{examination:#?}");
        assert!(
            examination
                .attempts
                .iter()
                .any(|attempt| attempt.stopped_by.is_none() || attempt.stopped_by == Some(Lock::Role))
        );
    }
    let writer = Target { user: "writer".to_owned(), ..target.clone() };
    for (user, said) in [("writer", "may write to public.probe"), ("postgres", "is a superuser")] {
        for lock in [Lock::Transaction, Lock::Session] {
            // Even where the attempts succeed, they are taken back.
            let database = open(&Target { user: user.to_owned(), ..writer.clone() }, all_but(lock));
            let examination = database.examine_read_only().await.unwrap();
            assert_eq!(missing(&examination), [lock, Lock::Role], "{examination:#?}");
            assert!(examination.attempts.iter().any(|attempt| attempt.stopped_by.is_none()));
            assert!(examination.privileges.iter().any(|line| line.contains(said)), "{examination:#?}");
        }
    }
    let writable = open(&Target { read_only: false, ..writer }, ReadOnlyLocks::ALL);
    let examination = writable.examine_read_only().await.unwrap();
    assert_eq!(missing(&examination), [Lock::OURS.as_slice(), &[Lock::Role]].concat());
    assert_eq!(watcher.fingerprint().await, before);
}

/// The plain connection of the watcher has to be one that the attempts of others cannot use.
async fn connect(
    config: &tokio_postgres::Config,
) -> (tokio_postgres::Client, Arc<std::sync::atomic::AtomicUsize>) {
    let (client, mut connection) = config.connect(NoTls).await.unwrap();
    let heard = Arc::<std::sync::atomic::AtomicUsize>::default();
    let counting = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if matches!(message, tokio_postgres::AsyncMessage::Notification(_)) {
                counting.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    });
    (client, heard)
}
