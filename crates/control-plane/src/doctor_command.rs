//! `vybe doctor`: looks at an installation from its configuration to its keys, and says what to do.
//!
//! It changes nothing. What it says holds no secret, and no address with a password in it.

mod certificate;
mod findings;
mod keys;
mod last_backup;
mod security_txt;
mod store;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use development::Folder;
use endpoint::Certificates;
use migrations::Standing;
use sea_orm::DatabaseConnection;
use secrets_vault::MasterKeys;
use time::OffsetDateTime;

use self::findings::Findings;
use crate::config::reveal;
use crate::config_path::ConfigPath;
use crate::output::{counted, print};
use crate::{StartError, demo, master_keys, process_memory, serve, trust};

/// `vybe doctor`
#[derive(clap::Args)]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    config: ConfigPath,
    /// The folder of `vybe dev`, instead of a configuration.
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Writes the findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Looks at everything.
///
/// # Errors
/// Something has to be repaired, and was printed.
pub(crate) async fn run(arguments: DoctorArguments) -> Result<(), StartError> {
    process_memory::keep_private()?;
    let mut findings = Findings::default();
    match &arguments.data {
        Some(folder) => development_folder(folder, &mut findings).await,
        None => configured(&arguments.config, &mut findings).await,
    }
    print(&if arguments.json { findings.json() } else { findings.text() })?;
    match findings.failures() {
        0 => Ok(()),
        failures => Err(StartError::Failures(failures)),
    }
}

async fn configured(path: &ConfigPath, findings: &mut Findings) {
    trust::install_cryptography();
    let config = match path.load() {
        Ok(config) => config,
        Err(error) => return findings.fail("configuration", error, "correct it, then ask again"),
    };
    match serve::check_parts(&config) {
        Ok(()) | Err(StartError::Certificate(_)) => findings.ok("configuration", "is good"),
        Err(error) => findings.fail("configuration", error, "correct it"),
    }
    match Certificates::from_files(&config.certificate.chain, &config.certificate.key) {
        Ok(_) => {
            findings.ok("certificate", "and key belong together");
            certificate::look_at(&config.certificate.chain, OffsetDateTime::now_utc(), findings);
        }
        Err(error) => findings.fail("certificate", error, "check certificate.chain and certificate.key"),
    }
    if config.server.core_dumps {
        findings.warn(
            "core dumps",
            "are written with the keys in them",
            "set server.core_dumps = false unless a fault is being looked for",
        );
    } else {
        findings.ok("core dumps", "are off");
    }
    if config.sign_in.has_provider() {
        findings.ok("sign-in", "has an identity provider");
    } else {
        findings.warn(
            "sign-in",
            "no identity provider is configured, so nobody can sign in",
            "add [sign_in.google], or [sign_in.provider.<name>]",
        );
    }
    security_txt::look_at(config.security_txt.as_ref(), OffsetDateTime::now_utc(), findings);
    let mut secret_files = master_keys::files(&config);
    secret_files.push(config.certificate.key.clone());
    private_files(&secret_files, findings);
    let url = match reveal("database.url", &config.database.url) {
        Ok(url) => url,
        Err(error) => return findings.fail("database", error, "set database.url"),
    };
    let place = Place { key_file: None, advice: "check database.url and that the server is running" };
    look_into(&url, master_keys::of(&config), &place, findings).await;
}

async fn development_folder(path: &Path, findings: &mut Findings) {
    if !path.is_dir() {
        return findings.fail(
            "folder",
            format!("there is no folder {}", path.display()),
            "name the one of `vybe dev`",
        );
    }
    match Folder::open(path) {
        Ok(folder) => {
            findings.ok("core dumps", "are off");
            let key_file = demo::master_key_file(&folder);
            private_files(std::slice::from_ref(&key_file), findings);
            let place = Place { key_file: Some(key_file), advice: "restore vybe.db, or use another folder" };
            look_into(&demo::database(&folder), demo::configured_master_keys(&folder), &place, findings)
                .await;
        }
        Err(error) => findings.fail("folder", error, "give the folder to the user that `vybe dev` runs as"),
    }
}

/// Where things are, as far as what is said depends on it.
struct Place {
    /// The key file of a folder, which has no configuration.
    key_file: Option<PathBuf>,
    /// What to look at when the database does not answer.
    advice: &'static str,
}

impl Place {
    fn name(&self, error: StartError) -> StartError {
        match &self.key_file {
            Some(path) => error.of_key_file(path.clone()),
            None => error,
        }
    }
}

/// Whoever reads a key file opens a copy of the database.
fn private_files(files: &[PathBuf], findings: &mut Findings) {
    for file in files {
        // One that is not there is spoken of with what it should hold.
        let Ok(metadata) = file.metadata() else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 == 0 {
            findings.ok("key file", format!("{} is its owner's alone", file.display()));
        } else {
            findings.warn(
                "key file",
                format!("{} can be used by others than its owner (mode {mode:03o})", file.display()),
                "chmod 600 it, owned by the user that the platform runs as",
            );
        }
    }
}

/// The database, and then what is sealed in it.
async fn look_into(
    url: &str,
    masters: Result<MasterKeys, StartError>,
    place: &Place,
    findings: &mut Findings,
) {
    let database = if migrations::is_there(url) {
        match migrations::connect(url).await {
            Ok(database) => database,
            Err(error) => {
                findings.fail("database", error, place.advice);
                return masters_alone(masters, findings);
            }
        }
    } else {
        findings.warn("database", "is not there yet", "the first start makes it");
        return masters_alone(masters, findings);
    };
    findings.ok("database", "answers");
    store::look_at(url, &database, findings).await;
    schema(&database, findings).await;
    match migrations::has_table(&database, secrets_vault::DATA_KEYS).await {
        Ok(true) => {
            keys::look_at(&database, masters, place, findings).await;
            last_backup::look_at(&database, OffsetDateTime::now_utc(), findings).await;
        }
        Ok(false) => masters_alone(masters, findings),
        Err(error) => findings.fail("database", error, "check that it is running"),
    }
}

/// Without a database there is nothing to try the keys on.
fn masters_alone(masters: Result<MasterKeys, StartError>, findings: &mut Findings) {
    match masters {
        Ok(_) => findings.ok("master key", "can be read; no database says whether it is the right one"),
        Err(error) => findings.fail("master key", error.needing(&[]), "nothing is served until then"),
    }
}

async fn schema(database: &DatabaseConnection, findings: &mut Findings) {
    match migrations::standing(database).await {
        Ok(Standing::Current) => findings.ok("schema", "is current"),
        Ok(Standing::Behind(missing)) => findings.warn(
            "schema",
            format!("lacks {}: {}", counted(missing.len(), "migration"), missing.join(", ")),
            "the next start or `vybe migrate` brings it up to date",
        ),
        Ok(Standing::Newer(unknown)) => findings.warn(
            "schema",
            format!("is of a newer release ({}), beside which this one may run", unknown.join(", ")),
            "go on with the upgrade",
        ),
        Ok(standing) => findings.fail("schema", StartError::Schema(standing), "nothing is served until then"),
        Err(error) => findings.fail("schema", error, "check that the database is running"),
    }
}
