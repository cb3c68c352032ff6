//! An IP network in CIDR notation (RFC 4632).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// The part before the slash.
    #[error("\"{0}\" is not an IP network: write 10.1.0.0/16, fd00::/8, or one address")]
    Address(String),
    /// The part after the slash.
    #[error("\"{0}\" has a bad prefix length: at most /32 for IPv4, /128 for IPv6")]
    Prefix(String),
    /// Bits beyond the prefix: a typing mistake, or a larger network than the writer believes.
    #[error("\"{given}\" has bits beyond its prefix length: did you mean {network}?")]
    HostBits {
        /// What was written.
        given: String,
        /// The network it lies in.
        network: Network,
    },
    /// An IPv4-mapped network: addresses are judged in their IPv4 form.
    #[error("\"{0}\" is an IPv4-mapped network: write it as an IPv4 network")]
    Mapped(String),
}

impl Network {
    pub(crate) const fn v4(octets: [u8; 4], prefix: u8) -> Self {
        let [a, b, c, d] = octets;
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    pub(crate) const fn v6(leading: [u16; 4], prefix: u8) -> Self {
        let [a, b, c, d] = leading;
        Self { address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)), prefix }
    }

    /// Whether the address lies in this network. The two families never contain each other.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                truncated(address, self.prefix) == self.address
            }
            _ => false,
        }
    }
}

fn truncated(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address(text.to_owned()))?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => digits
                .parse()
                .ok()
                .filter(|prefix| *prefix <= longest)
                .ok_or_else(|| NetworkError::Prefix(text.to_owned()))?,
            Some(_) => return Err(NetworkError::Prefix(text.to_owned())),
        };
        if let IpAddr::V6(address) = address
            && address.to_ipv4_mapped().is_some()
        {
            return Err(NetworkError::Mapped(text.to_owned()));
        }
        let network = Self { address: truncated(address, prefix), prefix };
        if network.address != address {
            return Err(NetworkError::HostBits { given: text.to_owned(), network });
        }
        Ok(network)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}
