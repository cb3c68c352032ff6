//! `vybe doctor`: looks at an installation from its configuration to its keys, and says what to do.
//!
//! It changes nothing. What it says holds no secret, and no address with a password in it.

mod findings;
mod keys;

use std::path::{Path, PathBuf};

use development::Folder;
use endpoint::Certificates;
use sea_orm::DatabaseConnection;
use secrets_vault::MasterKeys;

use self::findings::Findings;
use crate::config::reveal;
use crate::config_path::ConfigPath;
use crate::output::print;
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
        Ok(_) => findings.ok("certificate", "and key belong together"),
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
    let url = match reveal("database.url", &config.database.url) {
        Ok(url) => url,
        Err(error) => return findings.fail("database", error, "set database.url"),
    };
    look_into(&url, master_keys::of(&config), findings).await;
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
            look_into(&demo::database(&folder), demo::configured_master_keys(&folder), findings).await;
        }
        Err(error) => findings.fail("folder", error, "give the folder to the user that `vybe dev` runs as"),
    }
}

/// The database, and then what is sealed in it.
async fn look_into(url: &str, masters: Result<MasterKeys, StartError>, findings: &mut Findings) {
    let database = if migrations::is_there(url) {
        match migrations::connect(url).await {
            Ok(database) => database,
            Err(error) => {
                findings.fail("database", error, "check database.url and that the server is running");
                return masters_alone(masters, findings);
            }
        }
    } else {
        findings.warn("database", "is not there yet", "the first start makes it");
        return masters_alone(masters, findings);
    };
    findings.ok("database", "answers");
    schema(&database, findings).await;
    match migrations::has_table(&database, secrets_vault::DATA_KEYS).await {
        Ok(true) => keys::look_at(&database, masters, findings).await,
        Ok(false) => masters_alone(masters, findings),
        Err(error) => findings.fail("database", error, "check that it is running"),
    }
}

/// Without a database there is nothing to try the keys on.
fn masters_alone(masters: Result<MasterKeys, StartError>, findings: &mut Findings) {
    match masters {
        Ok(_) => findings.ok("master key", "can be read; no database says whether it is the right one"),
        Err(error) => findings.fail("master key", error, "make it readable, or make one for a new database"),
    }
}

async fn schema(database: &DatabaseConnection, findings: &mut Findings) {
    match migrations::pending(database).await {
        Ok((0, 0)) => findings.ok("schema", "is current"),
        Ok((_, unknown)) if unknown > 0 => findings.fail(
            "schema",
            "is of a newer version than this program",
            "run the newer program, or restore a backup from before",
        ),
        Ok((missing, _)) => findings.warn(
            "schema",
            format!("is behind by {}", crate::output::counted(missing, "migration")),
            "the next start or `vybe migrate` brings it up to date",
        ),
        Err(error) => findings.fail("schema", error, "check that the database is running"),
    }
}
