//! Through real SSH servers.

use std::sync::Arc;

use databases::{ConnectError, Step};
use serde_json::json;
use ssh_tunnel::{Hop, Route};
use test_support::{Authority, MariaServer, SshKey, SshServer};

use super::*;

fn hop(server: &SshServer, key: &SshKey) -> Hop {
    Hop {
        host: Host::Address([127, 0, 0, 1].into()),
        port: server.port(),
        user: SshServer::user(),
        private_key: Arc::new(SecretBytes::copy_of(key.private.as_bytes())),
        passphrase: None,
        host_key: server.host_key().fingerprint.parse().unwrap(),
    }
}

/// Two SSH servers, one behind the other, and a key that both let in.
fn chain() -> (SshServer, SshServer, SshKey) {
    let key = SshKey::generate(&["-t", "ed25519"], "");
    let (first, second) = (SshServer::start(&[]), SshServer::start(&[]));
    first.authorize(&key);
    second.authorize(&key);
    (first, second, key)
}

/// The name that the certificate has to have is the database's, not that of anything on the way.
#[tokio::test]
async fn d18_the_certificate_is_checked_against_the_database_behind_the_tunnel() {
    let server = MariaServer::shared();
    let name = server.database("CREATE TABLE t (v INT); INSERT INTO t VALUES (7)");
    let (first, second, key) = chain();
    let mut through = target(server, &name);
    through.route = Some(Route::new(vec![hop(&first, &key), hop(&second, &key)]).unwrap());
    through.host = "localhost".parse().unwrap();
    through.tls = Tls::Full { authorities: Some(server.authority().certificate()) };
    let cipher = rows(&*open(through.clone()), "SHOW STATUS LIKE 'Ssl_cipher'").await.unwrap();
    assert!(cipher[0]["Value"].as_str().unwrap().starts_with("TLS_"), "{cipher}");
    assert_eq!(rows(&*open(through.clone()), "SELECT v FROM t").await.unwrap(), json!([{"v": 7}]));
    // By another name, the same server is another one.
    let mut renamed = through.clone();
    renamed.host = Host::Address([127, 0, 0, 1].into());
    let refused = open(renamed).test().await.unwrap_err();
    assert!(matches!(refused, ConnectError::Certificate(_)), "{refused:?}");
    through.tls = Tls::Full { authorities: Some(Authority::new().certificate()) };
    let refused = open(through).test().await.unwrap_err();
    assert!(matches!(refused, ConnectError::Certificate(_)), "{refused:?}");
}

#[tokio::test]
async fn d13_a_statement_behind_a_tunnel_is_cancelled_the_same_way() {
    let server = MariaServer::shared();
    let name = server.database("");
    let (first, _second, key) = chain();
    let mut through = target(server, &name);
    through.route = Some(Route::new(vec![hop(&first, &key)]).unwrap());
    let database = open(through);
    let mut slow = query(Mode::ReadOnly, "SELECT SLEEP(1000) AS v", vec![]);
    slow.timeout = Duration::from_secs(2);
    assert_eq!(collect(&*database, slow).await, Err(QueryError::Timeout(2000)));
    until("it has ended at the server", || server.run("", &super::sessions::processes(&name)).is_empty())
        .await;
    until("the tunnels are gone", || first.sessions() == 0).await;
}

/// One SSH session for each session with the database: nobody waits for a reader who does not read.
#[tokio::test]
async fn one_stalled_reader_does_not_stall_another_query() {
    let server = MariaServer::shared();
    let (first, _second, key) = chain();
    let mut through = target(server, &server.database(""));
    through.route = Some(Route::new(vec![hop(&first, &key)]).unwrap());
    let database = open(through);
    let sql = "SELECT REPEAT('x', 1000) AS v FROM seq_1_to_1000000000";
    let stalled = database.run(query(Mode::ReadOnly, sql, vec![])).await.unwrap();
    for _ in 0..20 {
        assert_eq!(rows(&*database, "SELECT 1 AS v").await.unwrap(), json!([{"v": 1}]));
    }
    drop(stalled);
}

#[tokio::test]
async fn a_killed_ssh_server_is_used_again_once_it_is_back() {
    let server = MariaServer::shared();
    let name = server.database("");
    let (mut first, _second, key) = chain();
    let mut through = target(server, &name);
    through.route = Some(Route::new(vec![hop(&first, &key)]).unwrap());
    let database = open(through);
    assert_eq!(rows(&*database, "SELECT 1 AS v").await.unwrap(), json!([{"v": 1}]));
    first.kill();
    let away = rows(&*database, "SELECT 1 AS v").await.unwrap_err();
    assert!(matches!(&away, QueryError::Connect(error) if error.step() == Step::Tcp), "{away:?}");
    first.resume();
    assert_eq!(rows(&*database, "SELECT 1 AS v").await.unwrap(), json!([{"v": 1}]));
}
