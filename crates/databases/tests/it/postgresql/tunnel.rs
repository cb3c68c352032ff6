//! Through SSH servers: the same answers, and the same ends.

use std::sync::Arc;

use cryptography::SecretBytes;
use databases::{ConnectError, Step, Target, Tls};
use futures_util::StreamExt as _;
use query_guard::Mode;
use ssh_tunnel::{Hop, Route};
use test_support::{SshKey, SshServer};

use super::server::{database, open, query, read, server, until};

fn hop(ssh: &SshServer) -> Hop {
    let key = SshKey::generate(&["-t", "ed25519"], "");
    ssh.authorize(&key);
    Hop {
        host: "127.0.0.1".parse().unwrap(),
        port: ssh.port(),
        user: SshServer::user(),
        private_key: Arc::new(SecretBytes::copy_of(key.private.as_bytes())),
        passphrase: None,
        host_key: ssh.host_key().fingerprint.parse().unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d13_a_statement_is_cancelled_through_the_tunnel() {
    let (first, second) = (SshServer::start(&[]), SshServer::start(&[]));
    let name = database("CREATE TABLE items AS SELECT 1 AS id");
    let tls = Tls::Full { authorities: Some(server().authority.certificate()) };
    let route = Some(Route::new(vec![hop(&first), hop(&second)]).unwrap());
    let reader = open(&Target { route, tls, ..server().target(&name) });
    assert_eq!(reader.test().await, Ok(()));
    assert_eq!(read(&*reader, "SELECT id FROM items", &[]).await.unwrap(), "[{\"id\":1}]");

    let outside = open(&server().target("postgres"));
    let sql = format!(
        "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = '{name}' AND state = 'active'"
    );
    let running = async || read(&*outside, &sql, &[]).await.unwrap();
    let endless = "SELECT repeat('x', 10000), generate_series(1, 1000000000)";
    let mut rows = reader.run(query(Mode::ReadOnly, endless, &[])).await.unwrap();
    rows.next().await.unwrap().unwrap();
    assert_eq!(running().await, "[{\"n\":1}]");
    // Others go on beside a reader who does not read.
    assert_eq!(read(&*reader, "SELECT id FROM items", &[]).await.unwrap(), "[{\"id\":1}]");
    drop(rows);
    until("nothing runs at the server", async || running().await == "[{\"n\":0}]").await;
    until("its tunnel is closed", async || reader.usage().open <= 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d16_nothing_goes_through_another_host_key() {
    let ssh = SshServer::start(&[]);
    let other = SshKey::generate(&["-t", "ed25519"], "");
    let hop = Hop { host_key: other.fingerprint.parse().unwrap(), ..hop(&ssh) };
    let route = Some(Route::new(vec![hop]).unwrap());
    let reader = open(&Target { route, ..server().target("postgres") });
    let error = reader.test().await.unwrap_err();
    assert_eq!((error.step(), error.code()), (Step::HostKey, "ssh_host_key_changed"));
    assert!(matches!(error, ConnectError::Tunnel(_)));
    assert!(!ssh.log().contains("direct-tcpip"));
}
