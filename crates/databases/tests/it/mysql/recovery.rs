//! Servers that stop, and errors.

use databases::ConnectError;
use serde_json::json;
use test_support::MariaServer;

use super::*;

#[tokio::test]
async fn a_server_that_was_killed_is_used_again_once_it_is_back() {
    let mut server = MariaServer::start();
    let name = server.database("CREATE TABLE t (v INT); INSERT INTO t VALUES (7)");
    let database = open(target(&server, &name));
    let expected = json!([{"v": 7}]);
    assert_eq!(rows(&*database, "SELECT v FROM t").await.unwrap(), expected);
    let slow = rows(&*database, "SELECT SLEEP(1000) AS v");
    let killed = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        server.stop();
    };
    let (broken, ()) = tokio::join!(slow, killed);
    assert_eq!(broken.unwrap_err(), QueryError::Broken);
    let away = rows(&*database, "SELECT v FROM t").await.unwrap_err();
    assert_eq!(away, QueryError::Connect(ConnectError::Tcp));
    assert_eq!(database.test().await, Err(ConnectError::Tcp));
    server.resume();
    assert_eq!(rows(&*database, "SELECT v FROM t").await.unwrap(), expected);
    // With nobody asking in between, too: the session that is kept is a dead one.
    server.stop();
    server.resume();
    assert_eq!(rows(&*database, "SELECT v FROM t").await.unwrap(), expected);
}

/// A session that an administrator closed while it was kept.
#[tokio::test]
async fn a_session_that_was_closed_is_replaced() {
    let server = MariaServer::shared();
    let name = server.database("");
    let database = open(target(server, &name));
    rows(&*database, "SELECT 1 AS v").await.unwrap();
    until("the session is back", || database.usage().idle == 1).await;
    for id in server.run("", &super::sessions::processes(&name)) {
        server.run("", &format!("KILL {id}"));
    }
    assert_eq!(rows(&*database, "SELECT 1 AS v").await.unwrap(), json!([{"v": 1}]));
}

#[tokio::test]
async fn each_step_to_a_session_has_its_error() {
    let server = MariaServer::shared();
    let name = server.database("");
    server.run("", "CREATE USER IF NOT EXISTS nothing@'%' IDENTIFIED BY 'x'");
    server.run("", "CREATE USER IF NOT EXISTS needs_tls@'%' IDENTIFIED BY 'x' REQUIRE SSL");
    let at = |change: fn(&mut Target)| {
        let mut target = target(server, &name);
        change(&mut target);
        target
    };
    assert_eq!(open(at(|_| {})).test().await, Ok(()));
    for (target, password, expected) in [
        (at(|_| {}), "wrong", ConnectError::Login),
        (at(|_| {}), "", ConnectError::Login),
        (at(|target| target.user = "nobody".to_owned()), "x", ConnectError::Login),
        (at(|target| target.user = "needs_tls".to_owned()), "x", ConnectError::Login),
        (at(|target| target.database = "missing".to_owned()), MariaServer::PASSWORD, ConnectError::Database),
        (at(|target| target.user = "nothing".to_owned()), "x", ConnectError::Database),
        (at(|target| target.port = 1), "x", ConnectError::Tcp),
        (at(|target| target.host = "no.such.host.invalid".parse().unwrap()), "x", ConnectError::Name),
    ] {
        assert_eq!(open_with(target, password).test().await, Err(expected.clone()), "{expected}");
    }
    let elsewhere = open(at(|target| target.host = Host::Address([169, 254, 169, 254].into())));
    assert!(matches!(elsewhere.test().await, Err(ConnectError::Address(_))));
}

#[tokio::test]
async fn d50_names_are_taken_as_they_are() {
    let server = MariaServer::shared();
    let name = server.database("");
    for database in ["x host=127.0.0.1", "mysql?ssl=off", "a`b", "mysql\0", "../mysql", "mysql;x"] {
        let mut strange = target(server, &name);
        strange.database = database.to_owned();
        assert_eq!(open(strange).test().await, Err(ConnectError::Database), "{database:?}");
    }
    server.run("", "CREATE DATABASE IF NOT EXISTS `x host=y?z`");
    let mut strange = target(server, "x host=y?z");
    let current = rows(&*open(strange.clone()), "SELECT DATABASE() AS v").await.unwrap();
    assert_eq!(current, json!([{"v": "x host=y?z"}]));
    for user in ["a?options=-c", "root@localhost", "root\0"] {
        strange.user = user.to_owned();
        assert_eq!(open(strange.clone()).test().await, Err(ConnectError::Login), "{user:?}");
    }
}

#[tokio::test]
async fn d19_errors_of_the_database_name_no_host_user_or_database() {
    let server = MariaServer::shared();
    let name = server.database("CREATE TABLE t (v INT PRIMARY KEY)");
    server.run("", &format!("CREATE USER IF NOT EXISTS d19_reader@'%' IDENTIFIED BY 'x'; GRANT SELECT ON {name}.* TO d19_reader@'%'"));
    let mut limited = target(server, &name);
    limited.user = "d19_reader".to_owned();
    let database = open_with(limited, "x");
    for (sql, code, said) in [
        ("SELECT * FROM missing", "42S02", "Table '….missing' doesn't exist (error 1146)"),
        ("SELECT missing FROM t", "42S22", "Unknown column 'missing' in 'SELECT' (error 1054)"),
        (
            "INSERT INTO t VALUES (1)",
            "42000",
            "INSERT command denied to user '…' for table `…`.`t` (error 1142)",
        ),
        (
            "SELECT * FROM mysql.user",
            "42000",
            "SELECT command denied to user '…' for table `mysql`.`user` (error 1142)",
        ),
    ] {
        let error = collect(&*database, query(Mode::ReadWrite, sql, vec![])).await.unwrap_err();
        assert_eq!(error, QueryError::Database { code: code.to_owned(), message: said.to_owned() }, "{sql}");
    }
}
