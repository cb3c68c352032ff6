//! A store with a journal, and forwarders that read it.

use std::sync::Arc;
use std::time::Duration;

use audit::{Actor, Event, Journal, Target, Trail};
use audit_trail::{Forwarder, Pauses, Receiver, Store};
use ids::{AppId, OrganizationId, UserId};
use serde_json::json;
use test_support::TestDatabase;

/// An app's name that would move a cursor, begin a line, and turn text around.
pub const HOSTILE_NAME: &str = "Gr\u{f6}\u{df}e \u{202e}\r\n\u{1b}[31m<14>1 - - \"]\\";

pub struct House {
    pub database: TestDatabase,
    pub journal: Journal,
}

impl House {
    pub fn new(database: TestDatabase) -> Self {
        Self { journal: Journal::new(database.connection().clone()), database }
    }

    pub fn trail(&self) -> Trail {
        Trail::new(self.database.connection().clone())
    }

    /// Writes so many events of an organization.
    pub async fn write(&self, organization: OrganizationId, events: usize) {
        for number in 0..events {
            let event =
                Event::done(Actor::Person(UserId::generate()), "app.update", Target::App(AppId::generate()))
                    .of(organization)
                    .with(json!({ "number": number, "name": HOSTILE_NAME }));
            self.journal.begin().await.unwrap().commit(event).await.unwrap();
        }
    }

    /// Passes the trail on until the task is aborted.
    pub fn forward(&self, receiver: Receiver) -> tokio::task::JoinHandle<()> {
        let pauses = Pauses { first: Duration::from_millis(20), longest: Duration::from_millis(100) };
        let store = Store::new(self.database.connection().clone());
        let forwarder = Forwarder::new(self.trail(), self.journal.growth(), store, receiver, pauses);
        tokio::spawn(async move { forwarder.run().await })
    }
}

/// Trusts one authority, or nobody.
pub fn tls(authority: Option<&str>) -> Arc<rustls::ClientConfig> {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    if let Some(pem) = authority {
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Waits until something holds, ten seconds at most.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to pass: {what}");
}
