//! The configuration: a TOML file, and the only place that reads environment variables.
//!
//! An unknown key is an error, every key has one meaning, and what could be found wrong before anything
//! listens is found here. `deploy/vybe.example.toml` explains every key, in the words of the types here.

mod period;
pub mod reference;
mod secret;
mod sections;

use std::fs;
use std::path::{Path, PathBuf};

use ids::DomainName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use period::{Period, PeriodError};
pub use secret::Secret;
pub(crate) use secret::api_token;
pub use sections::*;

/// Where the configuration is when neither `--config` nor `VYBE_CONFIG` says so.
pub const DEFAULT_PATH: &str = "vybe.toml";

/// Everything an operator can set.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The names under which the platform is reached.
    pub platform: PlatformSection,
    /// What it listens on.
    pub listen: ListenSection,
    /// The TLS certificate.
    pub certificate: CertificateSection,
    /// The store.
    pub database: DatabaseSection,
    /// The keys that wrap every other key.
    #[serde(default)]
    pub secrets: SecretsSection,
    /// How people sign in. At least one provider is needed for anybody to: `[sign_in.google]` or
    /// `[sign_in.provider.<name>]`.
    #[serde(default)]
    pub sign_in: SignInSection,
    /// How long sessions last.
    #[serde(default)]
    pub sessions: SessionsSection,
    /// The signed tokens that tell apps who is asking.
    #[serde(default)]
    pub user_tokens: UserTokensSection,
    /// Organizations.
    #[serde(default)]
    pub organizations: OrganizationsSection,
    /// The mail server that invitations are handed to. Without it, whoever invites passes the link on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailSection>,
    /// Each decision about a request for an app has an identifier, and is kept so that it can be opened and evaluated
    /// again: who asked for which path, what was known of the person, which policy. No query strings.
    #[serde(default)]
    pub decisions: DecisionsSection,
    /// The audit trail.
    #[serde(default)]
    pub audit: AuditSection,
    /// The apps' own servers.
    #[serde(default)]
    pub upstreams: UpstreamsSection,
    /// Connections to customers' databases.
    #[serde(default)]
    pub database_connections: DatabaseConnectionsSection,
    /// Services that accounts are connected at.
    #[serde(default)]
    pub services: ServicesSection,
    /// Whom to tell of a weakness: https://<host>/.well-known/security.txt (RFC 9116). Without it there is no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_txt: Option<SecurityTxtSection>,
    /// Sizes, numbers and patience.
    #[serde(default)]
    pub server: ServerSection,
    /// How often clients may come, and how much there may be at once.
    #[serde(default)]
    pub limits: LimitsSection,
    /// Traces of requests (OpenTelemetry). Without it, none are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<TelemetrySection>,
    /// The log, on standard error.
    #[serde(default)]
    pub log: LogSection,
}

/// What is wrong with the configuration, in one line that says where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there, or may not be read.
    #[error(
        "cannot read the configuration {}: {source}; name it with --config or VYBE_CONFIG",
        path.display()
    )]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line that is not TOML, or a key that does not exist or has the wrong kind of value.
    #[error("{}, line {line}: {message}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A value that cannot be used.
    #[error("configuration key `{key}`: {message}")]
    Key {
        /// Which key.
        key: String,
        /// What is wrong, and what to write instead.
        message: String,
    },
}

impl ConfigError {
    /// A value that cannot be used.
    pub(crate) fn key(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Key { key: key.into(), message: message.into() }
    }
}

impl Config {
    /// Reads and checks a configuration file: the one given, or else the one that `VYBE_CONFIG` names,
    /// or else `vybe.toml`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let path = match path {
            Some(path) => path.to_owned(),
            None => std::env::var_os("VYBE_CONFIG").map_or_else(|| DEFAULT_PATH.into(), PathBuf::from),
        };
        let text = fs::read_to_string(&path)
            .map_err(|source| ConfigError::Unreadable { path: path.clone(), source })?;
        let config = Self::parse(&text, &path)?;
        config.check()?;
        Ok(config)
    }

    /// Reads a configuration's text without looking at anything it names.
    ///
    /// # Errors
    /// The line and key that cannot be read.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let parsed = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes().iter().take(start).filter(|byte| **byte == b'\n').count() + 1;
            let message = error.message().lines().collect::<Vec<_>>().join("; ");
            ConfigError::Line { path: path.to_owned(), line, message }
        });
        parsed.map(|mut config: Self| {
            config.secrets.fill();
            config
        })
    }

    /// The configuration as TOML, without secrets.
    ///
    /// # Errors
    /// A path in it is not UTF-8.
    pub fn redacted(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|error| ConfigError::key("(all)", error.to_string()))
    }

    /// Checks what can be checked without connecting to anything.
    fn check(&self) -> Result<(), ConfigError> {
        host("platform.host", &self.platform.host)?;
        host("platform.base_domain", &self.platform.base_domain)?;
        if let Some(label) = self
            .platform
            .host
            .strip_suffix(&self.platform.base_domain)
            .and_then(|label| label.strip_suffix('.'))
            && label.contains('-')
            && !label.contains('.')
        {
            return Err(ConfigError::key(
                "platform.host",
                format!(
                    "{} could be the host of an app, <app>-<organization>.{}; choose a name without a hyphen",
                    self.platform.host, self.platform.base_domain
                ),
            ));
        }
        if self.sessions.absolute < self.sessions.idle {
            return Err(ConfigError::key("sessions.absolute", "must not be shorter than sessions.idle"));
        }
        if self.user_tokens.reuse > Period::seconds(300) {
            return Err(ConfigError::key(
                "user_tokens.reuse",
                "at most 300s: a token lives 780 s from when it was made, and an app needs time to use it",
            ));
        }
        if self.user_tokens.rotate < Period::seconds(3600) {
            return Err(ConfigError::key(
                "user_tokens.rotate",
                "at least 1h: a new key signs ten minutes after it is published, and the old one is \
                 published until its last token has expired",
            ));
        }
        if self.secrets.transit.is_some() && self.secrets.master_key.is_some() {
            return Err(ConfigError::key(
                "secrets.master_key",
                "the key in secrets.transit wraps instead; move this one to secrets.former_master_keys until \
                 `vybe keys rotate master` has ended, then remove it",
            ));
        }
        if self.secrets.rotate_organization_keys < Period::days(1) {
            return Err(ConfigError::key(
                "secrets.rotate_organization_keys",
                "at least 1d: everything that an organization keeps is sealed again",
            ));
        }
        if self.audit.heads_every < Period::seconds(1) {
            return Err(ConfigError::key("audit.heads_every", "at least 1s"));
        }
        if let Some(section) = &self.security_txt {
            section.check()?;
        }
        for id in self.sign_in.provider.keys() {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if id == "google" || id.is_empty() || !id.bytes().all(plain) {
                return Err(ConfigError::key(
                    format!("sign_in.provider.{id}"),
                    "name it with lower-case letters, digits and hyphens; google is [sign_in.google]",
                ));
            }
        }
        Ok(())
    }
}

/// A secret's value.
///
/// # Errors
/// The variable is not set or the file cannot be read; the message names it, never its content.
pub fn reveal(key: &str, secret: &Secret) -> Result<Zeroizing<String>, ConfigError> {
    let text = match secret {
        Secret::Inline(text) => text.clone(),
        Secret::Env(name) => Zeroizing::new(std::env::var(name).map_err(|_| {
            ConfigError::key(key, format!("the environment variable {name} is not set, or not UTF-8"))
        })?),
        Secret::File(path) => read(key, path)?,
        Secret::Credential(name) => {
            let path = secret::credential_file(name).map_err(|reason| ConfigError::key(key, reason))?;
            read(key, &path)?
        }
    };
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(ConfigError::key(key, format!("{secret:?} is empty")));
    }
    Ok(Zeroizing::new(trimmed.to_owned()))
}

/// What the sockets are called that the service manager hands over, in their order (sd_listen_fds(3)).
pub(crate) fn socket_names() -> Vec<String> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    if names.is_empty() { Vec::new() } else { names.split(':').map(str::to_owned).collect() }
}

/// Where the service manager listens for news (sd_notify(3)).
pub(crate) fn notify_socket() -> Option<std::ffi::OsString> {
    std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty())
}

/// How often this process has to give a sign of life, if so (sd_watchdog_enabled(3)).
pub(crate) fn watchdog() -> Option<std::time::Duration> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let is_ours = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
    number("WATCHDOG_USEC")
        .filter(|microseconds| is_ours && *microseconds > 0)
        .map(std::time::Duration::from_micros)
}

fn read(key: &str, path: &Path) -> Result<Zeroizing<String>, ConfigError> {
    let text = fs::read_to_string(path);
    text.map(Zeroizing::new)
        .map_err(|error| ConfigError::key(key, format!("cannot read the file {}: {error}", path.display())))
}

fn host(key: &str, host: &str) -> Result<(), ConfigError> {
    let is_name = host.parse::<DomainName>().is_ok_and(|name| name.as_str() == host);
    if !is_name || host.parse::<std::net::IpAddr>().is_ok() {
        return Err(ConfigError::key(
            key,
            format!("{host:?} is not a DNS name in lower case without scheme, port and final dot"),
        ));
    }
    Ok(())
}
