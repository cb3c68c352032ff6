//! Several organizations with values of every owner and kind, and an attacker who may write to the database.

use std::collections::BTreeMap;
use std::time::Duration;

use audit::{Actor, Event, Target};
use cryptography::SecretBytes;
use ids::{AppId, OrganizationId, SecretId, UserId};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement, Value};
use secrets_vault::{Kind, NewValue, Owner, Vault};
use test_support::TestDatabase;
use time::OffsetDateTime;

use crate::house::{House, vault};

/// What an event says that the vault raised.
pub const ALARM: &str = "vault.tampering_detected";

pub struct World {
    pub house: House,
    pub attacker: Attacker,
    /// The values, and what each of them is.
    pub values: Vec<(NewValue, Vec<u8>)>,
}

impl World {
    /// Three organizations with two apps and two members each, and the platform: sixteen owners with three values
    /// each, of nine kinds and in versions 1 to 3. One organization has had two keys.
    pub async fn new(database: TestDatabase) -> Self {
        let house = House::new(database).await;
        let attacker = Attacker::new(&house.database).await;
        let mut owners = vec![Owner::Platform];
        for number in 0..3 {
            owners.extend(attacker.organization(number).await);
        }
        let kinds: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| *kind != Kind::RootKey).collect();
        let mut world = Self { house, attacker, values: Vec::new() };
        for number in 0..owners.len() * 3 {
            let (owner, round) = (number % owners.len(), number / owners.len());
            // Two of the three are of one kind: only their identifiers tell them apart.
            let kind = kinds[(owner + round / 2) % kinds.len()];
            let new = NewValue { id: SecretId::generate(), owner: owners[owner], kind };
            // Values of one length, so that not their lengths tell them apart.
            let mut value = world.keep(new, None, &format!("value {number:03} of version 1")).await;
            for version in 2..=number % 3 + 1 {
                value = world.keep(new, Some(()), &format!("value {number:03} of version {version}")).await;
            }
            world.values.push((new, value));
            if number == owners.len() {
                // From here on the first organization seals with a second key.
                let retire = "UPDATE data_keys SET retired_at = created_at WHERE holder = $1";
                let Owner::Organization(organization) = owners[1] else { panic!("{:?}", owners[1]) };
                world.attacker.write(retire, [organization.to_string().into()]).await;
            }
        }
        world.attacker.take_copies().await;
        world
    }

    async fn keep(&self, new: NewValue, replaced: Option<()>, text: &str) -> Vec<u8> {
        let change = self.house.journal.begin().await.unwrap();
        let (value, now) = (SecretBytes::copy_of(text.as_bytes()), OffsetDateTime::now_utc());
        match replaced {
            None => self.house.vault.seal(&change, new, &value, now).await.unwrap(),
            Some(()) => drop(self.house.vault.replace(&change, new, &value, now).await.unwrap()),
        }
        change.commit(Event::done(Actor::System, "test", Target::Secret(new.id))).await.unwrap();
        text.as_bytes().to_vec()
    }

    /// A vault of a process that was just started.
    pub fn restarted(&self) -> Vault {
        vault(&self.house.journal, &[&self.house.master_key])
    }

    /// Every value opens as what it was sealed as.
    pub async fn check_whole(&self, vault: &Vault) {
        for (new, value) in &self.values {
            let opened = vault.open(new.id, new.owner, new.kind).await;
            assert_eq!(opened.unwrap().reveal(), value);
        }
    }

    /// The alarms of each target in the trail, once there are as many as expected. Each stands in its holder's chain.
    pub async fn alarms(&self, expected: usize) -> BTreeMap<String, i64> {
        let mut alarms = BTreeMap::new();
        for _ in 0..400 {
            alarms = self.attacker.alarms().await;
            if alarms.values().sum::<i64>() >= i64::try_from(expected).unwrap() {
                // One more than expected would come now.
                tokio::time::sleep(Duration::from_millis(50)).await;
                return self.attacker.alarms().await;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        alarms
    }
}

/// Who may write to the database as they like: no foreign key holds them.
pub struct Attacker {
    connection: DatabaseConnection,
}

impl Attacker {
    async fn new(database: &TestDatabase) -> Self {
        let mut options = sea_orm::ConnectOptions::new(database.url());
        options.max_connections(1).sqlx_logging(false);
        let connection = sea_orm::Database::connect(options).await.unwrap();
        let unbound = match database.backend() {
            sea_orm::DatabaseBackend::Postgres => "SET session_replication_role = replica",
            _ => "PRAGMA foreign_keys = OFF",
        };
        connection.execute_unprepared(unbound).await.unwrap();
        Self { connection }
    }

    /// Changes rows. Answers how many.
    pub async fn write(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> u64 {
        let statement = Statement::from_sql_and_values(self.connection.get_database_backend(), sql, values);
        self.connection.execute_raw(statement).await.unwrap().rows_affected()
    }

    /// The first column of the rows.
    pub async fn read<T: sea_orm::TryGetable>(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Vec<T> {
        let statement = Statement::from_sql_and_values(self.connection.get_database_backend(), sql, values);
        let rows = self.connection.query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Remembers how the tables of the vault are now, with a number for each row.
    async fn take_copies(&self) {
        for table in ["sealed_values", "data_keys"] {
            let copy = format!(
                "CREATE TABLE {table}_copy AS SELECT row_number() OVER (ORDER BY id) - 1 AS number, {table}.* FROM {table}"
            );
            self.connection.execute_unprepared(&copy).await.unwrap();
        }
    }

    /// Sets the tables back to how they were.
    pub async fn undo(&self) {
        const VALUES: &str =
            "id, kind, organization_id, app_id, user_id, version, data_key_id, sealed, updated_at";
        const KEYS: &str = "id, holder, master_key_id, wrapped, seals, created_at, retired_at";
        for (table, columns) in [("sealed_values", VALUES), ("data_keys", KEYS)] {
            let again = format!(
                "DELETE FROM {table}; INSERT INTO {table} ({columns}) SELECT {columns} FROM {table}_copy"
            );
            self.connection.execute_unprepared(&again).await.unwrap();
        }
    }

    /// From here on, the database keeps the data key and nonce of everything that is sealed.
    pub async fn keep_nonces(&self) {
        let unprepared = async |sql: &str| self.connection.execute_unprepared(sql).await.unwrap();
        unprepared("CREATE TABLE nonces (data_key_id TEXT, sealed_hex TEXT)").await;
        // What `undo` puts back is not sealed anew: here no trigger runs for it, there one that looks.
        if self.connection.get_database_backend() == sea_orm::DatabaseBackend::Postgres {
            unprepared(
                "CREATE FUNCTION keep_nonce() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN INSERT INTO nonces VALUES (NEW.data_key_id, encode(NEW.sealed, ''hex'')); RETURN NEW; END'",
            )
            .await;
            unprepared(
                "CREATE TRIGGER keep_nonce AFTER INSERT OR UPDATE OF sealed ON sealed_values
                 FOR EACH ROW EXECUTE FUNCTION keep_nonce()",
            )
            .await;
        } else {
            for event in ["INSERT", "UPDATE OF sealed"] {
                let name = event.split(' ').next().unwrap();
                unprepared(&format!(
                    "CREATE TRIGGER keep_nonce_{name} AFTER {event} ON sealed_values
                     WHEN NEW.sealed NOT IN (SELECT sealed FROM sealed_values_copy)
                     BEGIN INSERT INTO nonces VALUES (NEW.data_key_id, lower(hex(NEW.sealed))); END"
                ))
                .await;
            }
        }
    }

    /// Data key and nonce of everything that was sealed since then.
    pub async fn nonces(&self) -> Vec<(String, String)> {
        let rows = self.read::<String>("SELECT data_key_id || ' ' || sealed_hex FROM nonces", []).await;
        let parts = rows.iter().map(|row| row.split_once(' ').unwrap());
        parts.map(|(key, sealed)| (key.to_owned(), sealed[..24].to_owned())).collect()
    }

    /// An organization: itself, its apps and members.
    async fn organization(&self, number: usize) -> Vec<Owner> {
        let now = OffsetDateTime::now_utc();
        let organization = OrganizationId::generate();
        let sql = "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $2, 'Acme', $3)";
        self.write(sql, [organization.to_string().into(), format!("acme-{number}").into(), now.into()]).await;
        let mut owners = vec![Owner::Organization(organization)];
        for place in 0..2 {
            let (user, app) = (UserId::generate(), AppId::generate());
            let name = format!("{number}-{place}");
            let sql = "INSERT INTO users (id, issuer, subject, email, name, created_at) VALUES ($1, 'i', $2, $2, $2, $3)";
            self.write(sql, [user.to_string().into(), name.clone().into(), now.into()]).await;
            let sql = "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, 'member', $3)";
            self.write(sql, [organization.to_string().into(), user.to_string().into(), now.into()]).await;
            let sql = "INSERT INTO apps (id, organization_id, slug, name, level, creator_id, server_actions_judged_by_page, created_at)
                       VALUES ($1, $2, $3, $3, 'open', $4, FALSE, $5)";
            self.write(
                sql,
                [
                    app.to_string().into(),
                    organization.to_string().into(),
                    name.into(),
                    user.to_string().into(),
                    now.into(),
                ],
            )
            .await;
            owners.extend([Owner::App(organization, app), Owner::Member(organization, user)]);
        }
        owners
    }

    async fn alarms(&self) -> BTreeMap<String, i64> {
        let sql = "SELECT chain || ' ' || target_id FROM audit_events WHERE action = $1";
        let mut alarms = BTreeMap::new();
        for target in self.read::<String>(sql, [ALARM.into()]).await {
            *alarms.entry(target).or_default() += 1;
        }
        alarms
    }
}
