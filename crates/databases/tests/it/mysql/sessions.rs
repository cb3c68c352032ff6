//! What a caller leaves behind, and what the next one finds of it.

use serde_json::{Value, json};
use test_support::MariaServer;

use super::*;

/// What a session is like, as a caller can see it: in a function, as the guard lets nobody read variables.
const STATE: &str = "CREATE FUNCTION state() RETURNS LONGTEXT READS SQL DATA RETURN CONCAT_WS('|', \
    COALESCE(@left, 'unset'), DATABASE(), @@SESSION.sql_mode, @@SESSION.time_zone, @@SESSION.autocommit, \
    COALESCE(CURRENT_ROLE(), 'none'), @@SESSION.sort_buffer_size, LAST_INSERT_ID(), \
    COALESCE(IS_USED_LOCK('held'), 'free'), @@SESSION.tx_isolation, @@SESSION.tx_read_only, @@in_transaction, \
    @@SESSION.character_set_client, @@SESSION.character_set_results, @@SESSION.foreign_key_checks, \
    @@SESSION.sql_log_bin, @@SESSION.max_statement_time > 0) //\n";

/// The statements that the guard refuses, where they cannot be seen by it: in a procedure.
const LEAKS: &[(&str, &str)] = &[
    ("a user variable", "SET @left = 1"),
    ("an open transaction", "START TRANSACTION; INSERT INTO t VALUES (1)"),
    ("autocommit", "SET SESSION autocommit = 0; INSERT INTO t VALUES (2)"),
    ("a lock", "DO GET_LOCK('held', 0)"),
    ("sql_mode", "SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'"),
    ("a time zone", "SET SESSION time_zone = '+05:00'"),
    ("a variable of the session", "SET SESSION sort_buffer_size = 1048576"),
    ("isolation", "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED"),
    ("isolation of the next transaction", "SET TRANSACTION READ ONLY"),
    ("a read-only session", "SET SESSION TRANSACTION READ ONLY"),
    ("the last id", "DO LAST_INSERT_ID(42)"),
    ("checks", "SET SESSION foreign_key_checks = 0"),
    ("a role", "SET ROLE leaked"),
    ("a character set", "SET SESSION character_set_client = latin1, SESSION character_set_results = latin1"),
    ("a temporary table", "CREATE TEMPORARY TABLE left_behind (v INT)"),
    ("a temporary table in front of a table", "CREATE TEMPORARY TABLE t (hidden INT)"),
    ("a prepared statement", "PREPARE left_behind FROM 'SELECT 1'"),
    ("a binary log that is off", "SET SESSION sql_log_bin = 0"),
    ("another database", "EXECUTE IMMEDIATE 'USE mysql'"),
];

#[tokio::test]
async fn d09_nothing_of_a_caller_survives_for_the_next() {
    let server = MariaServer::shared();
    server.run("", "CREATE ROLE IF NOT EXISTS leaked");
    let mut statements = "CREATE TABLE t (v INT);\nDELIMITER //\n".to_owned() + STATE;
    for (at, (_, body)) in LEAKS.iter().enumerate() {
        statements.push_str(&format!("CREATE PROCEDURE leak_{at}() BEGIN {body}; END //\n"));
    }
    let name = server.database(&statements);
    let mut one = target(server, &name);
    one.limits.most_sessions = 1;
    let database = open(one);
    let state = "SELECT state() AS v";
    let fresh = rows(&*database, state).await.unwrap();
    // A function shows the mode that it was made in; how text is read shows the session's.
    let reading = r#"SELECT "a" AS a, 'x\'y' AS b, 1 || 0 AS c"#;
    let read = json!([{"a": "a", "b": "x'y", "c": 1}]);
    let mut reused = 0;
    for (at, (what, body)) in LEAKS.iter().enumerate() {
        let before = rows(&*database, "SELECT CONNECTION_ID() AS id").await.unwrap();
        match collect(&*database, query(Mode::ReadWrite, &format!("CALL leak_{at}()"), vec![])).await {
            Ok(_) => {}
            // What a server does not let procedures do leaves nothing.
            Err(QueryError::Database { .. }) => eprintln!("{what}: the server refuses it"),
            Err(other) => panic!("{what}: {other}"),
        }
        let after = rows(&*database, state).await.unwrap();
        assert_eq!(after, fresh, "{what} survives: {body}");
        assert_eq!(rows(&*database, reading).await, Ok(read.clone()), "{what} survives");
        let temporary = rows(&*database, "SELECT * FROM left_behind").await;
        assert!(temporary.is_err(), "{what} survives");
        assert_eq!(
            rows(&*database, "SELECT v FROM t").await.unwrap(),
            json!([]),
            "{what}: something was written"
        );
        let id = rows(&*database, "SELECT CONNECTION_ID() AS id").await.unwrap();
        reused += u32::from(id == before);
    }
    // It is the reset that ends them, not a new session each time.
    assert!(reused > 10, "{reused} sessions of {} were used again", LEAKS.len());
}

#[tokio::test]
async fn a_session_is_used_again() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("")));
    let sql = "SELECT CONNECTION_ID() AS id";
    let first = rows(&*database, sql).await.unwrap();
    until("the session is back", || database.usage().idle == 1).await;
    assert_eq!(rows(&*database, sql).await.unwrap(), first);
    // After an error of the statement, too.
    rows(&*database, "SELECT * FROM nothing").await.unwrap_err();
    until("the session is back", || database.usage().idle == 1).await;
    assert_eq!(rows(&*database, sql).await.unwrap(), first);
}

#[tokio::test]
async fn there_are_never_more_than_the_most() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    let slow = (0..6).map(|_| rows(&*database, "SELECT SLEEP(0.3) AS v"));
    let counted = async {
        let mut most = 0;
        for _ in 0..10 {
            most = most.max(server.run("", &processes(&name)).len());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        most
    };
    let (answers, most) = tokio::join!(futures_util::future::join_all(slow), counted);
    assert!(answers.into_iter().all(|answer| answer == Ok(json!([{"v": 0}]))));
    assert!((1..=2).contains(&most), "{most} sessions");
    until("all are idle", || database.usage().idle == database.usage().open).await;
    assert!(database.usage().open <= 2);
}

/// Callers that wait, fail, run out of time and leave, all at once: nobody is left without a session, and no session
/// without an end.
#[tokio::test]
async fn many_callers_share_few_sessions() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    let callers = (0..200).map(|number| {
        let database = Arc::clone(&database);
        tokio::spawn(async move {
            match number % 5 {
                0 | 1 => assert_eq!(rows(&*database, "SELECT 1 AS v").await, Ok(json!([{"v": 1}]))),
                2 => assert!(matches!(
                    rows(&*database, "SELECT * FROM nothing").await,
                    Err(QueryError::Database { .. })
                )),
                3 => {
                    let mut slow = query(Mode::ReadOnly, "SELECT SLEEP(1000) AS v", vec![]);
                    slow.timeout = Duration::from_millis(50);
                    assert_eq!(collect(&*database, slow).await, Err(QueryError::Timeout(50)));
                }
                _ => {
                    let sql = "SELECT REPEAT('x', 1000) AS v FROM seq_1_to_1000000";
                    drop(database.run(query(Mode::ReadOnly, sql, vec![])).await.unwrap());
                }
            }
        })
    });
    for caller in futures_util::future::join_all(callers).await {
        caller.unwrap();
    }
    until("all are idle", || database.usage().idle == database.usage().open).await;
    let open = database.usage().open;
    assert!(open <= 2);
    until("there are no others", || server.run("", &processes(&name)).len() == open).await;
    assert_eq!(rows(&*database, "SELECT 1 AS v").await.unwrap(), json!([{"v": 1}]));
}

#[tokio::test]
async fn the_database_shows_on_whose_behalf_a_query_runs() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    let mut named = query(Mode::ReadWrite, "SELECT SLEEP(1000) AS v", vec![]);
    named.caller = Caller::new("app=orders user=usr_1 */ DROP TABLE t /*");
    let shown = async {
        let sql = format!("SELECT INFO FROM information_schema.PROCESSLIST WHERE DB = '{name}'");
        let expected = "/* vybe app=orders user=usr_1  DROP TABLE t  */ SELECT SLEEP(1000) AS v";
        until("it is shown", || server.run("", &sql).iter().any(|info| info == expected)).await;
    };
    tokio::select! {
        _ = collect(&*database, named) => panic!("it sleeps"),
        () = shown => {}
    }
}

#[tokio::test]
async fn the_session_is_as_the_guard_reads_statements() {
    let server = MariaServer::shared();
    // Whatever the server's own settings are.
    let name = server.database("");
    let database = open(target(server, &name));
    let answer = rows(&*database, r#"SELECT "a" AS a, 'x\'y' AS b, 1 || 0 AS c"#).await.unwrap();
    assert_eq!(answer, json!([{"a": "a", "b": "x'y", "c": 1}]));
    let modes: Value = rows(&*database, "SELECT @@SESSION.sql_mode AS mode").await.unwrap();
    let mode = modes[0]["mode"].as_str().unwrap();
    assert_eq!(mode, "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION");
}

pub(super) fn processes(database: &str) -> String {
    format!("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database}'")
}
