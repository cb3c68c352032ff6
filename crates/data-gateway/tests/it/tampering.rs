//! Somebody who may write to the tables.

use access_control::{ManageConnections, UsableBy};
use data_gateway::{ConnectionError, Named, RunError};
use test_support::{SshKey, TestDatabase};

use crate::office::{Office, given, hop, occasion, secret};

const ALARM: &str = "database_connections.tampering_detected";

test_support::on_both_stores! {
    async fn d16_a_row_that_is_not_what_was_sealed_opens_nothing(database: TestDatabase) {
        let office = Office::new(database).await;
        let key = SshKey::generate(&["-t", "ed25519"], "");
        let manage = office.within::<ManageConnections>(office.editor);
        let edits = [
            ("host", "UPDATE database_connections SET destination = REPLACE(destination, 'db.invalid', 'evil.invalid')"),
            ("port", "UPDATE database_connections SET destination = REPLACE(destination, '5432', '5433')"),
            ("user", "UPDATE database_connections SET destination = REPLACE(destination, 'reader', 'postgres')"),
            ("database", "UPDATE database_connections SET destination = REPLACE(destination, 'sales', 'other')"),
            ("tls", "UPDATE database_connections SET destination = REPLACE(destination, '{\"mode\":\"verify-full\",\"authorities\":null}', '{\"mode\":\"off\",\"reason\":\"because I say so\"}')"),
            ("engine", "UPDATE database_connections SET destination = REPLACE(destination, 'postgresql', 'mysql')"),
            ("hops", "UPDATE database_connections SET destination = REPLACE(destination, 'AAAA', 'BBBB')"),
            ("hops", "UPDATE database_connections SET destination = REPLACE(destination, 'ssh.invalid', 'evil.invalid')"),
            ("readOnly", "UPDATE database_connections SET read_only = FALSE"),
            ("limits", "UPDATE database_connections SET limits = REPLACE(limits, '100000', '100000000')"),
            ("apps", "UPDATE database_connections SET every_app = TRUE"),
            ("name", "UPDATE database_connections SET name = 'Other', slot = 'other'"),
            ("kind", "UPDATE database_connections SET kind = 'organization'"),
        ];
        for (number, (differs, edit)) in edits.into_iter().enumerate() {
            let mut whole = given("Sales");
            whole.destination.hops = vec![hop(&key)];
            whole.usable_by = UsableBy::Apps([office.app].into());
            let made = office.create(whole).await.unwrap();
            assert_eq!(office.execute(edit, []).await, 1, "{edit}");
            // As anybody finds it, in a process that has known it, and in one that was just started.
            let (open, connections) = office.restarted();
            let row = office.find(&made).await.unwrap();
            assert!(matches!(connections.test(&manage, made.id).await, Err(ConnectionError::Tampered(_))), "{edit}");
            assert!(matches!(open.of(&row).await, Err(ConnectionError::Tampered(id)) if id == made.id), "{edit}");
            let called = open.usable(office.organization, office.app, Named::Saved(made.id)).await;
            let called = called.map_err(|unusable| (unusable.connection, unusable.error));
            let blocked = matches!(called, Err((Some(id), RunError::Blocked("connection_tampered"))) if id == made.id);
            assert!(blocked, "{edit}");
            // Nor does a change of something else make it right.
            let mut renamed = given("Renamed");
            (renamed.password, renamed.usable_by) = (None, row.definition.usable_by.clone());
            let destination = row.definition.destination.clone();
            (renamed.destination.host, renamed.destination.port) = (destination.host.to_string(), destination.port);
            (renamed.destination.user, renamed.destination.database) = (destination.user, destination.database);
            (renamed.destination.tls, renamed.destination.engine) = (destination.tls, destination.engine);
            renamed.destination.hops = vec![hop(&key)];
            renamed.destination.hops[0].private_key = None;
            renamed.destination.hops[0].host = destination.hops[0].host.to_string();
            renamed.destination.hops[0].host_key = destination.hops[0].host_key.to_string();
            let laundered = office.update(&made, renamed).await;
            assert!(matches!(laundered, Err(ConnectionError::Tampered(_))), "{edit}: {laundered:?}");
            let alarms = wait_for_alarms(&office, number * 2 + 1).await;
            assert_eq!(alarms[number * 2]["differs"], serde_json::json!([differs]), "{edit}");
            office.connections.delete(&manage, made.id, occasion()).await.unwrap();
            wait_for_alarms(&office, number * 2 + 2).await;
        }
    }

    async fn credentials_of_another_connection_are_no_credentials(database: TestDatabase) {
        let office = Office::new(database).await;
        let made = office.create(given("Sales")).await.unwrap();
        let mut other = given("Other");
        other.password = secret("of the other one");
        let other = office.create(other).await.unwrap();
        let find = "SELECT credentials FROM database_connections WHERE id = $1";
        let (first, second) = (office.text(find, made.id).await, office.text(find, other.id).await);
        office.execute("DELETE FROM database_connections WHERE id = $1", [other.id.to_string().into()]).await;
        let swap = "UPDATE database_connections SET credentials = $1 WHERE id = $2";
        office.execute(swap, [second.into(), made.id.to_string().into()]).await;
        let (_, connections) = office.restarted();
        let manage = office.within::<ManageConnections>(office.editor);
        assert!(matches!(connections.test(&manage, made.id).await, Err(ConnectionError::Tampered(_))));
        assert_eq!(wait_for_alarms(&office, 1).await[0]["differs"], serde_json::json!(["name"]));
        office.execute(swap, [first.into(), made.id.to_string().into()]).await;
        assert!(connections.test(&manage, made.id).await.unwrap().is_err());
    }

    async fn giving_everything_again_makes_it_right(database: TestDatabase) {
        let office = Office::new(database).await;
        let made = office.create(given("Sales")).await.unwrap();
        office.execute("UPDATE database_connections SET read_only = FALSE", []).await;
        let (_, connections) = office.restarted();
        let manage = office.within::<ManageConnections>(office.editor);
        assert!(matches!(connections.test(&manage, made.id).await, Err(ConnectionError::Tampered(_))));
        office.update(&made, given("Sales")).await.unwrap();
        let trial = connections.test(&manage, made.id).await.unwrap();
        assert_eq!(trial, Err(databases::ConnectError::Name));
    }
}

impl Office {
    async fn text(&self, sql: &str, id: ids::ConnectionId) -> String {
        use sea_orm::{ConnectionTrait as _, Statement};
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, [id.to_string().into()]);
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }
}

/// The alarms, once there are so many.
async fn wait_for_alarms(office: &Office, number: usize) -> Vec<serde_json::Value> {
    let started = std::time::Instant::now();
    loop {
        let alarms = office.events(ALARM).await;
        if alarms.len() >= number {
            return alarms;
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(30), "no alarm");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
