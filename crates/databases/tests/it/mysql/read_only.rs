//! A connection that only reads. What the guard refuses has its own tests; here is what holds behind it.

use serde_json::json;
use test_support::MariaServer;

use super::*;

/// A function that writes, which no parser can see.
const WRITES: &str = "CREATE TABLE t (v INT) ENGINE=InnoDB;
    DELIMITER //
    CREATE FUNCTION writes() RETURNS INT MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (1); RETURN 1; END //
    CREATE FUNCTION found() RETURNS INT RETURN @left //
    CREATE FUNCTION state() RETURNS TEXT RETURN CONCAT(@@SESSION.tx_read_only, @@in_transaction) //
    CREATE FUNCTION hides() RETURNS INT BEGIN SET @left = 1; RETURN 1; END //";

#[tokio::test]
async fn d04_a_function_that_writes_is_stopped_by_the_transaction() {
    let server = MariaServer::shared();
    let name = server.database(WRITES);
    let mut read_only = target(server, &name);
    read_only.read_only = true;
    let database = open(read_only);
    let refused = read(&*database, "SELECT writes() AS v").await.unwrap_err();
    assert!(matches!(&refused, QueryError::Database { code, .. } if code == "25006"), "{refused:?}");
    assert_eq!(server.run(&name, "SELECT COUNT(*) FROM t"), ["0"]);
    // The session goes on, and is read-only still.
    assert_eq!(read(&*database, "SELECT COUNT(*) AS n FROM t").await.unwrap(), json!([{"n": 0}]));
    assert_eq!(read(&*database, "SELECT state() AS v").await.unwrap(), json!([{"v": "ON1"}]));
}

#[tokio::test]
async fn a_statement_that_was_checked_for_another_mode_is_not_sent() {
    let server = MariaServer::shared();
    let name = server.database("CREATE TABLE t (v INT)");
    let mut read_only = target(server, &name);
    read_only.read_only = true;
    let database = open(read_only);
    for sql in ["INSERT INTO t VALUES (1)", "SELECT 1 AS v"] {
        let refused = collect(&*database, query(Mode::ReadWrite, sql, vec![])).await.unwrap_err();
        assert!(matches!(&refused, QueryError::Database { code, .. } if code == "25006"), "{refused:?}");
    }
    assert_eq!(database.usage().open, 0, "nothing was connected");
    assert_eq!(server.run(&name, "SELECT COUNT(*) FROM t"), ["0"]);
}

#[tokio::test]
async fn d09_a_function_leaves_nothing_on_a_read_only_connection() {
    let server = MariaServer::shared();
    let mut read_only = target(server, &server.database(WRITES));
    read_only.read_only = true;
    read_only.limits.most_sessions = 1;
    let database = open(read_only);
    assert_eq!(read(&*database, "SELECT hides() AS v").await.unwrap(), json!([{"v": 1}]));
    assert_eq!(read(&*database, "SELECT found() AS v").await.unwrap(), json!([{"v": null}]));
}
