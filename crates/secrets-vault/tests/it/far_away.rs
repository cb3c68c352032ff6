//! A master key that is far away: what waits for it keeps nobody else waiting, and keeps no key that is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use access_control::{Environment, ManageSecrets};
use async_trait::async_trait;
use audit::{Actor, Event, Target};
use cryptography::{KeyBytes, MasterKey};
use secrets_vault::{
    Keyring, LocalMasterKey, MasterKeyProvider, MasterKeys, ProviderError, Secrets, Store, Vault, Wrapped,
};
use test_support::TestDatabase;
use tokio::sync::Semaphore;

use crate::many_values::ManyValues;
use crate::office::{Office, another, occasion, variable};

/// Answers only when it may.
struct FarAway {
    key: LocalMasterKey,
    asked: AtomicUsize,
    may_answer: Semaphore,
}

impl FarAway {
    fn new(master_key: &str) -> Arc<Self> {
        let key = LocalMasterKey::new(MasterKey::parse(master_key).unwrap());
        Arc::new(Self { key, asked: AtomicUsize::new(0), may_answer: Semaphore::new(0) })
    }

    fn vault(self: &Arc<Self>, store: &Store) -> Vault {
        let provider: Arc<dyn MasterKeyProvider> = Arc::clone(self) as _;
        Vault::new(store.clone(), Keyring::new(MasterKeys::new(provider, Vec::new())))
    }

    async fn is_asked(&self) {
        while self.asked.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[async_trait]
impl MasterKeyProvider for FarAway {
    async fn current(&self) -> Result<String, ProviderError> {
        self.key.current().await
    }

    fn keeps(&self, master_key: &str) -> bool {
        self.key.keeps(master_key)
    }

    async fn wrap(&self, place: &[u8], key: &KeyBytes) -> Result<Wrapped, ProviderError> {
        self.key.wrap(place, key).await
    }

    async fn unwrap(&self, place: &[u8], wrapped: &Wrapped) -> Result<KeyBytes, ProviderError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.may_answer.acquire().await.unwrap().forget();
        self.key.unwrap(place, wrapped).await
    }
}

test_support::on_both_stores! {
    async fn k26_nobody_waits_for_the_master_key_in_a_transaction(database: TestDatabase) {
        let office = Office::new(database).await;
        let known = office.create(variable("A", Environment::Production, "a")).await.unwrap();
        let far_away = FarAway::new(&office.house.master_key);
        let store = Store::new(office.house.journal.clone());
        let permit = office.within::<ManageSecrets>(office.owner);
        for replaces in [false, true] {
            far_away.asked.store(0, Ordering::SeqCst);
            let secrets = Secrets::new(store.clone(), far_away.vault(&store), Arc::clone(&office.facts) as _);
            let waiting = async {
                if replaces {
                    secrets.replace(&permit, known.id, another("b"), occasion()).await
                } else {
                    secrets.create(&permit, variable("B", Environment::Production, "b"), occasion()).await
                }
            };
            let others = async {
                far_away.is_asked().await;
                // Of the same organization, with the same key.
                let others = office.secrets.replace(&permit, known.id, another("meanwhile"), occasion());
                let written = tokio::time::timeout(Duration::from_secs(30), others).await;
                far_away.may_answer.add_permits(1);
                written.expect("nobody else can write").unwrap()
            };
            let (written, _) = tokio::join!(waiting, others);
            written.unwrap();
            assert_eq!(far_away.asked.load(Ordering::SeqCst), 1, "nor again");
        }
    }

    async fn k06_a_destroyed_key_does_not_come_back_into_memory(database: TestDatabase) {
        let many = ManyValues::new(database, 1).await;
        let far_away = FarAway::new(&many.house.master_key);
        let vault = far_away.vault(&Store::new(many.house.journal.clone()));
        let reading = async { many.open(&vault, 0).await };
        let destroying = async {
            far_away.is_asked().await;
            let change = many.house.journal.begin().await.unwrap();
            vault.destroy(&change, many.organization).await.unwrap();
            let target = Target::Organization(many.organization);
            change.commit(Event::done(Actor::System, "test", target)).await.unwrap();
            far_away.may_answer.add_permits(1);
        };
        let (read, ()) = tokio::join!(reading, destroying);
        // It had read the row before.
        assert!(read.is_ok());
        assert_eq!(vault.keyring().in_memory(), 0);
    }
}
