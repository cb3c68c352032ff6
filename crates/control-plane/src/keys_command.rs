//! `vybe keys`: keys are replaced straight in the database, while servers run.

use std::time::Duration;

use audit::Journal;
use clap::{Args, Subcommand};
use identity::SigningKeys;
use ids::OrganizationId;
use secrets_vault::{
    Broken, Holder, KeyRotations, Keyring, MasterKeyInUse, Rotation, RotationLimits, RotationState, Store,
    Subject, Vault, VaultError,
};
use time::OffsetDateTime;

use crate::config::Config;
use crate::config_path::ConfigPath;
use crate::output::{counted, print};
use crate::server_secret_command::{self, ServerSecretArguments};
use crate::{StartError, master_keys, process_memory};

/// How often a rotation says how far it is, and looks whether another process has ended it.
const PACE: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(crate) enum KeysCommand {
    /// Replaces a key by a new one, and shows that nothing opens with the old one. Goes on where a rotation that was
    /// interrupted stopped.
    Rotate {
        #[command(subcommand)]
        what: What,
    },
    /// Says which master keys are needed, which rotations are under way or failed, and which keys are due.
    Status(ConfigPath),
}

#[derive(Subcommand)]
pub(crate) enum What {
    /// The key of an organization: everything it keeps is sealed again.
    Organization {
        /// Which organization.
        #[arg(value_name = "ID")]
        id: OrganizationId,
        #[command(flatten)]
        how: How,
    },
    /// The keys of all organizations, one after the other.
    EveryOrganization(How),
    /// The key of what belongs to the platform itself.
    Platform(How),
    /// The key that signs user tokens: the next one signs in ten minutes.
    UserTokenSigning(ConfigPath),
    /// The server secrets of all apps of an organization, by a running platform and as a person who may.
    ServerSecrets(ServerSecretArguments),
    /// The master key: every data key is wrapped with the one that the configuration names first.
    #[command(
        after_help = "With one server: make the new key secrets.master_key and the old one secrets.former_master_keys, \
        restart, run this.\nWith several servers: first add the new key to secrets.former_master_keys of each, so that all \
        can unwrap with it; then change places and restart one after the other; then run this.\nWhen it has finished, take \
        the old key out of secrets.former_master_keys."
    )]
    Master(How),
}

#[derive(Args)]
pub(crate) struct How {
    #[command(flatten)]
    config: ConfigPath,
    /// Says every second how far it is and how long it will take.
    #[arg(long)]
    progress: bool,
}

pub(crate) async fn run(command: KeysCommand) -> Result<(), StartError> {
    process_memory::keep_private()?;
    match command {
        KeysCommand::Rotate { what: What::Organization { id, how } } => {
            let rotations = open(&how.config).await?;
            let holder = Holder::Organization(id);
            if !rotations.holders().await.map_err(failed)?.contains(&holder) {
                return Err(StartError::KeyRotation(format!(
                    "{id} has no key: nothing was ever sealed for it"
                )));
            }
            rotate(&rotations, Subject::KeyOf(holder), how.progress).await
        }
        KeysCommand::Rotate { what: What::EveryOrganization(how) } => {
            let rotations = open(&how.config).await?;
            let mut holders = rotations.holders().await.map_err(failed)?;
            holders.retain(|holder| *holder != Holder::Platform);
            for holder in &holders {
                rotate(&rotations, Subject::KeyOf(*holder), how.progress).await?;
            }
            print(&format!("done: {}", counted(holders.len(), "organization")))
        }
        KeysCommand::Rotate { what: What::Platform(how) } => {
            rotate(&open(&how.config).await?, Subject::KeyOf(Holder::Platform), how.progress).await
        }
        KeysCommand::Rotate { what: What::Master(how) } => {
            rotate(&open(&how.config).await?, Subject::MasterKey, how.progress).await
        }
        KeysCommand::Rotate { what: What::ServerSecrets(arguments) } => {
            server_secret_command::run(arguments).await
        }
        KeysCommand::Rotate { what: What::UserTokenSigning(path) } => sign_with_another(&path).await,
        KeysCommand::Status(path) => status(&path).await,
    }
}

async fn vault(config: &Config) -> Result<(Vault, Journal), StartError> {
    let database = master_keys::known_database(config).await?;
    let masters = master_keys::check(master_keys::of(config), &database).await?;
    let journal = Journal::new(database);
    Ok((Vault::new(Store::new(journal.clone()), Keyring::new(masters)), journal))
}

async fn open(path: &ConfigPath) -> Result<KeyRotations, StartError> {
    Ok(KeyRotations::new(vault(&path.load()?).await?.0, RotationLimits::default()))
}

async fn sign_with_another(path: &ConfigPath) -> Result<(), StartError> {
    let (vault, journal) = vault(&path.load()?).await?;
    let now = OffsetDateTime::now_utc();
    let store = identity::Store::new(journal.database().clone());
    let keys = SigningKeys::open(store, journal, vault, now).await.map_err(StartError::identity)?;
    match keys.rotate(now).await.map_err(StartError::identity)? {
        Some(key) => print(&format!("{key} is published now and signs in ten minutes")),
        None => print("another process has made a new key just now; it signs in ten minutes"),
    }
}

/// Begins a rotation, or goes on with the one that is under way, and stays until it has ended.
async fn rotate(rotations: &KeyRotations, subject: Subject, progress: bool) -> Result<(), StartError> {
    let rotation = match rotations.under_way(subject).await.map_err(failed)? {
        Some(rotation) => {
            print(&format!("{subject}: going on with {}", rotation.id))?;
            rotation
        }
        None => rotations.begin(subject, OffsetDateTime::now_utc()).await.map_err(failed)?,
    };
    loop {
        let (working, id) = (rotations.clone(), rotation.id);
        let mut work = tokio::spawn(async move { working.work(id).await });
        let worked = loop {
            match tokio::time::timeout(PACE, &mut work).await {
                Ok(worked) => break worked.map_err(|error| StartError::KeyRotation(error.to_string()))?,
                Err(_) if progress => print(&how_far(&rotations.look_at(id).await.map_err(failed)?))?,
                Err(_) => {}
            }
        };
        let now = match worked {
            Ok(Some(ended)) => ended,
            // Another process works on it, or did when it was killed: its turn ends in a few seconds.
            Ok(None) | Err(VaultError::TurnLost) => rotations.look_at(id).await.map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        if now.state != RotationState::Running {
            return ended(&now);
        }
        if progress {
            print(&how_far(&now))?;
        }
        tokio::time::sleep(PACE).await;
    }
}

fn how_far(rotation: &Rotation) -> String {
    let left = match rotation.remaining(OffsetDateTime::now_utc()) {
        Some(left) => format!("about {} s left", left.whole_seconds()),
        None => "no estimate yet".to_owned(),
    };
    format!("{}: {} of {}, {left}", rotation.subject, rotation.done, rotation.total)
}

fn ended(rotation: &Rotation) -> Result<(), StartError> {
    let (subject, successor) = (rotation.subject, &rotation.successor);
    match &rotation.state {
        RotationState::Finished(proof) => {
            let what = if subject == Subject::MasterKey { "data keys unwrap" } else { "values open" };
            print(&format!(
                "{subject}: rotated; {} {what} with {successor}; former keys were tried {} times and opened {}; {} left \
                 with a former key",
                proof.opened, proof.tried_with_former, proof.opened_with_former, proof.left_with_former
            ))?;
            for former in &proof.former {
                print(&match subject {
                    Subject::MasterKey => {
                        format!(
                            "{former} wraps nothing any more: take it out of the configuration, and keep it with the backups"
                        )
                    }
                    Subject::KeyOf(_) => format!("{former} is destroyed"),
                })?;
            }
            Ok(())
        }
        RotationState::Failed(broken) => Err(StartError::KeyRotation(what_is_broken(rotation, broken))),
        RotationState::Running => Err(StartError::KeyRotation("it is under way".to_owned())),
    }
}

async fn status(path: &ConfigPath) -> Result<(), StartError> {
    let config = path.load()?;
    let (vault, journal) = vault(&config).await?;
    let limits = RotationLimits::default();
    let rotations = KeyRotations::new(vault.clone(), limits);
    let current = rotations.current_master().await.map_err(failed)?;
    for MasterKeyInUse { name, data_keys } in
        Store::new(journal).master_keys_in_use().await.map_err(failed)?
    {
        let word = if name == current { "the current master key" } else { "a former master key" };
        let data_keys = counted(usize::try_from(data_keys).unwrap_or(0), "data key");
        print(&format!("{name}, {word}, wraps {data_keys}"))?;
    }
    for rotation in vault.unfinished_rotations().await.map_err(failed)? {
        print(&match &rotation.state {
            RotationState::Failed(broken) => format!("failed: {}", what_is_broken(&rotation, broken)),
            _ => format!("under way since {}: {}", rotation.started_at, how_far(&rotation)),
        })?;
    }
    let age = time::Duration::try_from(config.secrets.rotate_organization_keys.duration()).ok();
    let oldest = age.and_then(|age| OffsetDateTime::now_utc().checked_sub(age));
    let mut most = None;
    for holder in rotations.holders().await.map_err(failed)? {
        let Some(key) = rotations.key_of(holder).await.map_err(failed)? else { continue };
        let is_due = key.seals >= limits.seals || oldest.is_some_and(|oldest| key.created_at < oldest);
        if is_due || !key.former.is_empty() {
            print(&format!(
                "{holder}: {} of {} has sealed {} times of {}{}; {} and {} sealed with them are left",
                key.id,
                key.created_at.date(),
                key.seals,
                key.most_seals,
                if is_due { " and is due" } else { "" },
                counted(key.former.len(), "former key"),
                counted(usize::try_from(key.values_under_former).unwrap_or(usize::MAX), "value"),
            ))?;
        }
        most = most.max(Some((key.seals, holder, key.most_seals)));
    }
    match most {
        Some((seals, holder, bound)) => {
            print(&format!("most used: the key of {holder} has sealed {seals} times of {bound}"))
        }
        None => print("nothing was ever sealed"),
    }
}

fn what_is_broken(rotation: &Rotation, broken: &Broken) -> String {
    format!(
        "{}: {} open with no key, nothing was destroyed: {}",
        rotation.subject,
        broken.number,
        broken.first.join(", ")
    )
}

fn failed(error: VaultError) -> StartError {
    StartError::vault(&error)
}
