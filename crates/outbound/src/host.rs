//! The host of a target, as an operator or a customer writes it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A domain name in lower case, or an address. Nothing else: no list of hosts, no path of a socket, no option that a
/// driver would read out of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name to resolve.
    Name(String),
    /// An address in its usual notation.
    Address(IpAddr),
}

/// A text that is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host: expected a domain name such as db.example.com, or an address in its usual notation")]
pub struct HostError;

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address));
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // A last label of digits only is an address in a notation of old: 127.1, 0x7f000001, 2130706433.
        let number = |label: &str| {
            label.bytes().all(|byte| byte.is_ascii_digit())
                || (label.to_ascii_lowercase().starts_with("0x")
                    && label.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit()))
        };
        let last = text.rsplit('.').next().unwrap_or_default();
        if text.len() > 253 || !text.split('.').all(label) || number(last) {
            return Err(HostError);
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(address) => fmt::Display::fmt(address, formatter),
        }
    }
}
