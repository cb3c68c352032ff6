//! Connections without a database behind them: made, changed, deleted, refused.

use access_control::{
    ConfirmHostKey, ListConnections, ManageConnections, ProveReadOnly, ReadDatabaseSchema, UsableBy,
};
use data_gateway::{
    Connection, ConnectionError, ConnectionKind, DefinitionError, GivenConnection, Named, RunError, TlsMode,
};
use databases::Limits;
use test_support::{Authority, SshKey, TestDatabase};

use crate::office::{Office, given, hop, occasion, secret};

type Change = Box<dyn FnOnce(&mut GivenConnection)>;

fn with(change: impl FnOnce(&mut GivenConnection)) -> GivenConnection {
    let mut given = given("Sales");
    change(&mut given);
    given
}

/// The field that is refused.
fn field(result: Result<Connection, ConnectionError>) -> String {
    match result {
        Err(ConnectionError::Definition(DefinitionError { field, .. })) => field,
        other => panic!("{other:?}"),
    }
}

test_support::on_both_stores! {
    async fn a_connection_is_made_listed_changed_and_deleted(database: TestDatabase) {
        let office = Office::new(database).await;
        let list = office.within::<ListConnections>(office.editor);
        let made = office.create(given(" Sales ")).await.unwrap();
        assert_eq!((made.definition.name.as_str(), made.version, made.created_by), ("Sales", 1, office.editor));
        assert_eq!(office.find(&made).await.unwrap(), made);
        let listed = office.connections.list(&list, None, 10, occasion().now).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&made));
        assert!(office.connections.list(&list, Some(made.id), 10, occasion().now).await.unwrap().is_empty());

        let mut change = given("Sales 2");
        (change.password, change.read_only) = (None, false);
        change.limits = Limits { most_rows: 5, ..Limits::default() };
        let changed = office.update(&made, change).await.unwrap();
        assert_eq!((changed.version, changed.definition.read_only), (2, false));
        assert_eq!(changed.definition.limits.most_rows, 5);
        assert_eq!(office.find(&made).await.unwrap(), changed);

        let manage = office.within::<ManageConnections>(office.editor);
        let stale = office.connections.update(&manage, made.id, given("Sales 3"), Some(1), occasion()).await;
        assert!(matches!(stale, Err(ConnectionError::Changed)));
        // Whoever is elsewhere has no such connection.
        let outside = office.within::<ManageConnections>(office.outsider);
        for _ in 0..2 {
            let foreign = office.connections.update(&outside, made.id, given("Sales 4"), None, occasion()).await;
            assert!(matches!(foreign, Err(ConnectionError::NotFound)));
            let foreign = office.connections.delete(&outside, made.id, occasion()).await;
            assert!(matches!(foreign, Err(ConnectionError::NotFound)));
            assert!(matches!(office.connections.test(&outside, made.id).await, Err(ConnectionError::NotFound)));
        }
        assert_eq!(office.find(&made).await.unwrap(), changed);

        office.connections.delete(&manage, made.id, occasion()).await.unwrap();
        assert!(matches!(office.find(&made).await, Err(ConnectionError::NotFound)));
        assert_eq!((office.count("database_connections").await, office.count("sealed_values").await), (0, 0));

        let events = office.events("database_connections.manage").await;
        assert_eq!(events.len(), 3);
        assert_eq!(events[0]["before"], serde_json::Value::Null);
        assert_eq!(events[1]["before"]["readOnly"], true);
        assert_eq!(events[1]["after"]["readOnly"], false);
        assert_eq!(events[1]["after"]["destination"]["host"], "db.invalid");
        assert_eq!(events[2]["after"], serde_json::Value::Null);
        assert!(!office.trail().await.join("\n").contains("correct horse"));
    }

    async fn names_are_taken_once_in_each_kind_whatever_their_case(database: TestDatabase) {
        let office = Office::new(database).await;
        let manage = office.within::<ManageConnections>(office.editor);
        let sales = office.create(given("Sales")).await.unwrap();
        assert!(matches!(office.create(given("sALES")).await, Err(ConnectionError::NameTaken)));
        let kind = ConnectionKind::Organization;
        office.connections.create(&manage, kind, given("sales"), occasion()).await.unwrap();
        let other = office.create(given("Other")).await.unwrap();
        assert!(matches!(office.update(&other, given("SALES")).await, Err(ConnectionError::NameTaken)));
        // Its own name in another case is free to it.
        office.update(&sales, given("SALES")).await.unwrap();
        // An app has one database of its own.
        let kind = ConnectionKind::Internal { app: office.app };
        let internal = office.connections.create(&manage, kind, given("internal"), occasion()).await.unwrap();
        assert_eq!(internal.definition.usable_by, UsableBy::Apps([office.app].into()));
        let second = office.connections.create(&manage, kind, given("internal 2"), occasion()).await;
        assert!(matches!(second, Err(ConnectionError::NameTaken)));
        assert_eq!(office.count("sealed_values").await, 4);
    }

    async fn a_stored_password_does_not_follow_to_another_place(database: TestDatabase) {
        let office = Office::new(database).await;
        let key = SshKey::generate(&["-t", "ed25519"], "");
        let through = |change: fn(&mut GivenConnection)| {
            let mut given = given("Sales");
            given.destination.hops = vec![hop(&key), hop(&key)];
            given.destination.tls = TlsMode::Require { reason: "the server signs for itself".to_owned() };
            given.password = None;
            given.destination.hops.iter_mut().for_each(|hop| hop.private_key = None);
            change(&mut given);
            given
        };
        let mut whole = through(|_| {});
        whole.password = secret("correct horse");
        whole.destination.hops.iter_mut().for_each(|hop| hop.private_key = secret(&key.private));
        let made = office.create(whole).await.unwrap();
        let elsewhere: [fn(&mut GivenConnection); 12] = [
            |given| given.destination.host = "evil.invalid".to_owned(),
            |given| given.destination.port = 5433,
            |given| given.destination.database = "other".to_owned(),
            |given| given.destination.user = "somebody".to_owned(),
            |given| given.destination.engine = databases::Engine::Mysql,
            |given| given.destination.tls = TlsMode::Off { reason: "the server signs for itself".to_owned() },
            |given| given.destination.hops[0].host = "evil.invalid".to_owned(),
            |given| given.destination.hops[1].port = 2222,
            |given| given.destination.hops[1].user = "root".to_owned(),
            |given| given.destination.hops[0].host_key = format!("SHA256:{}", "B".repeat(43)),
            |given| given.destination.hops.truncate(1),
            |given| given.destination.hops.clear(),
        ];
        for change in elsewhere {
            let refused = office.update(&made, through(change)).await;
            assert!(matches!(refused, Err(ConnectionError::CredentialsNeeded)), "{refused:?}");
        }
        assert_eq!(office.find(&made).await.unwrap(), made);
        // The same place, told in other words, and everything besides the place.
        let changed = through(|given| {
            given.destination.host = "DB.invalid".to_owned();
            given.destination.tls = TlsMode::Require { reason: "another reason altogether".to_owned() };
            given.name = "Renamed".to_owned();
            given.read_only = false;
        });
        let changed = office.update(&made, changed).await.unwrap();
        assert_eq!(changed.definition.destination.tls.reason(), Some("another reason altogether"));
        // One of the keys, and the rest stays.
        let mut other = through(|given| given.name = "Renamed".to_owned());
        other.destination.hops[1].private_key = secret(&key.private);
        office.update(&made, other).await.unwrap();
        // With everything given again, anywhere.
        let mut elsewhere = given("Renamed");
        elsewhere.destination.host = "other.invalid".to_owned();
        office.update(&made, elsewhere).await.unwrap();
    }

    async fn d17_private_addresses_are_refused_before_anything_is_kept(database: TestDatabase) {
        let office = Office::permitting(database, &["10.1.0.0/16"]).await;
        let key = SshKey::generate(&["-t", "ed25519"], "");
        for host in [
            "127.0.0.1", "10.0.0.5", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "::1",
            "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "2002:7f00:1::", "64:ff9b::7f00:1",
            "localhost", "a.localhost", "LOCALHOST",
        ] {
            let refused = office.create(with(|given| given.destination.host = host.to_owned())).await;
            assert!(matches!(refused, Err(ConnectionError::Address(_))), "{host}: {refused:?}");
            // Behind an SSH server it is an address of another network; the SSH server's is one of ours.
            let mut tunnelled = with(|given| given.destination.host = host.to_owned());
            tunnelled.destination.hops = vec![hop(&key)];
            tunnelled.destination.hops[0].host = host.to_owned();
            let refused = office.create(tunnelled).await;
            assert!(matches!(refused, Err(ConnectionError::Address(_))), "{host}: {refused:?}");
            let manage = office.within::<ManageConnections>(office.editor);
            let refused = office.connections.host_key_of(&manage, host, 22, Vec::new(), occasion()).await;
            assert!(matches!(refused, Err(ConnectionError::Address(_))), "{host}: {refused:?}");
        }
        for host in ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost.", "/var/run/postgresql", "a..b"] {
            assert_eq!(field(office.create(with(|given| given.destination.host = host.to_owned())).await), "host");
        }
        assert_eq!((office.count("database_connections").await, office.count("sealed_values").await), (0, 0));
        office.create(with(|given| given.destination.host = "10.1.2.3".to_owned())).await.unwrap();
        let mut tunnelled = with(|given| given.name = "Tunnelled".to_owned());
        tunnelled.destination.host = "127.0.0.1".to_owned();
        tunnelled.destination.hops = vec![hop(&key), hop(&key)];
        tunnelled.destination.hops[1].host = "192.168.1.1".to_owned();
        office.create(tunnelled).await.unwrap();
    }

    async fn d18_less_than_verified_tls_says_why(database: TestDatabase) {
        let office = Office::new(database).await;
        let authority = Authority::new().certificate();
        for reason in ["", "because", "  because   ", "line\nends are no reason"] {
            let reason = reason.to_owned();
            for tls in [
                TlsMode::Off { reason: reason.clone() },
                TlsMode::Require { reason: reason.clone() },
                TlsMode::VerifyCa { authorities: authority.clone(), reason },
            ] {
                assert_eq!(field(office.create(with(|given| given.destination.tls = tls)).await), "tls.reason");
            }
        }
        for authorities in ["", "a certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let tls = TlsMode::VerifyFull { authorities: Some(authorities.to_owned()) };
            assert_eq!(field(office.create(with(|given| given.destination.tls = tls)).await), "tls.authorities");
        }
        let tls = TlsMode::VerifyCa { authorities: authority, reason: "its certificate has no name".to_owned() };
        office.create(with(|given| given.destination.tls = tls)).await.unwrap();
        let events = office.events("database_connections.manage").await;
        let told = &events[0]["after"]["destination"]["tls"];
        assert_eq!((told["mode"].as_str(), told["reason"].as_str()), (Some("verify-ca"), Some("its certificate has no name")));
        assert!(told["authorities"].as_str().unwrap().starts_with("sha256:"));
    }

    async fn apps_that_are_named_are_those_that_one_sees(database: TestDatabase) {
        let office = Office::new(database).await;
        let named = |apps: &[ids::AppId]| {
            let usable_by = UsableBy::Apps(apps.iter().copied().collect());
            with(|given| given.usable_by = usable_by)
        };
        let made = office.create(named(&[office.app, office.hidden])).await.unwrap();
        for app in [office.foreign_app, ids::AppId::generate()] {
            assert!(matches!(office.update(&made, named(&[app])).await, Err(ConnectionError::UnknownApp)));
        }
        // The Admin sees one of them, cannot name the other, and does not take it away without knowing.
        let manage = office.within::<ManageConnections>(office.admin);
        let list = office.within::<ListConnections>(office.admin);
        let seen = office.connections.find(&list, made.id, occasion().now).await.unwrap();
        assert_eq!(seen.definition.usable_by, UsableBy::Apps([office.app].into()));
        let refused = office.connections.update(&manage, made.id, named(&[office.hidden]), None, occasion()).await;
        assert!(matches!(refused, Err(ConnectionError::UnknownApp)));
        let seen = office.connections.update(&manage, made.id, named(&[office.other_app]), None, occasion()).await.unwrap();
        assert_eq!(seen.definition.usable_by, UsableBy::Apps([office.other_app].into()));
        let whole = office.find(&made).await.unwrap();
        assert_eq!(whole.definition.usable_by, UsableBy::Apps([office.other_app, office.hidden].into()));
    }

    async fn z07_the_database_of_an_app_that_one_does_not_see_does_not_exist(database: TestDatabase) {
        let office = Office::new(database).await;
        let editor = office.within::<ManageConnections>(office.editor);
        let kind = ConnectionKind::Internal { app: office.hidden };
        let own = office.connections.create(&editor, kind, given("Own"), occasion()).await.unwrap();
        let kind = ConnectionKind::Internal { app: office.app };
        let others = office.connections.create(&editor, kind, given("Others"), occasion()).await.unwrap();
        let sales = office.create(given("Sales")).await.unwrap();
        let (connections, now) = (&office.connections, occasion().now);

        let (manage, list) = (office.within::<ManageConnections>(office.admin), office.within::<ListConnections>(office.admin));
        let listed = connections.list(&list, None, 10, now).await.unwrap();
        assert_eq!(listed.iter().map(|one| one.id).collect::<Vec<_>>(), [others.id, sales.id]);
        // What is left out makes no page shorter.
        assert_eq!(connections.list(&list, None, 1, now).await.unwrap(), listed[..1]);
        assert_eq!(connections.list(&list, Some(others.id), 1, now).await.unwrap(), listed[1..]);
        assert!(matches!(connections.find(&list, own.id, now).await, Err(ConnectionError::NotFound)));
        let mut elsewhere = given("Own");
        elsewhere.destination.host = "evil.example".to_owned();
        let redirected = connections.update(&manage, own.id, elsewhere, None, occasion()).await;
        assert!(matches!(redirected, Err(ConnectionError::NotFound)), "{redirected:?}");
        assert!(matches!(connections.delete(&manage, own.id, occasion()).await, Err(ConnectionError::NotFound)));
        assert!(matches!(connections.test(&manage, own.id).await, Err(ConnectionError::NotFound)));
        let confirm = office.within::<ConfirmHostKey>(office.admin);
        let confirmed = connections.confirm_host_key(&confirm, own.id, 0, "SHA256:", occasion()).await;
        assert!(matches!(confirmed, Err(ConnectionError::NotFound)), "{confirmed:?}");
        let schema = connections.schema(&office.within::<ReadDatabaseSchema>(office.admin), own.id, true).await;
        assert!(matches!(schema, Err(ConnectionError::NotFound)), "{schema:?}");
        let events = office.trail().await.len();
        let proof = connections.prove_read_only(&office.within::<ProveReadOnly>(office.admin), own.id, occasion()).await;
        assert!(matches!(proof, Err(ConnectionError::NotFound)));
        assert_eq!(office.trail().await.len(), events);

        // For whoever sees the app it is as it was.
        assert_eq!(office.find(&own).await.unwrap(), own);
        let all = connections.list(&office.within(office.editor), None, 10, now).await.unwrap();
        assert_eq!(all.len(), 3);
        connections.delete(&editor, own.id, occasion()).await.unwrap();
    }

    async fn z07_a_stored_password_gives_no_more_while_apps_use_it_that_one_does_not_see(database: TestDatabase) {
        let office = Office::new(database).await;
        let manage = office.within::<ManageConnections>(office.admin);
        let named = |apps: &[ids::AppId]| UsableBy::Apps(apps.iter().copied().collect());
        let hidden = with(|given| given.usable_by = named(&[office.hidden]));
        let made = office.create(hidden).await.unwrap();
        let changed = |usable_by: UsableBy, read_only, password: Option<&str>| {
            let change = with(|given| {
                (given.usable_by, given.read_only) = (usable_by, read_only);
                given.password = password.and_then(secret);
            });
            office.connections.update(&manage, made.id, change, None, occasion())
        };
        for (usable_by, read_only) in [
            (named(&[office.app]), true),
            (UsableBy::EveryApp, true),
            (named(&[]), false),
            (named(&[office.app]), false),
        ] {
            let refused = changed(usable_by, read_only, None).await;
            assert!(matches!(refused, Err(ConnectionError::CredentialsNeededForMore)), "{refused:?}");
        }
        assert_eq!(office.find(&made).await.unwrap(), made);
        // What gives no more, and whoever has the password.
        changed(named(&[]), true, None).await.unwrap();
        changed(named(&[office.app]), false, Some("known")).await.unwrap();
        let whole = office.find(&made).await.unwrap();
        assert_eq!(whole.definition.usable_by, named(&[office.app, office.hidden]));
        changed(named(&[]), true, None).await.unwrap();
        // Whoever sees all of them.
        let mut writing = with(|given| given.usable_by = named(&[office.app, office.hidden]));
        (writing.password, writing.read_only) = (None, false);
        office.update(&made, writing).await.unwrap();
    }

    async fn z07_what_is_wrong_with_a_connection_is_told_to_its_apps_only(database: TestDatabase) {
        let office = Office::new(database).await;
        let usable_by = UsableBy::Apps([office.app].into());
        let sales = office.create(with(|given| given.usable_by = usable_by)).await.unwrap();
        office.execute("UPDATE database_connections SET read_only = FALSE", []).await;
        let (open, _) = office.restarted();
        for named in [Named::External("sales"), Named::Saved(sales.id)] {
            let other = open.usable(office.organization, office.other_app, named).await.map_err(RunError::from);
            assert!(matches!(other, Err(RunError::UnknownConnection)), "{named:?}");
            let own = open.usable(office.organization, office.app, named).await.map_err(RunError::from);
            assert!(matches!(own, Err(RunError::Blocked("connection_tampered"))), "{named:?}");
        }
    }

    async fn calls_get_the_connections_that_name_their_app(database: TestDatabase) {
        let office = Office::new(database).await;
        let manage = office.within::<ManageConnections>(office.editor);
        let usable_by = UsableBy::Apps([office.app].into());
        let sales = office.create(with(|given| given.usable_by = usable_by)).await.unwrap();
        let shared = office.connections.create(&manage, ConnectionKind::Organization, given("Shared"), occasion());
        let shared = shared.await.unwrap();
        let kind = ConnectionKind::Internal { app: office.app };
        let own = office.connections.create(&manage, kind, given("Own"), occasion()).await.unwrap();
        let cases = [
            (office.app, Named::External("sales"), Some(sales.id)),
            (office.app, Named::External("Shared"), None),
            (office.app, Named::Organization("SHARED"), Some(shared.id)),
            (office.app, Named::OrganizationId(shared.id), Some(shared.id)),
            (office.app, Named::OrganizationId(sales.id), None),
            (office.app, Named::Saved(sales.id), Some(sales.id)),
            (office.app, Named::Internal, Some(own.id)),
            (office.app, Named::Saved(own.id), Some(own.id)),
            (office.other_app, Named::External("sales"), None),
            (office.other_app, Named::Saved(sales.id), None),
            (office.other_app, Named::Organization("shared"), Some(shared.id)),
            (office.other_app, Named::Internal, None),
            (office.other_app, Named::Saved(own.id), None),
            (office.other_app, Named::OrganizationId(own.id), None),
        ];
        // Twice: read from the tables, and remembered.
        for _ in 0..2 {
            for (app, named, expected) in cases {
                let found = office.open.usable(office.organization, app, named).await;
                match expected {
                    Some(id) => assert_eq!(found.unwrap_or_else(|error| panic!("{named:?}: {error:?}")).id, id),
                    None => assert!(matches!(found.map_err(RunError::from), Err(RunError::UnknownConnection)), "{named:?}"),
                }
                let foreign = office.open.usable(office.elsewhere, office.foreign_app, named).await;
                assert!(matches!(foreign.map_err(RunError::from), Err(RunError::UnknownConnection)), "{named:?}");
            }
        }
        // What changes counts from the next call on.
        let named = Named::External("sales");
        let mut renamed = given("Renamed");
        renamed.password = None;
        office.update(&sales, renamed).await.unwrap();
        let found = office.open.usable(office.organization, office.app, named).await;
        assert!(matches!(found.map_err(RunError::from), Err(RunError::UnknownConnection)));
        let named = Named::External("renamed");
        let found = office.open.usable(office.organization, office.other_app, named).await.unwrap();
        assert!(found.read_only);
        office.connections.delete(&manage, sales.id, occasion()).await.unwrap();
        for named in [named, Named::Saved(sales.id)] {
            let found = office.open.usable(office.organization, office.app, named).await;
            assert!(matches!(found.map_err(RunError::from), Err(RunError::UnknownConnection)));
        }
    }

    async fn what_belongs_to_an_app_goes_with_it(database: TestDatabase) {
        let office = Office::new(database).await;
        let manage = office.within::<ManageConnections>(office.editor);
        let kind = ConnectionKind::Internal { app: office.app };
        office.connections.create(&manage, kind, given("Own"), occasion()).await.unwrap();
        let usable_by = UsableBy::Apps([office.app, office.other_app].into());
        let sales = office.create(with(|given| given.usable_by = usable_by)).await.unwrap();
        office.execute("DELETE FROM apps WHERE id = $1", [office.app.to_string().into()]).await;
        assert_eq!((office.count("database_connections").await, office.count("sealed_values").await), (1, 1));
        // What is left of those that may use it is no tampering, and never becomes everybody.
        let (open, _) = office.restarted();
        let named = Named::Saved(sales.id);
        open.usable(office.organization, office.other_app, named).await.unwrap();
        office.execute("DELETE FROM apps WHERE id = $1", [office.other_app.to_string().into()]).await;
        let (open, _) = office.restarted();
        let nobody = open.usable(office.organization, office.hidden, named).await;
        assert!(matches!(nobody.map_err(RunError::from), Err(RunError::UnknownConnection)));

        let change = office.journal.begin().await.unwrap();
        office.vault.destroy(&change, office.organization).await.unwrap();
        let event = audit::Event::done(audit::Actor::System, "test", audit::Target::Organization(office.organization));
        change.commit(event).await.unwrap();
        assert_eq!((office.count("database_connections").await, office.count("database_connection_apps").await), (0, 0));
    }
}

#[test]
fn texts_that_are_no_names_are_refused() {
    test_support::run(async {
        let office = Office::new(TestDatabase::sqlite().await).await;
        let long = "x".repeat(129);
        let cases: [(&str, Change); 14] = [
            ("name", Box::new(|given| given.name = String::new())),
            ("name", Box::new(|given| given.name = "a\nb".to_owned())),
            ("host", Box::new(|given| given.destination.host = "host1,host2".to_owned())),
            ("host", Box::new(|given| given.destination.host = "db.invalid:5432".to_owned())),
            ("host", Box::new(|given| given.destination.host = "user@db.invalid".to_owned())),
            ("port", Box::new(|given| given.destination.port = 0)),
            ("database", Box::new(|given| given.destination.database = String::new())),
            (
                "database",
                Box::new({
                    let long = long.clone();
                    move |given| given.destination.database = long
                }),
            ),
            ("database", Box::new(|given| given.destination.database = "a\0b".to_owned())),
            ("user", Box::new(move |given| given.destination.user = long)),
            ("user", Box::new(|given| given.destination.user = "a\tb".to_owned())),
            ("password", Box::new(|given| given.password = secret(""))),
            ("password", Box::new(|given| given.password = secret("a\0b"))),
            ("limits", Box::new(|given| given.limits.most_sessions = 0)),
        ];
        for (expected, change) in cases {
            assert_eq!(field(office.create(with(change)).await), expected);
        }
        let missing = office.create(with(|given| given.password = None)).await;
        assert!(matches!(missing, Err(ConnectionError::CredentialsNeeded)));
    });
}

#[test]
fn keys_that_open_nothing_are_refused() {
    test_support::run(async {
        let office = Office::new(TestDatabase::sqlite().await).await;
        let plain = SshKey::generate(&["-t", "ed25519"], "");
        let locked = SshKey::generate(&["-t", "ed25519"], "open sesame");
        let weak = SshKey::generate(&["-t", "rsa", "-b", "1024"], "");
        let ecdsa = SshKey::generate(&["-t", "ecdsa", "-b", "384"], "");
        let try_key = async |key: Option<&str>, passphrase: Option<&str>| {
            let mut given = given("Sales");
            given.destination.hops = vec![hop(&plain)];
            given.destination.hops[0].private_key = key.and_then(secret);
            given.destination.hops[0].passphrase = passphrase.and_then(secret);
            office.create(given).await
        };
        for (key, passphrase) in [
            (Some(plain.public.as_str()), None),
            (Some("-----BEGIN RSA PRIVATE KEY-----"), None),
            (Some(&weak.private), None),
            (Some(&locked.private), None),
            (Some(&locked.private), Some("wrong")),
            (Some(&plain.private), Some("open sesame")),
            (None, Some("open sesame")),
        ] {
            assert_eq!(field(try_key(key, passphrase).await), "hops[0].privateKey");
        }
        assert!(matches!(try_key(None, None).await, Err(ConnectionError::CredentialsNeeded)));
        let mut given = given("Sales");
        given.destination.hops = (0..5).map(|_| hop(&plain)).collect();
        assert_eq!(field(office.create(given).await), "hops");
        let mut given = crate::office::given("Sales");
        given.destination.hops = vec![hop(&plain)];
        given.destination.hops[0].host_key = "SHA256:short".to_owned();
        assert_eq!(field(office.create(given).await), "hops[0].hostKey");
        let made = try_key(Some(&locked.private), Some("open sesame")).await.unwrap();
        office.connections.delete(&office.within(office.editor), made.id, occasion()).await.unwrap();
        try_key(Some(&ecdsa.private), None).await.unwrap();
    });
}
