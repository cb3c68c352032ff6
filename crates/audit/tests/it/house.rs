//! A store with a journal, heads and a heads file.

use std::path::PathBuf;
use std::sync::Arc;

use audit::{Actor, Chain, Event, Export, Heads, Journal, Report, Target};
use cryptography::{RootKey, SigningKey};
use ids::{AppId, OrganizationId};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, QueryResult, Statement};
use serde_json::json;
use test_support::TestDatabase;

pub struct House {
    pub database: TestDatabase,
    pub journal: Journal,
    pub folder: tempfile::TempDir,
    root_key: RootKey,
}

pub fn any_key() -> SigningKey {
    RootKey::generate().unwrap().signing_key("audit heads").unwrap()
}

/// An ordinary event of an organization.
pub fn event(organization: OrganizationId, number: u32) -> Event {
    Event::done(Actor::System, "app.update", Target::App(AppId::generate()))
        .of(organization)
        .with(json!({ "number": number, "name": "Größe \u{202e}\n\"x\"" }))
}

impl House {
    pub fn new(database: TestDatabase) -> Self {
        Self {
            journal: Journal::new(database.connection().clone()),
            database,
            folder: tempfile::tempdir().unwrap(),
            root_key: RootKey::generate().unwrap(),
        }
    }

    pub fn key(&self) -> SigningKey {
        self.root_key.signing_key("audit heads").unwrap()
    }

    pub fn heads_file(&self) -> PathBuf {
        self.folder.path().join("audit-heads.jsonl")
    }

    /// As after a start of the process.
    pub async fn heads(&self) -> Arc<Heads> {
        self.heads_with(Some(self.heads_file())).await
    }

    pub async fn heads_with(&self, file: Option<PathBuf>) -> Arc<Heads> {
        Arc::new(Heads::open(self.journal.clone(), self.key(), file).await.unwrap())
    }

    pub async fn write(&self, organization: OrganizationId, events: u32) {
        for number in 1..=events {
            let change = self.journal.begin().await.unwrap();
            change.commit(event(organization, number)).await.unwrap();
        }
    }

    pub async fn export(&self, heads: &Arc<Heads>, chain: Chain, from: i64) -> String {
        let mut export = Export::begin(Arc::clone(heads), chain, from).await.unwrap();
        let mut text = String::new();
        while let Some(lines) = export.next_page().await.unwrap() {
            text.push_str(&lines);
        }
        text
    }

    pub fn verify(&self, export: &str) -> Report {
        audit::verify(export.as_bytes(), &[self.key().public_key()], None).unwrap()
    }

    pub fn verify_with_heads(&self, export: &str, heads: &str) -> Report {
        let keys = [self.key().public_key()];
        audit::verify(export.as_bytes(), &keys, Some(&mut heads.as_bytes())).unwrap()
    }

    pub async fn execute(&self, sql: &str) {
        self.database.connection().execute_unprepared(sql).await.unwrap();
    }

    pub async fn rows(&self, sql: &str) -> Vec<QueryResult> {
        let statement = Statement::from_string(self.database.backend(), sql);
        self.database.connection().query_all_raw(statement).await.unwrap()
    }

    pub async fn count(&self, from: &str) -> i64 {
        self.rows(&format!("SELECT COUNT(*) AS number FROM {from}")).await[0].try_get("", "number").unwrap()
    }

    /// What only the owner of the database can do.
    pub async fn disable_triggers(&self) {
        match self.database.backend() {
            DatabaseBackend::Postgres => {
                self.execute("ALTER TABLE audit_events DISABLE TRIGGER USER").await;
                self.execute("ALTER TABLE audit_heads DISABLE TRIGGER USER").await;
            }
            _ => {
                for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'").await {
                    self.execute(&format!("DROP TRIGGER {}", row.try_get::<String>("", "name").unwrap()))
                        .await;
                }
            }
        }
    }
}
