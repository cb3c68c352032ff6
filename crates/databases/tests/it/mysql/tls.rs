//! How a conversation is protected.

use databases::ConnectError;
use serde_json::Value;
use test_support::{Authority, MariaServer};

use super::*;

async fn cipher(target: Target) -> Result<String, QueryError> {
    let sql = "SELECT VARIABLE_VALUE AS v FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_cipher'";
    let answer: Value = read(&*open(target), sql).await?;
    Ok(answer[0]["v"].as_str().unwrap().to_owned())
}

fn localhost() -> Host {
    "localhost".parse().unwrap()
}

#[tokio::test]
async fn d18_each_mode_protects_as_it_says() {
    let server = MariaServer::shared();
    let name = server.database("");
    let own = server.authority().certificate();
    let other = Authority::new().certificate();
    let at = |host: Host, tls: Tls| {
        let mut target = target(server, &name);
        target.host = host;
        target.tls = tls;
        target
    };
    let address = || Host::Address([127, 0, 0, 1].into());
    let full = |authorities: &str| Tls::Full { authorities: Some(authorities.to_owned()) };
    let by = |authorities: &str| Tls::Authority { authorities: authorities.to_owned() };
    // The certificate is for `localhost` only.
    for (host, tls) in [
        (localhost(), full(&own)),
        (localhost(), by(&own)),
        (address(), by(&own)),
        (address(), Tls::Unverified),
    ] {
        let cipher = cipher(at(host, tls.clone())).await.unwrap();
        assert!(cipher.starts_with("TLS_"), "{tls:?}: {cipher}");
    }
    assert_eq!(cipher(at(address(), Tls::Off)).await.unwrap(), "");
    for (host, tls) in [
        (address(), full(&own)),
        (localhost(), full(&other)),
        (localhost(), Tls::Full { authorities: None }),
        (localhost(), by(&other)),
        (localhost(), full("no certificate")),
    ] {
        let refused = open(at(host, tls.clone())).test().await;
        assert!(matches!(refused, Err(ConnectError::Certificate(_))), "{tls:?}: {refused:?}");
    }
}

/// The request to stop goes the same way: over TLS, or not at all.
#[tokio::test]
async fn stopping_works_over_tls() {
    let server = MariaServer::shared();
    let name = server.database("");
    let mut protected = target(server, &name);
    protected.host = localhost();
    protected.tls = Tls::Full { authorities: Some(server.authority().certificate()) };
    protected.user = format!("{name}_tls");
    server.run("", &format!("CREATE USER {name}_tls@'%' IDENTIFIED BY 'x' REQUIRE SSL; GRANT ALL ON {name}.* TO {name}_tls@'%'"));
    let database = open_with(protected, "x");
    let mut slow = query(Mode::ReadOnly, "SELECT SLEEP(1000) AS v", vec![]);
    slow.timeout = Duration::from_millis(300);
    assert_eq!(collect(&*database, slow).await, Err(QueryError::Timeout(300)));
    until("it has ended at the server", || server.run("", &super::sessions::processes(&name)).is_empty())
        .await;
}
