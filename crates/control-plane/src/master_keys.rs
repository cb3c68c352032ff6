//! The master keys as the configuration names them, and whether they are those that the database needs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use audit::Journal;
use cryptography::{MasterKey, RootKey};
use sea_orm::DatabaseConnection;
use secrets_vault::{Keyring, LocalMasterKey, MasterKeyProvider, MasterKeys, ProviderError, Store, Vault};
use transit::{Address, KeyName, SettingsError, Transit};

use crate::config::{Config, ConfigError, Secret, TransitSection, reveal};
use crate::{StartError, trust};

/// What the section `[secrets]` names. Nobody is asked for anything yet.
pub(crate) fn of(config: &Config) -> Result<MasterKeys, StartError> {
    let secrets = &config.secrets;
    let mut seen = BTreeSet::new();
    let mut once = |key: &str, name: String| {
        if seen.insert(name.clone()) {
            return Ok(());
        }
        Err(ConfigError::key(key, format!("names the master key {name}, which is named before; remove one")))
    };
    let mut former: Vec<Arc<dyn MasterKeyProvider>> = Vec::new();
    let current: Arc<dyn MasterKeyProvider> = match (&secrets.transit, &secrets.master_key) {
        (Some(section), _) => {
            let transit = transit("secrets.transit", section, config)?;
            once("secrets.transit", transit.name().to_string())?;
            Arc::new(transit)
        }
        (None, Some(secret)) => {
            let key = parsed("secrets.master_key", secret)?;
            once("secrets.master_key", key.id().to_owned())?;
            Arc::new(LocalMasterKey::new(key))
        }
        (None, None) => {
            return Err(StartError::NoMasterKey(ConfigError::key("secrets.master_key", "is not set")));
        }
    };
    for (at, secret) in secrets.former_master_keys.iter().enumerate() {
        let name = format!("secrets.former_master_keys[{at}]");
        let key = parsed(&name, secret)?;
        once(&name, key.id().to_owned())?;
        former.push(Arc::new(LocalMasterKey::new(key)));
    }
    if let Some(section) = &secrets.former_transit {
        let transit = transit("secrets.former_transit", section, config)?;
        once("secrets.former_transit", transit.name().to_string())?;
        former.push(Arc::new(transit));
    }
    Ok(MasterKeys::new(current, former))
}

/// The files that master keys are in.
pub(crate) fn files(config: &Config) -> Vec<PathBuf> {
    let secrets = &config.secrets;
    let named = secrets.master_key.iter().chain(&secrets.former_master_keys);
    named
        .filter_map(|secret| if let Secret::File(path) = secret { Some(path.clone()) } else { None })
        .collect()
}

/// One key on this machine.
pub(crate) fn local(key: MasterKey) -> MasterKeys {
    MasterKeys::new(Arc::new(LocalMasterKey::new(key)), Vec::new())
}

fn parsed(name: &str, secret: &Secret) -> Result<MasterKey, StartError> {
    let text = reveal(name, secret).map_err(StartError::NoMasterKey)?;
    let parsed = MasterKey::parse(&text);
    parsed.map_err(|error| StartError::NoMasterKey(ConfigError::key(name, format!("{secret:?} {error}"))))
}

fn transit(name: &str, section: &TransitSection, config: &Config) -> Result<Transit, StartError> {
    let setting = |error: SettingsError| {
        let key = match error {
            SettingsError::Address | SettingsError::Tls => "address",
            SettingsError::Mount => "mount",
            SettingsError::Key => "key",
            SettingsError::Namespace => "namespace",
        };
        ConfigError::key(format!("{name}.{key}"), error.to_string())
    };
    let (token_name, token) = (format!("{name}.token"), section.token.clone());
    // Now, to hear of a missing file before anything else happens; later, whenever it is refused.
    reveal(&token_name, &token)?;
    let settings = transit::Settings {
        address: section.address.parse::<Address>().map_err(setting)?,
        name: KeyName::new(&section.mount, &section.key).map_err(setting)?,
        namespace: section.namespace.clone(),
        token: Arc::new(move || reveal(&token_name, &token).map_err(|error| error.to_string())),
        tls: trust::client_config(&trust::extra_authorities(config)?)?,
        timeout: section.timeout.duration(),
    };
    Ok(Transit::new(settings).map_err(setting)?)
}

/// The keys, if they open what the database holds. Nothing is written. A key that cannot be read is worth
/// the question, too, which one the database needs.
pub(crate) async fn check(
    configured: Result<MasterKeys, StartError>,
    database: &DatabaseConnection,
) -> Result<MasterKeys, StartError> {
    if !migrations::has_table(database, secrets_vault::DATA_KEYS).await.map_err(StartError::store)? {
        let masters = configured.map_err(|error| error.needing(&[]))?;
        report(&masters).await?;
        return Ok(masters);
    }
    let store = Store::new(Journal::new(database.clone()));
    let masters = match configured {
        Ok(masters) => masters,
        Err(error) => {
            let needed = store.master_keys_in_use().await.map_err(|error| StartError::vault(&error))?;
            return Err(error.needing(&needed));
        }
    };
    // First, so that a service that does not answer is the one that wraps.
    report(&masters).await?;
    let vault = Vault::new(store, Keyring::new(masters.clone()));
    vault.check_master_keys().await.map_err(|error| StartError::vault(&error))?;
    Ok(masters)
}

/// Whether each provider does what it has to; what could be better is logged.
async fn report(masters: &MasterKeys) -> Result<(), StartError> {
    let failed =
        |error: ProviderError| StartError::KeyService { key: "`secrets.transit`", reason: error.to_string() };
    for concern in masters.check().await.map_err(failed)? {
        tracing::warn!("{concern}");
    }
    Ok(())
}

/// The database of a platform that was started before, for commands beside it; none is made.
pub(crate) async fn known_database(config: &Config) -> Result<DatabaseConnection, StartError> {
    let url = reveal("database.url", &config.database.url)?;
    if !migrations::is_there(&url) {
        return Err(StartError::NeverStarted);
    }
    let database = migrations::connect(&url).await?;
    let was_started = migrations::has_table(&database, secrets_vault::DATA_KEYS).await;
    if was_started.map_err(StartError::store)? { Ok(database) } else { Err(StartError::NeverStarted) }
}

/// The root key of a platform that was started before, for commands beside it.
pub(crate) async fn root_key(config: &Config, journal: &Journal) -> Result<RootKey, StartError> {
    let vault = Vault::new(Store::new(journal.clone()), Keyring::new(of(config)?));
    let found = vault.known_root_key().await.map_err(|error| StartError::vault(&error))?;
    found.ok_or(StartError::NeverStarted)
}
