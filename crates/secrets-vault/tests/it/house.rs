//! A vault to test.

use std::sync::Arc;

use audit::Journal;
use cryptography::MasterKey;
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Store, Vault};
use test_support::TestDatabase;

pub struct House {
    pub database: TestDatabase,
    pub journal: Journal,
    pub vault: Vault,
    pub master_key: String,
}

impl House {
    pub async fn new(database: TestDatabase) -> Self {
        let journal = Journal::new(database.connection().clone());
        let master_key = MasterKey::generate().unwrap().to_string();
        let vault = vault(&journal, &[&master_key]);
        Self { database, journal, vault, master_key }
    }
}

/// A vault of another process, with these master keys, the current one first.
pub fn vault(journal: &Journal, master_keys: &[&str]) -> Vault {
    let mut providers = master_keys.iter().map(|text| {
        Arc::new(LocalMasterKey::new(MasterKey::parse(text).unwrap()))
            as Arc<dyn secrets_vault::MasterKeyProvider>
    });
    let masters = MasterKeys::new(providers.next().unwrap(), providers.collect());
    Vault::new(Store::new(journal.clone()), Keyring::new(masters))
}
