//! Connections that are tried: with a real PostgreSQL server, through real SSH servers, and where they end.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use access_control::{ManageConnections, ReadDatabaseSchema};
use data_gateway::{ConnectionError, GivenConnection, GivenHop, TlsMode, Trial, failed_at};
use databases::Step;
use test_support::{SshKey, SshServer, TestDatabase};

use crate::office::{Office, given, occasion, secret};
use crate::postgres::{PASSWORD, database, reachable};

/// A way through this server.
pub fn through(server: &SshServer, key: &SshKey) -> GivenHop {
    GivenHop {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        user: SshServer::user(),
        host_key: server.host_key().fingerprint.clone(),
        private_key: secret(&key.private),
        passphrase: None,
    }
}

impl Office {
    async fn try_given(&self, given: GivenConnection) -> Trial {
        self.connections
            .test_given(&self.within::<ManageConnections>(self.editor), given, occasion())
            .await
            .unwrap()
    }
}

/// The step, the SSH server where it was, and the code.
type Failed = (Step, Option<usize>, &'static str);

fn step(trial: Trial) -> Failed {
    let error = trial.unwrap_err();
    let (step, hop) = failed_at(&error);
    (step, hop, error.code())
}

/// A port at which somebody says this and leaves.
fn saying(words: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(words);
        }
    });
    port
}

/// A port at which nobody listens.
fn closed() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[test]
fn every_step_that_fails_is_named() {
    test_support::run(async {
        let office = Office::new(TestDatabase::sqlite().await).await;
        let name = database("");
        let to = |change: &dyn Fn(&mut GivenConnection)| {
            let mut given = reachable("Sales", &name);
            change(&mut given);
            given
        };
        let (first, second) = (SshServer::start(&[]), SshServer::start(&[]));
        let key = SshKey::generate(&["-t", "ed25519"], "");
        first.authorize(&key);
        second.authorize(&key);
        let stranger = SshKey::generate(&["-t", "ed25519"], "");
        let two = |change: &dyn Fn(&mut [GivenHop])| {
            to(&|given| {
                given.destination.hops = vec![through(&first, &key), through(&second, &key)];
                change(&mut given.destination.hops);
            })
        };

        assert_eq!(office.try_given(to(&|_| {})).await, Ok(()));
        assert_eq!(office.try_given(two(&|_| {})).await, Ok(()));
        let wrong = format!("SHA256:{}", "A".repeat(43));
        let cases: Vec<(GivenConnection, Failed)> = vec![
            (
                to(&|given| given.destination.host = "db.invalid".to_owned()),
                (Step::Dns, None, "database_name_unresolved"),
            ),
            (to(&|given| given.destination.port = closed()), (Step::Tcp, None, "database_unreachable")),
            (
                two(&|hops| hops[0].host = "ssh.invalid".to_owned()),
                (Step::Dns, Some(0), "ssh_name_unresolved"),
            ),
            (two(&|hops| hops[0].port = closed()), (Step::Tcp, Some(0), "ssh_unreachable")),
            (two(&|hops| hops[1].port = closed()), (Step::Tcp, Some(1), "ssh_unreachable")),
            (
                two(&|hops| hops[0].port = saying(b"220 mail.invalid ESMTP\r\n")),
                (Step::Ssh, Some(0), "ssh_protocol"),
            ),
            (
                two(&|hops| hops[0].host_key.clone_from(&wrong)),
                (Step::HostKey, Some(0), "ssh_host_key_changed"),
            ),
            (
                two(&|hops| hops[1].host_key.clone_from(&wrong)),
                (Step::HostKey, Some(1), "ssh_host_key_changed"),
            ),
            (
                two(&|hops| hops[0].private_key = secret(&stranger.private)),
                (Step::SshLogin, Some(0), "ssh_login"),
            ),
            (
                two(&|hops| hops[1].user = "nobody-of-this-name".to_owned()),
                (Step::SshLogin, Some(1), "ssh_login"),
            ),
            (
                to(&|given| given.destination.tls = TlsMode::VerifyFull { authorities: None }),
                (Step::Tls, None, "database_certificate"),
            ),
            // The certificate names localhost.
            (
                to(&|given| given.destination.host = "127.0.0.1".to_owned()),
                (Step::Tls, None, "database_certificate"),
            ),
            (to(&|given| given.password = secret("wrong")), (Step::Login, None, "database_login")),
            (
                to(&|given| given.destination.user = "nobody".to_owned()),
                (Step::Login, None, "database_login"),
            ),
            (
                to(&|given| given.destination.database = "nowhere".to_owned()),
                (Step::Database, None, "database_missing"),
            ),
        ];
        for (given, expected) in cases {
            let trial = office.try_given(given).await;
            let told = trial.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert_eq!(step(trial), expected, "{told}");
            for silent in ["localhost", "127.0.0.1", "canary", "postgres"] {
                assert!(!told.contains(silent), "{told}");
            }
        }
        // Nothing of all that was kept, and a mismatch of what nobody keeps blocks nothing. The trail says whereto it went.
        assert_eq!(office.count("database_connections").await, 0);
        let events = office.events("database_connections.test").await;
        assert!(events[..2].iter().all(|event| event["failed"].is_null()), "{events:?}");
        assert!(events[2..].iter().all(|event| event["failed"].is_string()), "{events:?}");
        assert_eq!(office.count("audit_events").await, events.len() as i64);
    });
}

#[test]
fn servers_that_do_not_answer_keep_nobody_elsewhere_waiting() {
    test_support::run(async {
        let office = Arc::new(Office::new(TestDatabase::sqlite().await).await);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let silent = listener.local_addr().unwrap().port();
        let trials: Vec<_> = (0..40)
            .map(|_| {
                let office = Arc::clone(&office);
                let mut given = given("Silent");
                (given.destination.host, given.destination.port) = ("127.0.0.1".to_owned(), silent);
                tokio::spawn(async move {
                    let manage = office.within::<ManageConnections>(office.editor);
                    office.connections.test_given(&manage, given, occasion()).await
                })
            })
            .collect();
        // One of them waits for an answer, and others for their turn.
        let kept = listener.accept().unwrap();
        let elsewhere = office.within::<ManageConnections>(office.outsider);
        let trial = office.connections.test_given(&elsewhere, given("Other"), occasion()).await.unwrap();
        assert_eq!(step(trial).0, Step::Dns);
        // Those who wait are bounded: the last eight were refused.
        let started = std::time::Instant::now();
        while trials.iter().filter(|trial| trial.is_finished()).count() < 8 {
            assert!(started.elapsed() < std::time::Duration::from_secs(30), "nobody is refused");
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let (finished, waiting): (Vec<_>, Vec<_>) = trials.into_iter().partition(|trial| trial.is_finished());
        assert!(!waiting.is_empty());
        for trial in finished {
            assert!(matches!(trial.await.unwrap(), Err(ConnectionError::Busy)));
        }
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
        drop(kept);
    });
}

#[test]
fn d50_options_in_texts_are_texts() {
    test_support::run(async {
        let office = Office::new(TestDatabase::sqlite().await).await;
        let name = database("");
        for (database, user, expected) in [
            (format!("{name} host=127.0.0.1 sslmode=disable"), "postgres", "database_missing"),
            (format!("{name}?sslmode=disable"), "postgres", "database_missing"),
            (format!("dbname={name}"), "postgres", "database_missing"),
            (format!("postgres://localhost/{name}"), "postgres", "database_missing"),
            (name.clone(), "postgres options=-cdefault_transaction_read_only=off", "database_login"),
            (name.clone(), "postgres?options=-c%20work_mem=1", "database_login"),
            (name.clone(), "postgres service=other passfile=/etc/passwd", "database_login"),
        ] {
            let mut given = reachable("Sales", &database);
            given.destination.user = user.to_owned();
            assert_eq!(step(office.try_given(given).await).2, expected, "{database} {user}");
        }
        for host in [
            "/var/run/postgresql",
            "host1,host2",
            "localhost:5432",
            "localhost?a=b",
            "a@localhost",
            "localhost/x",
        ] {
            let mut given = reachable("Sales", &name);
            given.destination.host = host.to_owned();
            let refused = office.create(given).await;
            assert!(matches!(refused, Err(data_gateway::ConnectionError::Definition(_))), "{host}");
        }
        // The password has all that a driver could trip over, and opens.
        assert!(PASSWORD.contains("@ss#wo?rd/"));
        assert_eq!(office.try_given(reachable("Sales", &name)).await, Ok(()));
    });
}

test_support::on_both_stores! {
    async fn a_schema_is_read_once_in_a_while_and_anew_after_a_change(database: TestDatabase) {
        let office = Office::new(database).await;
        let name = crate::postgres::database("CREATE TABLE first (id BIGINT PRIMARY KEY)");
        let permit = office.within::<ReadDatabaseSchema>(office.editor);
        let made = office.create(reachable("Sales", &name)).await.unwrap();
        let tables = async |afresh| {
            let schema = office.connections.schema(&permit, made.id, afresh).await.unwrap();
            schema.tables.iter().map(|table| table.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(tables(false).await, ["first"]);
        crate::postgres::server().local.execute(&name, "CREATE TABLE second (id BIGINT)").unwrap();
        assert_eq!(tables(false).await, ["first"]);
        assert_eq!(tables(true).await, ["first", "second"]);
        let elsewhere = crate::postgres::database("CREATE TABLE third (id BIGINT)");
        office.update(&made, reachable("Sales", &elsewhere)).await.unwrap();
        assert_eq!(tables(false).await, ["third"]);
        let other = office.within::<ReadDatabaseSchema>(office.outsider);
        let foreign = office.connections.schema(&other, made.id, false).await;
        assert!(matches!(foreign, Err(data_gateway::ConnectionError::NotFound)));
    }

    async fn an_examination_is_in_the_trail(database: TestDatabase) {
        let office = Office::new(database).await;
        let name = crate::postgres::database("CREATE TABLE first (id BIGINT PRIMARY KEY)");
        let made = office.create(reachable("Sales", &name)).await.unwrap();
        let permit = office.within::<access_control::ProveReadOnly>(office.admin);
        let examined = office.connections.examine_read_only(&permit, made.id, occasion()).await.unwrap();
        assert!(!examined.locks.is_empty());
        let events = office.events("database_connections.prove_read_only").await;
        assert_eq!(events[0]["sent"], examined.sent().count());
        // A superuser could write if no lock of ours held.
        assert!(events[0]["missing"].as_array().unwrap().contains(&"role".into()), "{events:?}");
    }
}
