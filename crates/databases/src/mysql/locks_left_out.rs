//! What each lock stops, on a real MariaDB: with all of them nothing changes; with one left out, the examination names it.

mod fingerprint;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptography::SecretBytes;
use futures_util::StreamExt as _;
use outbound::AddressPolicy;
use query_guard::{Language, Mode};
use test_support::MariaServer;

use super::text::Asked;
use super::{Mysql, Session, opening};
use crate::read_only::listed_attempts::{Listed, all_but, listed, missing, turn};
use crate::read_only::{Lock, ReadOnlyLocks};
use crate::text_session::TextSession as _;
use crate::{Caller, Credentials, Database as _, Engine, Limits, Query, QueryError, Target, Tls};
use fingerprint::{alone, fingerprint};

const PASSWORD: &str = "a password of this run only";

/// A database with what the attempts name, on a server of its own. `writer` has every right in it, `reader` may read.
fn database(server: &MariaServer) -> Target {
    let setup = include_str!("../../../query-guard/attempts/mysql-setup.sql");
    let setup: String =
        setup.lines().map(|line| format!("{}//\n", line.strip_suffix(';').unwrap_or(line))).collect();
    server.run("", "INSTALL SONAME 'metadata_lock_info'");
    let name = server.database(&format!("DELIMITER //\n{setup}"));
    server.run(
        "",
        &format!(
            "CREATE USER writer@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON {name}.* TO writer@'%'; \
             CREATE USER reader@'%' IDENTIFIED BY '{PASSWORD}'; GRANT SELECT, SHOW VIEW ON {name}.* TO reader@'%';"
        ),
    );
    Target {
        engine: Engine::Mysql,
        host: "127.0.0.1".parse().unwrap(),
        port: server.port(),
        database: name,
        user: "writer".to_owned(),
        tls: Tls::Off,
        route: None,
        read_only: true,
        limits: Limits { most_milliseconds: 1_000, most_sessions: 2, ..Limits::default() },
    }
}

fn open(target: &Target, locks: ReadOnlyLocks) -> Mysql {
    let policy = Arc::new(AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]));
    let password = if target.user == MariaServer::USER { MariaServer::PASSWORD } else { PASSWORD };
    let credentials = Credentials { password: SecretBytes::copy_of(password.as_bytes()) };
    Mysql::new(target, credentials, policy, locks).unwrap()
}

/// Runs an attempt through the whole engine, if the guard lets it.
async fn through_the_gate(database: &Mysql, attempt: Listed) -> Option<Result<(), QueryError>> {
    let statement = query_guard::check(Language::Mysql, Mode::ReadOnly, attempt.sql).ok()?;
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
async fn past_the_guard(database: &Mysql, attempt: Listed) -> Session {
    let opener = &database.opener;
    let Ok(mut session) = opening::open(opener).await else { panic!("no session for {}", attempt.sql) };
    let running = async {
        let mut asked = Asked::new(&mut session, opener);
        asked.command("START TRANSACTION READ ONLY").await?;
        let _ = asked.rows(attempt.sql).await;
        asked.command("ROLLBACK").await
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), running).await;
    session
}

#[tokio::test]
async fn d10_no_attempt_changes_anything_whoever_the_account_is() {
    let _turn = turn().await;
    let server = MariaServer::start();
    let target = database(&server);
    for user in ["writer", MariaServer::USER] {
        let database = open(&Target { user: user.to_owned(), ..target.clone() }, ReadOnlyLocks::ALL);
        let before = fingerprint(&server);
        let mut ran = 0;
        for attempt in listed(Language::Mysql) {
            let outcome = through_the_gate(&database, attempt).await;
            assert_eq!(outcome.is_some(), attempt.is_left_to_the_database(), "{}", attempt.sql);
            if outcome.is_some() {
                ran += 1;
                assert_eq!(fingerprint(&server), before, "{user}: {}", attempt.sql);
            }
        }
        assert!(ran >= 5);
        assert_eq!(fingerprint(&server), before, "{user}");
    }
}

/// Why there is a guard: what the locks of the database alone let through.
#[tokio::test]
async fn past_the_guard_only_what_no_transaction_takes_back_gets_through() {
    let _turn = turn().await;
    for (user, expected) in [("writer", WRITERS), (MariaServer::USER, ADMINISTRATORS)] {
        let mut server = MariaServer::start();
        let target = database(&server);
        let database = open(&Target { user: user.to_owned(), ..target.clone() }, ReadOnlyLocks::ALL);
        let mut before = fingerprint(&server);
        let mut changed = Vec::new();
        for attempt in listed(Language::Mysql) {
            let session = past_the_guard(&database, attempt).await;
            // A server that was told to end answers for a moment more.
            let ends = user == MariaServer::USER && attempt.sql.starts_with("SHUTDOWN");
            let deadline = Instant::now() + Duration::from_secs(30);
            while ends && server.answers() && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if !server.answers() {
                changed.push(attempt.sql);
                drop(session);
                server.stop();
                server.resume();
                before = alone(&server).await;
                continue;
            }
            let changes = fingerprint(&server) != before;
            drop(session);
            if changes {
                changed.push(attempt.sql);
                before = alone(&server).await;
            }
        }
        assert_eq!(changed, expected, "{user}");
    }
}

/// With every right in the database.
const WRITERS: &[&str] = &[
    "SELECT 1 /*!,(SELECT GET_LOCK('a', 1))*/",
    "LOCK TABLE probe READ",
    "BACKUP LOCK probe",
    "SELECT GET_LOCK('probe', 1)",
    "SELECT get_lock ('probe', 1)",
    "SELECT `get_lock`('probe', 1)",
    "HANDLER probe OPEN",
    "DO GET_LOCK('probe', 1)",
];
/// With every right.
const ADMINISTRATORS: &[&str] = &[
    "SELECT 1 /*! INTO OUTFILE '/tmp/probe_a' */",
    "SELECT 1 /*!50000 INTO OUTFILE '/tmp/probe_b' */",
    "SELECT 1 /*M! INTO DUMPFILE '/tmp/probe_c' */",
    "SELECT 1 /*!,(SELECT GET_LOCK('a', 1))*/",
    "SELECT 1 INTO OUTFILE '/tmp/probe_1'",
    "SELECT * FROM probe INTO OUTFILE '/tmp/probe_2'",
    "SELECT * INTO OUTFILE '/tmp/probe_3' FROM probe",
    "SELECT 1 INTO DUMPFILE '/tmp/probe_4'",
    "SELECT/**/1/**/INTO/**/OUTFILE/**/'/tmp/probe_5'",
    "(SELECT 1) INTO OUTFILE '/tmp/probe_6'",
    "SELECT 1 UNION SELECT 2 INTO OUTFILE '/tmp/probe_7'",
    "SELECT 1 LIMIT 1 INTO OUTFILE '/tmp/probe_8' LINES TERMINATED BY 0x3c3f",
    "LOCK TABLE probe READ",
    "FLUSH TABLES WITH READ LOCK",
    "BACKUP STAGE START",
    "BACKUP LOCK probe",
    "SELECT GET_LOCK('probe', 1)",
    "SELECT get_lock ('probe', 1)",
    "SELECT `get_lock`('probe', 1)",
    "HANDLER probe OPEN",
    "DO GET_LOCK('probe', 1)",
    "CHANGE MASTER TO MASTER_HOST = 'localhost'",
    "SHUTDOWN",
];

#[tokio::test]
async fn with_the_parser_alone_only_functions_of_users_write() {
    let _turn = turn().await;
    let server = MariaServer::start();
    let target = database(&server);
    let parser = ReadOnlyLocks { transaction: false, session: false, ..ReadOnlyLocks::ALL };
    let database = open(&target, parser);
    let mut before = fingerprint(&server);
    let mut changed = 0;
    for attempt in listed(Language::Mysql) {
        if through_the_gate(&database, attempt).await.is_none() {
            continue;
        }
        let after = fingerprint(&server);
        if after != before {
            assert!(attempt.is_left_to_the_database(), "{}", attempt.sql);
            changed += 1;
            before = after;
        }
    }
    assert!(changed >= 3, "{changed}: the transaction has something to stop");
}

#[tokio::test]
async fn the_examination_names_the_lock_that_is_left_out() {
    let _turn = turn().await;
    let server = MariaServer::start();
    let target = Target { user: "reader".to_owned(), ..database(&server) };
    let before = fingerprint(&server);
    let whole = open(&target, ReadOnlyLocks::ALL).examine_read_only().await.unwrap();
    assert_eq!(missing(&whole), [], "{whole:#?}");
    assert!(whole.server.contains("MariaDB"), "{}", whole.server);
    assert!(whole.attempts.iter().all(|attempt| attempt.stopped_by.is_some()), "{whole:#?}");
    assert_eq!((whole.sent().count(), whole.attempts.len()), (9, whole.judged().count() + 9));
    for lock in Lock::OURS {
        let examination = open(&target, all_but(lock)).examine_read_only().await.unwrap();
        assert_eq!(missing(&examination), [lock], "{examination:#?}");
    }
    for (user, said) in
        [("writer", "has ALL PRIVILEGES on"), (MariaServer::USER, "has ALL PRIVILEGES on *.*")]
    {
        for lock in [Lock::Transaction, Lock::Session] {
            let target = Target { user: user.to_owned(), ..target.clone() };
            let examination = open(&target, all_but(lock)).examine_read_only().await.unwrap();
            assert_eq!(missing(&examination), [lock, Lock::Role], "{examination:#?}");
            assert!(examination.privileges.iter().any(|line| line.starts_with(said)), "{examination:#?}");
        }
    }
    assert_eq!(fingerprint(&server), before);
}

#[tokio::test]
async fn a_syntax_error_is_no_missing_right() {
    let _turn = turn().await;
    let server = MariaServer::start();
    let target = Target { user: "reader".to_owned(), ..database(&server) };
    let database = open(&target, ReadOnlyLocks::ALL);
    let Ok(mut session) = opening::open(&database.opener).await else { panic!("no session") };
    let mut asked = Asked::new(&mut session, &database.opener);
    for (statement, expected) in [
        ("SELEC 1", "42601"),
        ("SELECT 1; SELECT 2", "42601"),
        ("DELETE FROM probe", "42501"),
        ("SELECT * FROM mysql.user", "42501"),
        ("SELECT 1 FROM no_such_database.no_such_table", "42501"),
        ("SELECT a FROM (SELECT 1 AS a", "42601"),
    ] {
        let refused = asked.rows(statement).await;
        let Err(QueryError::Database { code, message }) = refused else { panic!("{statement}: {refused:?}") };
        assert_eq!(code, expected, "{statement}: {message}");
    }
}
