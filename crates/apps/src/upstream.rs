//! Where an app runs: scheme, host and port, and nothing else.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// The origin that requests for an app are forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamUrl {
    url: Url,
}

/// Why a text is no upstream URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamUrlError {
    /// Not a URL with one reading.
    #[error("not a URL: write https://host or https://host:port")]
    Malformed,
    /// Neither http nor https.
    #[error("the scheme must be http or https")]
    Scheme,
    /// A user name or password.
    #[error("a user name or password does not belong in an upstream URL")]
    UserInformation,
    /// A path, query or fragment.
    #[error("an upstream URL ends after the host and port: requests bring their own path")]
    Path,
    /// A host name that no resolver should be asked about.
    #[error("the host is not a host name or IP address")]
    Host,
    /// Port 0.
    #[error("the port must be 1 to 65535")]
    Port,
}

/// The longest text that is read.
const LONGEST: usize = 512;

impl UpstreamUrl {
    /// The scheme: `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.url.scheme()
    }

    /// Whether the connection to the app is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme() == "https"
    }

    /// The host: a name in lower case, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    /// The address, if the host is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// The host, to be connected to.
    #[must_use]
    pub fn target(&self) -> outbound::Host {
        match self.address() {
            Some(address) => outbound::Host::Address(address),
            None => outbound::Host::Name(self.host().to_owned()),
        }
    }

    /// The port, also when it is the scheme's own.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// What stands in a `Host` header: host, and the port unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.url.authority()
    }

    /// The whole URL without a trailing slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }
}

impl FromStr for UpstreamUrl {
    type Err = UpstreamUrlError;

    fn from_str(text: &str) -> Result<Self, UpstreamUrlError> {
        // The URL standard drops tabs and line feeds and reads `\` as `/`; another reader might not.
        let plain = |byte: u8| byte > b' ' && byte != 0x7f && byte != b'\\';
        if text.len() > LONGEST || !text.bytes().all(plain) {
            return Err(UpstreamUrlError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| UpstreamUrlError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UpstreamUrlError::Scheme);
        }
        // An empty user name is dropped by the parser, so look at the text as well.
        let authority = text.split_once("://").ok_or(UpstreamUrlError::Malformed)?.1;
        let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') || !url.username().is_empty() || url.password().is_some() {
            return Err(UpstreamUrlError::UserInformation);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(UpstreamUrlError::Path);
        }
        match url.host() {
            Some(Host::Domain(name)) if !is_host_name(name) => return Err(UpstreamUrlError::Host),
            Some(_) => {}
            None => return Err(UpstreamUrlError::Host),
        }
        if url.port() == Some(0) {
            return Err(UpstreamUrlError::Port);
        }
        Ok(Self { url })
    }
}

/// Letters, digits, hyphens and underscores between single dots (RFC 1123, and what container networks
/// use). No trailing dot: `a.example` and `a.example.` must not be two upstreams.
fn is_host_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(plain)
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
