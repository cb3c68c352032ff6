//! Host keys of real SSH servers: shown, pinned, changed, looked at again.

use access_control::{ConfirmHostKey, ManageConnections};
use data_gateway::{ConnectionError, Named, RunError};
use databases::Step;
use ssh_tunnel::Fingerprint;
use test_support::{SshKey, SshServer, TestDatabase};

use crate::office::{Office, occasion};
use crate::postgres::reachable;
use crate::trials::through;

fn fingerprint(key: &SshKey) -> Fingerprint {
    key.fingerprint.parse().unwrap()
}

#[test]
fn d16_a_host_key_is_shown_before_anything_is_sent() {
    test_support::run(async {
        let office = Office::new(TestDatabase::sqlite().await).await;
        let manage = office.within::<ManageConnections>(office.editor);
        let (first, second) = (SshServer::start(&[]), SshServer::start(&[]));
        let key = SshKey::generate(&["-t", "ed25519"], "");
        first.authorize(&key);
        let seen =
            office.connections.host_key_of(&manage, "127.0.0.1", first.port(), Vec::new(), occasion()).await;
        assert_eq!(seen.unwrap(), Ok(fingerprint(first.host_key())));
        assert!(!first.log().contains("userauth-request"), "{}", first.log());
        // Behind another one.
        let via = vec![through(&first, &key)];
        let seen = office.connections.host_key_of(&manage, "127.0.0.1", second.port(), via, occasion()).await;
        assert_eq!(seen.unwrap(), Ok(fingerprint(second.host_key())));
        assert!(!second.log().contains("userauth-request"), "{}", second.log());
        let mut via = vec![through(&first, &key)];
        via[0].private_key = None;
        let refused =
            office.connections.host_key_of(&manage, "127.0.0.1", second.port(), via, occasion()).await;
        assert!(matches!(refused, Err(ConnectionError::CredentialsNeeded)));
    });
}

test_support::on_both_stores! {
    async fn d16_a_changed_host_key_blocks_until_an_admin_has_looked(database: TestDatabase) {
        let office = Office::new(database).await;
        let (manage, confirm) =
            (office.within::<ManageConnections>(office.editor), office.within::<ConfirmHostKey>(office.admin));
        let name = crate::postgres::database("");
        let mut server = SshServer::start(&[]);
        let key = SshKey::generate(&["-t", "ed25519"], "");
        server.authorize(&key);
        let mut given = reachable("Sales", &name);
        given.destination.hops = vec![through(&server, &key)];
        let made = office.create(given).await.unwrap();
        assert_eq!(office.connections.test(&manage, made.id).await.unwrap(), Ok(()));
        let old = server.host_key().clone();

        server.change_host_key();
        let new = server.host_key().clone();
        let attempts = || server.log().matches("Connection from").count();
        let before = attempts();
        for _ in 0..3 {
            let error = office.connections.test(&manage, made.id).await.unwrap().unwrap_err();
            assert_eq!((error.step(), error.code()), (Step::HostKey, "ssh_host_key_changed"));
            assert!(error.to_string().contains(&new.fingerprint), "{error}");
        }
        let blocked = wait_until_blocked(&office, &made).await;
        assert_eq!((blocked.hop, blocked.presented), (0, fingerprint(&new)));
        // Also in a process that was just started, and for calls.
        let (open, connections) = office.restarted();
        assert!(connections.test(&manage, made.id).await.unwrap().is_err());
        for open in [&open, &office.open] {
            let called = open.usable(office.organization, office.app, Named::Saved(made.id)).await;
            let called = called.map_err(|unusable| (unusable.connection, unusable.error));
            assert!(matches!(called, Err((Some(id), RunError::Blocked("ssh_host_key_changed"))) if id == made.id));
        }
        assert_eq!(attempts(), before + 1, "tried once: {}", server.log());
        assert!(!server.log().rsplit("Server listening").next().unwrap().contains("userauth-request"));
        let alarms = office.events("database_connections.host_key_changed").await;
        assert_eq!(alarms.len(), 1);
        assert_eq!((alarms[0]["confirmed"].as_str(), alarms[0]["presented"].as_str()), (Some(&*old.fingerprint), Some(&*new.fingerprint)));

        // An Editor with all credentials does not get around it.
        let mut repinned = reachable("Sales", &name);
        repinned.destination.hops = vec![through(&server, &key)];
        assert!(matches!(office.update(&made, repinned).await, Err(ConnectionError::HostKeyChanged(_))));
        // Nor does an Admin who reads from the wrong sheet, or nothing at all.
        let refused = office.connections.confirm_host_key(&confirm, made.id, 0, "", occasion()).await;
        assert!(matches!(refused, Err(ConnectionError::OtherHostKey)));
        let other = SshKey::generate(&["-t", "ed25519"], "");
        for (hop, key) in [(0, &other), (1, &new)] {
            let refused =
                office.connections.confirm_host_key(&confirm, made.id, hop, &key.fingerprint, occasion()).await;
            assert!(matches!(refused, Err(ConnectionError::OtherHostKey)));
        }
        let confirmed =
            office.connections.confirm_host_key(&confirm, made.id, 0, &new.fingerprint, occasion()).await.unwrap();
        assert_eq!((confirmed.version, confirmed.changed_host_key), (2, None));
        assert_eq!(confirmed.definition.destination.hops[0].host_key, fingerprint(&new));
        assert_eq!(office.connections.test(&manage, made.id).await.unwrap(), Ok(()));
        let events = office.events("database_connections.confirm_host_key").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["after"]["destination"]["hops"][0]["hostKey"], new.fingerprint);
        // It cannot be said twice.
        let again = office.connections.confirm_host_key(&confirm, made.id, 0, &new.fingerprint, occasion()).await;
        assert!(matches!(again, Err(ConnectionError::OtherHostKey)));

        // Another time it was somebody in between: the key that was pinned stays.
        server.change_host_key();
        assert!(office.connections.test(&manage, made.id).await.unwrap().is_err());
        wait_until_blocked(&office, &made).await;
        let kept =
            office.connections.confirm_host_key(&confirm, made.id, 0, &new.fingerprint, occasion()).await.unwrap();
        assert_eq!((kept.version, kept.changed_host_key), (2, None));
        assert_eq!(office.connections.test(&manage, made.id).await.unwrap().unwrap_err().step(), Step::HostKey);
        wait_until_blocked(&office, &made).await;
        assert!(!office.trail().await.join("\n").contains("PRIVATE KEY"));
    }
}

async fn wait_until_blocked(
    office: &Office,
    connection: &data_gateway::Connection,
) -> data_gateway::ChangedHostKey {
    let started = std::time::Instant::now();
    loop {
        if let Some(changed) = office.find(connection).await.unwrap().changed_host_key {
            return changed;
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(30), "not blocked");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
