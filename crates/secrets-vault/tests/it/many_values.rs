//! An organization with many values, which others write and read while keys are replaced.

use std::collections::BTreeMap;

use audit::{Actor, Event, Target};
use cryptography::SecretBytes;
use ids::{OrganizationId, SecretId};
use sea_orm::{ConnectionTrait as _, QueryResult, Statement, Value};
use secrets_vault::{
    Holder, KeyRotations, Kind, NewValue, Owner, RotationLimits, Subject, Vault, VaultError,
};
use test_support::TestDatabase;
use time::OffsetDateTime;

use crate::house::{House, vault};

pub struct ManyValues {
    pub house: House,
    pub organization: OrganizationId,
    pub values: Vec<NewValue>,
}

/// A row as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub version: i64,
    pub key: String,
    pub sealed: Vec<u8>,
    pub updated_at: OffsetDateTime,
}

pub fn rotations(vault: &Vault, limits: RotationLimits) -> KeyRotations {
    KeyRotations::new(vault.clone(), limits)
}

/// What the value with this number is at first.
pub fn first(number: usize) -> Vec<u8> {
    format!("value {number}").into_bytes()
}

impl ManyValues {
    pub async fn new(database: TestDatabase, number: usize) -> Self {
        let house = House::new(database).await;
        let organization = OrganizationId::generate();
        let owner = Owner::Organization(organization);
        let mut many = Self { house, organization, values: Vec::new() };
        let now = OffsetDateTime::now_utc();
        let sql = "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, 'acme', 'Acme', $2)";
        many.write(sql, [organization.to_string().into(), now.into()]).await;
        let change = many.house.journal.begin().await.unwrap();
        for number in 0..number {
            let new = NewValue { id: SecretId::generate(), owner, kind: Kind::ApiKey };
            many.house.vault.seal(&change, new, &SecretBytes::copy_of(&first(number)), now).await.unwrap();
            many.values.push(new);
        }
        change.commit(Event::done(Actor::System, "test", Target::Platform)).await.unwrap();
        many
    }

    pub fn holder(&self) -> Holder {
        Holder::Organization(self.organization)
    }

    pub fn subject(&self) -> Subject {
        Subject::KeyOf(self.holder())
    }

    /// A vault of a process that was just started.
    pub fn restarted(&self) -> Vault {
        vault(&self.house.journal, &[&self.house.master_key])
    }

    pub async fn open(&self, vault: &Vault, number: usize) -> Result<SecretBytes, VaultError> {
        let NewValue { id, owner, kind } = self.values[number];
        vault.open(id, owner, kind).await
    }

    pub async fn replace(&self, vault: &Vault, number: usize, value: &[u8]) -> Result<(), VaultError> {
        let place = self.values[number];
        let change = self.house.journal.begin().await?;
        vault.replace(&change, place, &SecretBytes::copy_of(value), OffsetDateTime::now_utc()).await?;
        Ok(change.commit(Event::done(Actor::System, "test", Target::Secret(place.id))).await?)
    }

    /// Every value is what it was at first.
    pub async fn check(&self, vault: &Vault) {
        self.check_others(vault, 0).await;
    }

    /// Every value from this one on is what it was at first.
    pub async fn check_others(&self, vault: &Vault, from: usize) {
        for number in from..self.values.len() {
            assert_eq!(self.open(vault, number).await.unwrap().reveal(), first(number));
        }
    }

    pub async fn write(&self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let connection = self.house.database.connection();
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        connection.execute_raw(statement).await.unwrap();
    }

    pub async fn read(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Vec<QueryResult> {
        let connection = self.house.database.connection();
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        connection.query_all_raw(statement).await.unwrap()
    }

    pub async fn rows(&self) -> BTreeMap<String, Row> {
        let sql = "SELECT id, version, data_key_id, sealed, updated_at FROM sealed_values WHERE organization_id = $1";
        let rows = self.read(sql, [self.organization.to_string().into()]).await;
        rows.iter()
            .map(|row| {
                let found = Row {
                    version: row.try_get_by_index(1).unwrap(),
                    key: row.try_get_by_index(2).unwrap(),
                    sealed: row.try_get_by_index(3).unwrap(),
                    updated_at: row.try_get_by_index(4).unwrap(),
                };
                (row.try_get_by_index(0).unwrap(), found)
            })
            .collect()
    }

    /// The organization's data keys.
    pub async fn keys(&self) -> Vec<String> {
        let sql = "SELECT id FROM data_keys WHERE holder = $1 ORDER BY id";
        let rows = self.read(sql, [self.organization.to_string().into()]).await;
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    pub async fn seals(&self, key: &str) -> i64 {
        let rows = self.read("SELECT seals FROM data_keys WHERE id = $1", [key.into()]).await;
        rows[0].try_get_by_index(0).unwrap()
    }

    /// Action and outcome of the events about this, in order.
    pub async fn actions(&self, target: &str) -> Vec<(String, String)> {
        let sql = "SELECT action, outcome FROM audit_events WHERE target_id = $1 ORDER BY sequence";
        let rows = self.read(sql, [target.into()]).await;
        rows.iter().map(|row| (row.try_get_by_index(0).unwrap(), row.try_get_by_index(1).unwrap())).collect()
    }

    /// Whether the audit trail has the alarm, which comes beside what raised it.
    pub async fn alarm(&self, target: &str) -> bool {
        for _ in 0..400 {
            let raised = ("vault.tampering_detected".to_owned(), "refused".to_owned());
            if self.actions(target).await.contains(&raised) {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        false
    }
}
