//! Connections as people describe them, checked before anything is kept or connected to.
//!
//! Every text is taken as it is: no driver reads hosts, options or paths out of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use access_control::UsableBy;
use cryptography::SecretBytes;
use databases::{Engine, Limits, check_authorities};
use ids::Name;
use outbound::{AddressPolicy, Host};
use secrets_vault::{GivenParts, GivenValue, Kind, SecretValue, SshPrivateKey};
use ssh_tunnel::{Hop, Route};

use crate::credentials::{HopKey, OpeningSecrets};
use crate::{ConnectionError, ConnectionKind, Definition, Destination, HopAddress, TlsMode};

/// The most SSH servers on a way.
const MOST_HOPS: usize = 4;
/// The longest name of a user or database, in characters.
const LONGEST_NAME: usize = 128;
/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 4096;
/// The shortest and longest reason for weaker TLS, in characters.
const REASON: std::ops::RangeInclusive<usize> = 10..=500;
/// The most bytes of authorities in PEM.
const MOST_AUTHORITIES: usize = 32 << 10;

/// A connection as somebody describes it. It cannot be printed: it has a password.
pub struct GivenConnection {
    /// Its name.
    pub name: String,
    /// Where the database is.
    pub destination: GivenDestination,
    /// The user's password; left out when the stored one stays.
    pub password: Option<SecretBytes>,
    /// Whether nothing may be written.
    pub read_only: bool,
    /// How much it gives.
    pub limits: Limits,
    /// Who may use it.
    pub usable_by: UsableBy,
}

/// Where a database is, as somebody describes it.
pub struct GivenDestination {
    /// Its kind.
    pub engine: Engine,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The name of the database.
    pub database: String,
    /// Who signs in.
    pub user: String,
    /// How the conversation is protected.
    pub tls: TlsMode,
    /// The SSH servers on the way.
    pub hops: Vec<GivenHop>,
}

/// An SSH server on the way, as somebody describes it.
pub struct GivenHop {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who signs in.
    pub user: String,
    /// The fingerprint of its host key.
    pub host_key: String,
    /// With which private key; left out when the stored one stays.
    pub private_key: Option<SecretBytes>,
    /// What decrypts the key.
    pub passphrase: Option<SecretBytes>,
}

/// What is wrong with a description. It holds nothing secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct DefinitionError {
    /// Where, in the words of the API.
    pub field: String,
    /// What.
    pub reason: String,
}

/// A description that was checked.
pub(crate) struct Checked {
    pub(crate) definition: Definition,
    pub(crate) secrets: GivenSecrets,
}

/// What was given of what opens a connection.
pub(crate) struct GivenSecrets {
    password: Option<SecretBytes>,
    keys: Vec<Option<HopKey>>,
}

impl GivenConnection {
    /// Checks all of it. Addresses that are written as such are judged; names are judged when they are connected to.
    pub(crate) async fn check(
        self,
        kind: ConnectionKind,
        addresses: &AddressPolicy,
    ) -> Result<Checked, ConnectionError> {
        let name = self.name.parse::<Name>().map_err(|error| wrong("name", error))?;
        let limits = self.limits.checked().map_err(|error| wrong("limits", error))?;
        let password = self.password.map(check_password).transpose()?;
        let (destination, keys) = self.destination.check(addresses).await?;
        let usable_by = match kind {
            ConnectionKind::External | ConnectionKind::Organization => self.usable_by,
            ConnectionKind::Internal { app } => UsableBy::Apps([app].into()),
        };
        let definition = Definition { kind, name, destination, read_only: self.read_only, limits, usable_by };
        Ok(Checked { definition, secrets: GivenSecrets { password, keys } })
    }
}

impl GivenDestination {
    async fn check(
        self,
        addresses: &AddressPolicy,
    ) -> Result<(Destination, Vec<Option<HopKey>>), ConnectionError> {
        if self.hops.len() > MOST_HOPS {
            return Err(wrong("hops", format!("a tunnel leads through {MOST_HOPS} SSH servers at most")));
        }
        let host = parse::<Host>("host", &self.host)?;
        let port = check_port("port", self.port)?;
        if self.hops.is_empty() {
            judge(&host, port, addresses)?;
        }
        let database = check_name("database", self.database)?;
        let user = check_name("user", self.user)?;
        let tls = check_tls(self.tls)?;
        let (hops, keys) = check_hops(self.hops, addresses).await?;
        Ok((Destination { engine: self.engine, host, port, database, user, tls, hops }, keys))
    }
}

/// Checks SSH servers one behind the other.
pub(crate) async fn check_hops(
    given: Vec<GivenHop>,
    addresses: &AddressPolicy,
) -> Result<(Vec<HopAddress>, Vec<Option<HopKey>>), ConnectionError> {
    let (mut hops, mut keys) = (Vec::new(), Vec::new());
    for (number, hop) in given.into_iter().enumerate() {
        let field = |name: &str| format!("hops[{number}].{name}");
        let host = parse::<Host>(&field("host"), &hop.host)?;
        let port = check_port(&field("port"), hop.port)?;
        if number == 0 {
            judge(&host, port, addresses)?;
        }
        hops.push(HopAddress {
            host,
            port,
            user: check_name(&field("user"), hop.user)?,
            host_key: parse(&field("hostKey"), &hop.host_key)?,
        });
        keys.push(match (hop.private_key, hop.passphrase) {
            (None, None) => None,
            (None, Some(_)) => {
                return Err(wrong(&field("privateKey"), "send the private key together with its passphrase"));
            }
            (Some(private_key), passphrase) => {
                Some(check_key(&field("privateKey"), private_key, passphrase).await?)
            }
        });
    }
    Ok((hops, keys))
}

impl GivenSecrets {
    /// Whether anything is left out.
    pub(crate) fn is_complete(&self) -> bool {
        self.password.is_some() && self.keys.iter().all(Option::is_some)
    }

    /// What was given, and for what was left out, the stored. The caller has seen that both are for the same place.
    pub(crate) fn or_stored(self, stored: OpeningSecrets) -> Option<OpeningSecrets> {
        if self.keys.len() != stored.keys.len() {
            return None;
        }
        let keys = self.keys.into_iter().zip(stored.keys).map(|(given, stored)| given.unwrap_or(stored));
        Some(OpeningSecrets { keys: keys.collect(), password: self.password.unwrap_or(stored.password) })
    }

    /// All of it.
    pub(crate) fn complete(self) -> Result<OpeningSecrets, ConnectionError> {
        let keys: Option<Vec<HopKey>> = self.keys.into_iter().collect();
        match (self.password, keys) {
            (Some(password), Some(keys)) => Ok(OpeningSecrets { password, keys }),
            _ => Err(ConnectionError::CredentialsNeeded),
        }
    }
}

/// The way through SSH servers whose keys were all given; none, if there are none.
pub(crate) fn route(
    hops: Vec<HopAddress>,
    keys: Vec<Option<HopKey>>,
) -> Result<Option<Route>, ConnectionError> {
    let hop = |(hop, key): (HopAddress, Option<HopKey>)| {
        let HopAddress { host, port, user, host_key } = hop;
        let HopKey { private_key, passphrase } = key?;
        Some(Hop { host, port, user, private_key, passphrase, host_key })
    };
    let hops: Option<Vec<Hop>> = hops.into_iter().zip(keys).map(hop).collect();
    let hops = hops.ok_or(ConnectionError::CredentialsNeeded)?;
    if hops.is_empty() {
        return Ok(None);
    }
    Route::new(hops).map(Some).map_err(|error| wrong("hops", error))
}

/// Whether an address may be connected to. A name that stands for this machine (RFC 6761) is judged as its address.
pub(crate) fn judge(host: &Host, port: u16, addresses: &AddressPolicy) -> Result<(), ConnectionError> {
    let address = match host {
        Host::Address(address) => *address,
        Host::Name(name) if name == "localhost" || name.ends_with(".localhost") => {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        }
        Host::Name(_) => return Ok(()),
    };
    addresses.permits_at(SocketAddr::new(address, port)).map_err(ConnectionError::Address)
}

/// A port that can be connected to.
pub(crate) fn check_port(field: &str, port: u16) -> Result<u16, ConnectionError> {
    if port == 0 { Err(wrong(field, "1 to 65535")) } else { Ok(port) }
}

/// A text as what it has to be.
pub(crate) fn parse<T>(field: &str, text: &str) -> Result<T, ConnectionError>
where
    T: FromStr,
    T::Err: ToString,
{
    text.parse().map_err(|error: T::Err| wrong(field, error))
}

fn check_name(field: &str, name: String) -> Result<String, ConnectionError> {
    let length = name.chars().count();
    if !(1..=LONGEST_NAME).contains(&length) || name.chars().any(char::is_control) {
        return Err(wrong(field, format!("1 to {LONGEST_NAME} characters without control characters")));
    }
    Ok(name)
}

fn check_password(password: SecretBytes) -> Result<SecretBytes, ConnectionError> {
    let bytes = password.reveal();
    if bytes.is_empty() || bytes.len() > LONGEST_PASSWORD {
        return Err(wrong("password", format!("1 to {LONGEST_PASSWORD} bytes")));
    }
    // Both protocols end it there.
    if bytes.contains(&0) {
        return Err(wrong("password", "it contains a NUL character"));
    }
    Ok(password)
}

fn check_tls(tls: TlsMode) -> Result<TlsMode, ConnectionError> {
    if let Some(authorities) = tls.authorities() {
        if authorities.len() > MOST_AUTHORITIES {
            return Err(wrong("tls.authorities", format!("at most {MOST_AUTHORITIES} bytes")));
        }
        check_authorities(authorities).map_err(|error| wrong("tls.authorities", error))?;
    }
    if let Some(reason) = tls.reason() {
        let is_plain = !reason.chars().any(char::is_control);
        if !is_plain || !REASON.contains(&reason.trim().chars().count()) {
            return Err(wrong(
                "tls.reason",
                "say in 10 to 500 characters why the certificate is not checked in full: the audit trail keeps it",
            ));
        }
    }
    Ok(tls)
}

async fn check_key(
    field: &str,
    private_key: SecretBytes,
    passphrase: Option<SecretBytes>,
) -> Result<HopKey, ConnectionError> {
    let parts = GivenParts { private_key: Some(private_key), passphrase, ..GivenParts::default() };
    let checked = SecretValue::check_in_turn(Kind::SshPrivateKey, GivenValue::Parts(Box::new(parts))).await;
    let checked = checked.map_err(|error| match error {
        secrets_vault::SecretError::Value(error) => wrong(field, error),
        error => ConnectionError::Interrupted(Box::new(error)),
    })?;
    let opened = SshPrivateKey::opened(checked.bytes()).ok_or_else(|| wrong(field, "it cannot be read"))?;
    Ok(HopKey { private_key: Arc::new(opened.private_key), passphrase: opened.passphrase.map(Arc::new) })
}

fn wrong(field: &str, reason: impl ToString) -> ConnectionError {
    ConnectionError::Definition(DefinitionError { field: field.to_owned(), reason: reason.to_string() })
}
