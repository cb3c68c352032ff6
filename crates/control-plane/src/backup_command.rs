//! `vybe backup`, `vybe restore`, `vybe state-hash`: the whole store in one file, and back.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use audit::{Actor, Event, Journal, Target};
use backup::{BackupError, Header, Summary};
use cryptography::KeyBytes;
use sea_orm::DatabaseConnection;
use secrets_vault::{MasterKeys, ProviderError, Wrapped};
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::{Config, reveal};
use crate::config_path::ConfigPath;
use crate::output::{counted, print};
use crate::{StartError, master_keys};

/// The audit trail's name for taking a backup.
pub(crate) const CREATE: &str = "backup.create";

#[derive(clap::Args)]
#[command(
    after_help = "The file is sealed with a key of its own, which the master key wraps. Secrets in it are sealed as they are in the \
    database. THE MASTER KEY IS NOT IN THE FILE: without it neither the file nor what is in it opens. Keep it somewhere else, for as \
    long as the file.\n\nExamples:\n  vybe backup /var/backups/vybe-$(date +%F).backup\n  vybe backup --verify \
    /var/backups/vybe-2026-11-22.backup"
)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    config: ConfigPath,
    /// Reads a backup whole and says whether it is as it was written; no database is needed.
    #[arg(long)]
    verify: bool,
    /// The file to write, which must not exist, or the one to verify.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(clap::Args)]
#[command(
    after_help = "The database has to be empty, of either kind, and the master key that the file names has to be configured, \
    as secrets.master_key or in secrets.former_master_keys. All of it is restored or nothing. Everything is as it was when the \
    backup was taken: whoever was removed since has to be removed again.\n\nExample:\n  vybe restore --config \
    /etc/vybe/vybe.toml /var/backups/vybe-2026-11-22.backup"
)]
pub(crate) struct RestoreArguments {
    #[command(flatten)]
    config: ConfigPath,
    /// The backup.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct StateHashArguments {
    #[command(flatten)]
    config: ConfigPath,
    /// Prints the hash and the number of rows of each table, too, to see where two stores differ.
    #[arg(long)]
    tables: bool,
}

/// Takes a backup, or verifies one.
///
/// # Errors
/// One line for the operator; no file is left behind.
pub(crate) async fn backup(arguments: BackupArguments) -> Result<(), StartError> {
    let config = arguments.config.load()?;
    let masters = master_keys::of(&config);
    if arguments.verify {
        return verify(&masters?, &arguments.file).await;
    }
    let database = master_keys::known_database(&config).await?;
    let masters = master_keys::check(masters, &database).await?;
    if arguments.file.exists() {
        return Err(refused(&arguments.file, "it is there already; name a file that is not"));
    }
    let summary = write(&database, &masters, &arguments.file).await?;
    let length = fs::metadata(&arguments.file).map_or(0, |metadata| metadata.len());
    print(&format!(
        "{}: {length} bytes, {}; state hash {}",
        arguments.file.display(),
        held(&summary),
        summary.state_hash
    ))?;
    for table in &summary.left_out {
        print(&format!("warning: table {table} is not the platform's and was left out"))?;
    }
    let name = masters.current().current().await.unwrap_or_default();
    print(&format!(
        "The master key {name} is NOT in it, and without that key neither the file nor the secrets in it open: keep it \
         somewhere else, for as long as the file."
    ))?;
    note(&database, &summary, &name).await
}

/// Writes beside the file, which gets its name when it is whole and on the disk.
async fn write(
    database: &DatabaseConnection,
    masters: &MasterKeys,
    path: &Path,
) -> Result<Summary, StartError> {
    let (header, key) = new_key(masters).await?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let unwritable = |source| StartError::Write { path: partial.clone(), source };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial);
    let file = file.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AlreadyExists {
            return refused(&partial, "another backup is writing it, or was killed; if so, remove it");
        }
        unwritable(source)
    })?;
    let written = async {
        let (summary, file) = backup::take(database, BufWriter::new(file), &header, key)
            .await
            .map_err(|error| failed(path, error))?;
        let file = file.into_inner().map_err(|error| unwritable(error.into_error()))?;
        file.sync_all().map_err(unwritable)?;
        fs::rename(&partial, path).map_err(unwritable)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
        }
        Ok(summary)
    };
    let written = written.await;
    if written.is_err() {
        // What failed is told; a file that cannot be removed says so by being there.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// A key for one file, wrapped by the current master key, wherever that is kept.
async fn new_key(masters: &MasterKeys) -> Result<(Header, KeyBytes), StartError> {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or_else(|_| OffsetDateTime::now_utc());
    let created_at = now.format(&Rfc3339).map_err(|error| StartError::Server(error.to_string()))?;
    let key = KeyBytes::generate().map_err(|error| StartError::Server(error.to_string()))?;
    let wrapped = masters.current().wrap(&Header::place(&created_at), &key).await.map_err(key_service)?;
    let header = Header::new(created_at, wrapped.master_key, wrapped.bytes);
    Ok((header.map_err(|error| StartError::Server(error.to_string()))?, key))
}

/// Notes in the trail that everything was copied; a store that cannot be written to was copied all the same.
async fn note(database: &DatabaseConnection, summary: &Summary, master_key: &str) -> Result<(), StartError> {
    let event = Event::done(Actor::System, CREATE, Target::Platform).with(json!({
        "stateHash": summary.state_hash.to_string(),
        "rows": summary.rows(),
        "masterKey": master_key,
    }));
    match Journal::new(database.clone()).record(&event).await {
        Ok(()) => Ok(()),
        Err(error) => {
            print(&format!("warning: the audit trail does not say so: {}", StartError::audit(&error)))
        }
    }
}

async fn verify(masters: &MasterKeys, path: &Path) -> Result<(), StartError> {
    let (mut file, header) = open(path)?;
    let key = unwrapped(masters, &header, path).await?;
    let summary = backup::examine(&mut file, &header, &key).await.map_err(|error| failed(path, error))?;
    print(&format!(
        "{}: whole, taken {} by release {}, {}; state hash {}",
        path.display(),
        header.created_at,
        summary.release,
        held(&summary),
        summary.state_hash
    ))
}

/// Restores a backup.
///
/// # Errors
/// One line for the operator; the database is as it was.
pub(crate) async fn restore(arguments: RestoreArguments) -> Result<(), StartError> {
    let (config, path) = (arguments.config.load()?, &arguments.file);
    let (mut file, header) = open(path)?;
    let masters = master_keys::of(&config)?;
    let key = unwrapped(&masters, &header, path).await?;
    let url = reveal("database.url", &config.database.url)?;
    let database = migrations::connect(&url).await?;
    let restored = backup::restore(&database, &mut file, &header, &key).await;
    let summary = restored.map_err(|error| failed(path, error))?;
    print(&format!(
        "restored what was there at {}: {}; state hash {}",
        header.created_at,
        held(&summary),
        summary.state_hash
    ))?;
    if let Err(error) = master_keys::check(Ok(masters), &database).await {
        print(&format!("warning: {error}"))?;
    }
    what_to_do(&config)
}

/// What a restore cannot know.
fn what_to_do(config: &Config) -> Result<(), StartError> {
    print(
        "Whoever was removed or signed out since then is back: remove them again before the platform is started, or at once \
         after (docs/guides/backup.md).",
    )?;
    match &config.audit.heads_file {
        Some(heads) if heads.exists() => print(&format!(
            "Move {} away before the platform is started, and keep it: it names records that the backup does not have.",
            heads.display()
        )),
        _ => Ok(()),
    }
}

/// Prints the state hash.
///
/// # Errors
/// One line for the operator.
pub(crate) async fn state_hash(arguments: StateHashArguments) -> Result<(), StartError> {
    let config = arguments.config.load()?;
    let database = master_keys::known_database(&config).await?;
    let summary = backup::state(&database).await.map_err(|error| StartError::store(error.to_string()))?;
    if arguments.tables {
        for table in &summary.tables {
            print(&format!("{} {} {}", table.hash, table.name, table.rows))?;
        }
    }
    print(&summary.state_hash.to_string())
}

fn open(path: &Path) -> Result<(BufReader<File>, Header), StartError> {
    let file = File::open(path).map_err(|source| StartError::File { path: path.to_owned(), source })?;
    let mut file = BufReader::new(file);
    let header = Header::read(&mut file).map_err(|error| failed(path, error))?;
    Ok((file, header))
}

/// The file's key, if the master key that wrapped it is configured.
async fn unwrapped(masters: &MasterKeys, header: &Header, path: &Path) -> Result<KeyBytes, StartError> {
    let Some(keeper) = masters.keeper(&header.master_key) else {
        return Err(refused(
            path,
            &format!(
                "it needs the master key {}, and configured are only {}; name that key as secrets.master_key, or in \
                 secrets.former_master_keys",
                header.master_key,
                masters.known().await.join(", ")
            ),
        ));
    };
    let wrapped = Wrapped { master_key: header.master_key.clone(), bytes: header.wrapped_key.clone() };
    keeper.unwrap(&Header::place(&header.created_at), &wrapped).await.map_err(|error| match error {
        ProviderError::Refused => refused(
            path,
            &format!(
                "its key does not open with the master key {}: its first line is damaged; take another backup",
                header.master_key
            ),
        ),
        error => key_service(error),
    })
}

fn key_service(error: ProviderError) -> StartError {
    StartError::KeyService { key: "`secrets.transit` or `secrets.former_transit`", reason: error.to_string() }
}

fn held(summary: &Summary) -> String {
    let last = summary.migrations.last().map_or("", String::as_str);
    let rows = counted(usize::try_from(summary.rows()).unwrap_or(usize::MAX), "row");
    format!("{rows} of {}, schema {last}", counted(summary.tables.len(), "table"))
}

fn failed(path: &Path, error: BackupError) -> StartError {
    match error {
        error @ (BackupError::Store(_) | BackupError::Row { .. }) => StartError::Store(error.to_string()),
        error => refused(path, &error.to_string()),
    }
}

fn refused(path: &Path, reason: &str) -> StartError {
    StartError::Backup { path: path.to_owned(), reason: reason.to_owned() }
}
