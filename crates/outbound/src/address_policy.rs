//! Which addresses this process may connect to: those of the public internet, and what the operator allows.
//!
//! The table follows the IANA special-purpose address registries (RFC 6890). An IPv6 form that carries
//! an IPv4 address is never a way around the table: the IPv4 address inside is judged, too.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Network;
use crate::listeners::Listeners;

/// Judges addresses of apps, databases and SSH servers before they are connected to.
#[derive(Clone, Debug, Default)]
pub struct AddressPolicy {
    allowed: Vec<Network>,
    listeners: Listeners,
}

/// The address is not one that may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} may not be connected to")]
pub struct Refused {
    /// What kind of address it is.
    pub kind: AddressKind,
}

/// Why an address may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// Shared by a carrier's customers (RFC 6598).
    CarrierGradeNat,
    /// This link only, which is also where clouds keep instance metadata (RFC 3927, RFC 4291).
    LinkLocal,
    /// A cloud's metadata service at an address outside the link-local range.
    Metadata,
    /// Many receivers.
    Multicast,
    /// Everybody on a link.
    Broadcast,
    /// No address at all, or "this host".
    Unspecified,
    /// Only for examples in documents (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// Only for benchmarks (RFC 2544, RFC 5180).
    Benchmarking,
    /// IPv4 inside IPv6: 6to4, NAT64, Teredo, IPv4-compatible, IPv4-translated.
    Transition,
    /// Set aside, or not handed out to anybody.
    Reserved,
    /// What this process itself listens on.
    OwnListener,
}

impl fmt::Display for AddressKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Private => "an address of a private network",
            Self::CarrierGradeNat => "a carrier-grade NAT address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a cloud metadata address",
            Self::Multicast => "a multicast address",
            Self::Broadcast => "a broadcast address",
            Self::Unspecified => "an unspecified address",
            Self::Documentation => "a documentation address",
            Self::Benchmarking => "a benchmarking address",
            Self::Transition => "an IPv6 address that carries an IPv4 address",
            Self::Reserved => "a reserved address",
            Self::OwnListener => "an address of this platform itself",
        })
    }
}

const SPECIAL_V4: [(Network, AddressKind); 17] = [
    (Network::v4([255, 255, 255, 255], 32), AddressKind::Broadcast),
    (Network::v4([0, 0, 0, 0], 8), AddressKind::Unspecified),
    (Network::v4([10, 0, 0, 0], 8), AddressKind::Private),
    // Alibaba Cloud's metadata service.
    (Network::v4([100, 100, 100, 200], 32), AddressKind::Metadata),
    (Network::v4([100, 64, 0, 0], 10), AddressKind::CarrierGradeNat),
    (Network::v4([127, 0, 0, 0], 8), AddressKind::Loopback),
    // Azure's platform service.
    (Network::v4([168, 63, 129, 16], 32), AddressKind::Metadata),
    (Network::v4([169, 254, 0, 0], 16), AddressKind::LinkLocal),
    (Network::v4([172, 16, 0, 0], 12), AddressKind::Private),
    (Network::v4([192, 0, 0, 0], 24), AddressKind::Reserved),
    (Network::v4([192, 0, 2, 0], 24), AddressKind::Documentation),
    // Anycast 6to4 relays (RFC 7526).
    (Network::v4([192, 88, 99, 0], 24), AddressKind::Transition),
    (Network::v4([192, 168, 0, 0], 16), AddressKind::Private),
    (Network::v4([198, 18, 0, 0], 15), AddressKind::Benchmarking),
    (Network::v4([198, 51, 100, 0], 24), AddressKind::Documentation),
    (Network::v4([203, 0, 113, 0], 24), AddressKind::Documentation),
    (Network::v4([224, 0, 0, 0], 4), AddressKind::Multicast),
];

const RESERVED_V4: Network = Network::v4([240, 0, 0, 0], 4);

const SPECIAL_V6: [(Network, AddressKind); 8] = [
    (Network::v6([0xfc00, 0, 0, 0], 7), AddressKind::Private),
    (Network::v6([0xfe80, 0, 0, 0], 10), AddressKind::LinkLocal),
    // Site-local, deprecated and still routed by some (RFC 3879).
    (Network::v6([0xfec0, 0, 0, 0], 10), AddressKind::Private),
    (Network::v6([0xff00, 0, 0, 0], 8), AddressKind::Multicast),
    (Network::v6([0x2001, 0xdb8, 0, 0], 32), AddressKind::Documentation),
    (Network::v6([0x3fff, 0, 0, 0], 20), AddressKind::Documentation),
    (Network::v6([0x2001, 2, 0, 0], 48), AddressKind::Benchmarking),
    // Protocol assignments (RFC 2928).
    (Network::v6([0x2001, 0, 0, 0], 23), AddressKind::Reserved),
];

/// All that is handed out as global unicast so far.
const GLOBAL_V6: Network = Network::v6([0x2000, 0, 0, 0], 3);

impl AddressPolicy {
    /// The public internet, and these networks.
    #[must_use]
    pub fn new(allowed: Vec<Network>) -> Self {
        Self { allowed, listeners: Listeners::default() }
    }

    /// Never these, whatever network the operator allows: what this process listens on. An unspecified address stands
    /// for every address of this machine.
    #[must_use]
    pub fn refusing(mut self, listeners: Vec<SocketAddr>) -> Self {
        self.listeners = Listeners::new(listeners);
        self
    }

    /// Whether this address may be connected to at this port.
    ///
    /// # Errors
    /// [`AddressPolicy::permits`] refuses the address, or it is a listener of our own.
    pub fn permits_at(&self, address: SocketAddr) -> Result<(), Refused> {
        self.permits(address.ip())?;
        if self.listeners.answer_at(address) {
            return Err(Refused { kind: AddressKind::OwnListener });
        }
        Ok(())
    }

    /// Whether this address may be connected to.
    ///
    /// # Errors
    /// It is not a public address, and no network that the operator allows.
    pub fn permits(&self, address: IpAddr) -> Result<(), Refused> {
        match address {
            IpAddr::V4(address) => self.permits_v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                // The kernel connects to the IPv4 address.
                Some(mapped) => self.permits_v4(mapped),
                None => self.permits_v6(address),
            },
        }
    }

    /// Whether these addresses may be connected to: a name with one bad answer is a bad name.
    ///
    /// # Errors
    /// One of them is not permitted.
    pub fn permits_all(&self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Refused> {
        addresses.into_iter().try_for_each(|address| self.permits(address))
    }

    fn permits_v4(&self, address: Ipv4Addr) -> Result<(), Refused> {
        let address = IpAddr::V4(address);
        match kind_v4(address) {
            None => Ok(()),
            Some(kind) if never(kind) => Err(Refused { kind }),
            Some(_) if self.allows(address) => Ok(()),
            Some(kind) => Err(Refused { kind }),
        }
    }

    fn permits_v6(&self, address: Ipv6Addr) -> Result<(), Refused> {
        if let Some(embedded) = embedded(address) {
            // Allowing a translator's prefix does not allow what lies behind it.
            return if self.allows(IpAddr::V6(address)) {
                self.permits_v4(embedded)
            } else {
                Err(Refused { kind: AddressKind::Transition })
            };
        }
        match kind_v6(address) {
            None => Ok(()),
            Some(kind) if never(kind) => Err(Refused { kind }),
            Some(_) if self.allows(IpAddr::V6(address)) => Ok(()),
            Some(kind) => Err(Refused { kind }),
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|network| network.contains(address))
    }
}

/// Kinds that no configuration permits.
const fn never(kind: AddressKind) -> bool {
    matches!(kind, AddressKind::Multicast | AddressKind::Broadcast | AddressKind::Unspecified)
}

fn kind_v4(address: IpAddr) -> Option<AddressKind> {
    let special = SPECIAL_V4.iter().find(|(network, _)| network.contains(address));
    match special {
        Some((_, kind)) => Some(*kind),
        None if RESERVED_V4.contains(address) => Some(AddressKind::Reserved),
        None => None,
    }
}

fn kind_v6(address: Ipv6Addr) -> Option<AddressKind> {
    if address.is_unspecified() {
        return Some(AddressKind::Unspecified);
    }
    if address.is_loopback() {
        return Some(AddressKind::Loopback);
    }
    let address = IpAddr::V6(address);
    match SPECIAL_V6.iter().find(|(network, _)| network.contains(address)) {
        Some((_, kind)) => Some(*kind),
        None if GLOBAL_V6.contains(address) => None,
        None => Some(AddressKind::Reserved),
    }
}

/// The IPv4 address that a translator or tunnel would send this on to.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    if address.is_unspecified() || address.is_loopback() {
        return None;
    }
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // IPv4-compatible (RFC 4291) and IPv4-translated (RFC 2765).
        [0, 0, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] => Some(v4(high, low)),
        // NAT64 (RFC 6052), and its local-use prefix (RFC 8215).
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => Some(v4(high, low)),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => Some(v4(high, low)),
        // Teredo (RFC 4380): the client's address, inverted.
        [0x2001, 0, .., high, low] => Some(v4(!high, !low)),
        // ISATAP (RFC 5214), below any prefix.
        [.., 0 | 0x200, 0x5efe, high, low] => Some(v4(high, low)),
        _ => None,
    }
}
