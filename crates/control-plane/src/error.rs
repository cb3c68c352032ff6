//! Why the platform does not start, or stops.

use std::net::SocketAddr;

use migrations::Standing;

use crate::config::ConfigError;
use crate::output::counted;

/// One line for the operator, saying what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error("{0}; check database.url and that the server is running")]
    Database(#[from] migrations::ConnectError),
    /// The store's schema cannot be brought up to date.
    #[error("the database cannot be migrated: {0}; nothing was started")]
    Migration(String),
    /// The store's schema is not the one that this release makes, for whoever asked.
    #[error("{}", schema(.0))]
    Schema(Standing),
    /// A backup that is not written or not restored.
    #[error("{}: {reason}", path.display())]
    Backup {
        /// Which file.
        path: std::path::PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The certificate.
    #[error("{0}; check certificate.chain and certificate.key")]
    Certificate(#[from] endpoint::CertificateError),
    /// A folder of `vybe dev` that was made for another address.
    #[error(
        "the data in {} was made for port {known}; use --port {known}, or another folder with --data",
        folder.display()
    )]
    OtherPort {
        /// Which folder.
        folder: std::path::PathBuf,
        /// The port it was made for.
        known: u16,
    },
    /// The store stopped answering while the platform was being put together.
    #[error(
        "the database does not answer: {0}; check that it is running and was set up (`vybe migrate`), and try again"
    )]
    Store(String),
    /// The master key.
    #[error("configuration key `secrets.master_key`: {0}")]
    MasterKey(String),
    /// No key stands where a master key is configured.
    #[error(transparent)]
    NoMasterKey(ConfigError),
    /// The database needs a master key that is not configured.
    #[error(
        "configuration key `secrets.master_key`: {0}; restore it, here or in secrets.former_master_keys, since another one \
         opens nothing of what is there"
    )]
    OtherMasterKey(String),
    /// The service that keeps a master key.
    #[error("configuration key {key}: {reason}")]
    KeyService {
        /// Which one it can be.
        key: &'static str,
        /// What it does not do.
        reason: String,
    },
    /// A command beside a platform, and no platform.
    #[error("nothing was ever started with this database; check database.url, or start the platform first")]
    NeverStarted,
    /// The database of a folder of `vybe dev`.
    #[error("{0}; use another folder with --data, or move the database away to begin with an empty one")]
    FolderDatabase(migrations::ConnectError),
    /// The master key of a folder of `vybe dev`.
    #[error("the master key {}: {reason}", path.display())]
    MasterKeyFile {
        /// Its file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The master key cannot be read, and the database needs one.
    #[error("{error}; the database needs the master key {needed}: {advice}")]
    MasterKeyMissing {
        /// Why it cannot be read.
        error: Box<Self>,
        /// The identifiers of the keys that wrapped what is there.
        needed: String,
        /// What to do here.
        advice: &'static str,
    },
    /// The master key cannot be read, and the database needs none yet.
    #[error("{error}; {advice}")]
    MasterKeyUnneeded {
        /// Why it cannot be read.
        error: Box<Self>,
        /// How another one is made.
        advice: &'static str,
    },
    /// What the database holds sealed does not open with the key that it names.
    #[error("the database: {0}; restore it from a backup")]
    Sealed(String),
    /// A port that cannot be listened on.
    #[error("cannot listen on {address}: {source}; stop whatever listens there, or choose another address")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A socket that the service manager handed over cannot be used.
    #[error("socket activation: {0}; see deploy/systemd/vybe.socket")]
    HandedOver(String),
    /// A server does not say that it is well.
    #[error("{0}")]
    Unwell(String),
    /// The server itself.
    #[error("{0}")]
    Server(String),
    /// The audit trail or the file of its heads.
    #[error("the audit trail: {0}")]
    Audit(String),
    /// An export that is not what the platform wrote.
    #[error("the export does not verify: {}", counted(*.0, "finding"))]
    Findings(usize),
    /// A file that is no receipt of the platform.
    #[error("{}: {reason}", path.display())]
    NoReceipt {
        /// Which.
        path: std::path::PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A file that is no export at all.
    #[error("{}: {reason}", path.display())]
    NoExport {
        /// Which.
        path: std::path::PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Something only `vybe dev` needs.
    #[error(transparent)]
    Development(#[from] development::DevelopmentError),
    /// Standard output is closed.
    #[error("cannot write to standard output: {0}")]
    Output(std::io::Error),
    /// The runtime.
    #[error("the system gives no threads: {0}")]
    Runtime(std::io::Error),
    /// Core dumps cannot be turned off.
    #[error("core dumps cannot be turned off: {0}; set server.core_dumps = true to start with them")]
    Memory(std::io::Error),
    /// A file that a command reads.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that a command writes.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A command line that cannot be understood.
    #[error(transparent)]
    Usage(Box<clap::Error>),
    /// A proof that could not be finished.
    #[error(transparent)]
    Proof(#[from] proof::ProofError),
    /// A proof that found something.
    #[error("{}", counted(*.0, "difference"))]
    Differences(usize),
    /// A read-only connection without some of its locks.
    #[error("not seen to hold: {0}")]
    Locks(String),
    /// Accounts that a service did not revoke.
    #[error("the service did not revoke {}; the report says which", counted(*.0, "account"))]
    NotRevoked(usize),
    /// A document or an entry of the catalogue.
    #[error("{0}")]
    Catalogue(String),
    /// An installation that has to be repaired.
    #[error("{} to repair", counted(*.0, "thing"))]
    Failures(usize),
    /// A platform that does not answer, or refuses.
    #[error("{0}")]
    Remote(String),
    /// A policy file that is none, or does not fit the organization.
    #[error("{}: {error}", path.display())]
    PolicyFile {
        /// Which.
        path: std::path::PathBuf,
        /// What is wrong with it.
        error: policy::PolicyFileError,
    },
    /// A key that was not rotated.
    #[error("the key was not rotated: {0}")]
    KeyRotation(String),
    /// A policy that is not what its file says.
    #[error("the policy and the file differ in {}", counted(*.0, "place"))]
    Drift(usize),
}

impl StartError {
    /// What the process ends with: 2 and above say that the question was answered, and the answer is a difference.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Drift(_) | Self::Schema(Standing::Behind(_)) => 2,
            Self::Schema(Standing::Newer(_)) => 3,
            Self::Schema(Standing::TooNew { .. } | Standing::Apart { .. }) => 4,
            _ => 1,
        }
    }

    /// The store failed while starting.
    pub(crate) fn store(error: impl std::fmt::Display) -> Self {
        Self::Store(error.to_string())
    }

    /// The audit trail, with what the system said of the heads file.
    pub(crate) fn audit(error: &audit::AuditError) -> Self {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        Self::Audit(format!("{error}{}", cause.unwrap_or_default()))
    }

    /// The vault failed while starting: its keys do not unwrap, or the store failed.
    pub(crate) fn vault(error: &secrets_vault::VaultError) -> Self {
        use secrets_vault::VaultError;
        match error {
            VaultError::Store(_) | VaultError::Audit(_) => Self::store(error),
            VaultError::MasterKeyUnknown { needed, known, replaced } => {
                let older = if replaced.is_empty() {
                    String::new()
                } else {
                    format!(" ({replaced} was replaced and opens nothing any more)")
                };
                Self::OtherMasterKey(format!(
                    "the database needs the master key {needed}, but known are only {known}{older}"
                ))
            }
            VaultError::MasterKeyWrong(_) => Self::Sealed(format!(
                "{error}: they were changed outside of the platform, or the key service has another key under this name"
            )),
            VaultError::KeyTampered(_)
            | VaultError::Tampered(_)
            | VaultError::Unreadable(_)
            | VaultError::RootKeyGone => Self::Sealed(error.to_string()),
            VaultError::Provider(cause) => Self::KeyService {
                key: "`secrets.transit` or `secrets.former_transit`",
                reason: cause.to_string(),
            },
            VaultError::NotFound => Self::KeyRotation("it is gone, with its organization".to_owned()),
            VaultError::RotationUnderWay
            | VaultError::RotatedJustNow
            | VaultError::TurnLost
            | VaultError::KeyReplaced
            | VaultError::KeyExhausted(_) => Self::KeyRotation(error.to_string()),
            VaultError::Randomness(_) => Self::Server(error.to_string()),
        }
    }

    /// The master key cannot be read, and these are needed; perhaps none.
    pub(crate) fn needing(self, needed: &[secrets_vault::MasterKeyInUse]) -> Self {
        let advice = match self {
            Self::NoMasterKey(_) => "for a new database, make one with: openssl rand -base64 32",
            Self::MasterKeyFile { .. } => "remove the file: the next start makes another one",
            other => return other,
        };
        if needed.is_empty() {
            return Self::MasterKeyUnneeded { error: Box::new(self), advice };
        }
        let names: Vec<_> = needed.iter().map(|key| key.name.as_str()).collect();
        let is_former = matches!(&self, Self::NoMasterKey(ConfigError::Key { key, .. }) if key.starts_with("secrets.former"));
        let advice = if is_former {
            "if one of them belongs here, restore it, else remove this entry"
        } else {
            "restore it there, since another one opens nothing of what is there"
        };
        Self::MasterKeyMissing { error: Box::new(self), needed: names.join(", "), advice }
    }

    /// The same of the master key in a folder of `vybe dev`, which has no configuration.
    pub(crate) fn of_key_file(self, path: std::path::PathBuf) -> Self {
        match self {
            Self::MasterKey(reason) => Self::MasterKeyFile { path, reason },
            Self::OtherMasterKey(reason) => Self::MasterKeyFile {
                path,
                reason: format!(
                    "{reason}; restore it there, since another one opens nothing of what is there"
                ),
            },
            other => other,
        }
    }

    /// Identity failed while starting: its keys do not open, or the store failed.
    pub(crate) fn identity(error: identity::IdentityError) -> Self {
        match error {
            identity::IdentityError::Vault(error) => Self::vault(&error),
            error => Self::store(error),
        }
    }
}

/// How the schema stands, and what to do.
fn schema(standing: &Standing) -> String {
    match standing {
        Standing::Current => "the database is up to date".to_owned(),
        Standing::Behind(missing) => format!(
            "pending: {}; `vybe migrate` applies {}, and so does the next start",
            missing.join(", "),
            if missing.len() == 1 { "it" } else { "them" }
        ),
        Standing::Newer(unknown) => format!(
            "the schema is of a newer release ({}), which permits this one to run beside it; go on with the upgrade",
            unknown.join(", ")
        ),
        Standing::TooNew { unknown, oldest_release } => {
            let needed = oldest_release.map_or_else(
                || "the release that it is of".to_owned(),
                |oldest| format!("release {oldest} or newer"),
            );
            format!(
                "the schema is of a newer release ({}); run {needed}, or restore a backup from before",
                unknown.join(", ")
            )
        }
        Standing::Apart { unknown, missing } => format!(
            "the schema is of another line of releases: it has {}, which this release does not know, and not {}; check \
             database.url, or run the release that it is of",
            unknown.join(", "),
            missing.join(", ")
        ),
    }
}
