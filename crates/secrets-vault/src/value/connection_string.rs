//! Addresses of databases, with their credentials.
//!
//! Only what names one server over the network is taken: drivers give some parameters and spellings a meaning
//! of their own (another host, a socket, a file of this machine), and none of those gets so far.

use std::collections::BTreeSet;

use cryptography::SecretBytes;
use percent_encoding::percent_decode_str;
use url::Url;

use super::ValueError;

/// Parameters that change nothing but how the connection is made and named.
const PARAMETERS: &[&str] = &[
    "application_name",
    "channel_binding",
    "charset",
    "connect_timeout",
    "connection_limit",
    "pgbouncer",
    "pool_timeout",
    "schema",
    "ssl",
    "ssl-mode",
    "sslaccept",
    "sslmode",
    "timezone",
];

/// Which product a connection string leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseProduct {
    /// `postgres://` and `postgresql://`.
    Postgresql,
    /// `mysql://`.
    Mysql,
    /// `redshift://`.
    Redshift,
}

/// The parts of a connection string, decoded.
pub struct ConnectionString {
    /// The product.
    pub product: DatabaseProduct,
    /// One host: a name, an IPv4 address, or an IPv6 address without its brackets.
    pub host: String,
    /// The port, if it does not have the product's usual one.
    pub port: Option<u16>,
    /// The user's name; empty, if there is none.
    pub user: SecretBytes,
    /// The password; empty, if there is none.
    pub password: SecretBytes,
    /// The database's name; empty, if there is none.
    pub database: String,
    /// The parameters, none twice.
    pub parameters: Vec<(String, String)>,
}

/// Checks what was sent.
pub fn check(text: SecretBytes) -> Result<SecretBytes, ValueError> {
    read(&text)?;
    Ok(text)
}

impl ConnectionString {
    /// What was sealed.
    #[must_use]
    pub fn opened(value: &SecretBytes) -> Option<Self> {
        read(value).ok()
    }
}

fn read(value: &SecretBytes) -> Result<ConnectionString, ValueError> {
    let text = value.reveal_text().ok_or(ValueError::Refused("it is not UTF-8"))?;
    // What the parser would leave out silently.
    if text.chars().any(|character| character.is_control() || character.is_whitespace() || character == '\\')
    {
        return Err(ValueError::Refused(
            "it contains a space, a backslash or a control character: write it percent-encoded",
        ));
    }
    let (scheme, rest) = text.split_once("://").ok_or(ValueError::Refused("it is no URL with ://"))?;
    let product = match scheme {
        "postgres" | "postgresql" => DatabaseProduct::Postgresql,
        "mysql" => DatabaseProduct::Mysql,
        "redshift" => DatabaseProduct::Redshift,
        _ => {
            return Err(ValueError::Refused(
                "it begins with none of postgres://, postgresql://, mysql:// and redshift://",
            ));
        }
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.matches('@').count() > 1 {
        return Err(ValueError::Refused("write @ in a user name or password as %40"));
    }
    let url = Url::parse(text).map_err(|error| ValueError::Refused(reason(error)))?;
    if url.fragment().is_some() {
        return Err(ValueError::Refused("it has a fragment: write # in a password as %23"));
    }
    if url.port() == Some(0) {
        return Err(ValueError::Refused("port 0 is no port"));
    }
    Ok(ConnectionString {
        product,
        host: host(&url)?,
        port: url.port(),
        user: SecretBytes::copy_of(decoded(url.username())?.as_bytes()),
        password: SecretBytes::copy_of(decoded(url.password().unwrap_or_default())?.as_bytes()),
        database: database(&url)?,
        parameters: parameters(&url)?,
    })
}

/// One host, by name or address. Not a list of them, and no path of a socket.
fn host(url: &Url) -> Result<String, ValueError> {
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err(ValueError::Refused("it names no host"));
    }
    if let Some(url::Host::Ipv6(address)) = url.host() {
        return Ok(address.to_string());
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if host.len() > 253 || !host.bytes().all(fits) {
        return Err(ValueError::Refused("it has to name exactly one host, by name or address"));
    }
    Ok(host.to_ascii_lowercase())
}

fn database(url: &Url) -> Result<String, ValueError> {
    let path = url.path().strip_prefix('/').unwrap_or_default();
    if path.contains('/') {
        return Err(ValueError::Refused("the database's name contains a slash: write it as %2F"));
    }
    decoded(path)
}

fn parameters(url: &Url) -> Result<Vec<(String, String)>, ValueError> {
    let mut seen = BTreeSet::new();
    let mut parameters = Vec::new();
    for (name, value) in url.query_pairs() {
        let name = name.into_owned();
        if !PARAMETERS.contains(&name.as_str()) {
            return Err(ValueError::Refused(
                "it has a parameter that is not accepted; accepted are application_name, channel_binding, charset, \
                 connect_timeout, connection_limit, pgbouncer, pool_timeout, schema, ssl, ssl-mode, sslaccept, sslmode \
                 and timezone",
            ));
        }
        if !seen.insert(name.clone()) {
            return Err(ValueError::Refused("a parameter comes twice"));
        }
        if value.chars().any(char::is_control) {
            return Err(ValueError::Refused("a parameter contains a control character"));
        }
        parameters.push((name, value.into_owned()));
    }
    Ok(parameters)
}

fn decoded(text: &str) -> Result<String, ValueError> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| ValueError::Refused("something percent-encoded in it is not UTF-8"))?;
    if decoded.contains('\0') {
        return Err(ValueError::Nul);
    }
    Ok(decoded.into_owned())
}

fn reason(error: url::ParseError) -> &'static str {
    match error {
        url::ParseError::EmptyHost => "it names no host",
        url::ParseError::InvalidPort => {
            "its port is not a number from 1 to 65535; write : and / in a password as %3A and %2F"
        }
        url::ParseError::InvalidIpv6Address | url::ParseError::InvalidIpv4Address => "its host is no address",
        _ => "it is no URL; write special characters of a password percent-encoded",
    }
}
