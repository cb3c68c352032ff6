//! The master keys as the configuration names them.

use std::sync::Arc;

use audit::Journal;
use cryptography::{MasterKey, RootKey};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Store, Vault};

use crate::StartError;
use crate::config::{Config, reveal};

/// What the section `[secrets]` names.
pub(crate) fn of(config: &Config) -> Result<MasterKeys, StartError> {
    let text = reveal("secrets.master_key", &config.secrets.master_key)?;
    let key = MasterKey::parse(&text).map_err(|error| StartError::MasterKey(error.to_string()))?;
    Ok(local(key))
}

/// One key on this machine.
pub(crate) fn local(key: MasterKey) -> MasterKeys {
    MasterKeys::new(Arc::new(LocalMasterKey::new(key)), Vec::new())
}

/// The root key of a platform that was started before, for commands beside it.
pub(crate) async fn root_key(config: &Config, journal: &Journal) -> Result<RootKey, StartError> {
    let vault = Vault::new(Store::new(journal.clone()), Keyring::new(of(config)?));
    let found = vault.known_root_key().await.map_err(|error| StartError::vault(&error))?;
    found.ok_or_else(|| StartError::MasterKey("no platform was ever started with this database".to_owned()))
}
