//! What holds for whatever address; for the fuzzer (`xtask/fuzz`) and the tests.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{AddressKind, AddressPolicy, Host, Network};

/// Lines of addresses, networks and hosts: `+10.0.0.0/8` allows a network, everything else is asked for. What is permitted is
/// public by another table, or allowed; no IPv6 form is a way around it; what is read and printed is read again.
///
/// # Panics
/// Something does not hold.
pub fn addresses(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (mut allowed, mut asked) = (Vec::new(), Vec::new());
    for line in text.lines().take(16) {
        if let Some(network) = line.strip_prefix('+') {
            let Ok(network) = network.parse::<Network>() else { continue };
            assert_eq!(network.to_string().parse(), Ok(network), "a network printed and read is another");
            allowed.push(network);
        } else if let Ok(host) = line.parse::<Host>() {
            assert_eq!(host.to_string().parse(), Ok(host.clone()), "a host printed and read is another");
            match host {
                Host::Address(address) => asked.push(address),
                Host::Name(name) => {
                    // No notation of an address is a name, for whichever resolver.
                    assert!(name.parse::<IpAddr>().is_err() && !is_old_notation(&name), "{name}");
                    assert_eq!(name, name.to_ascii_lowercase());
                }
            }
        }
    }
    // And some that texts reach slowly: the bytes themselves.
    for chunk in bytes.as_chunks::<16>().0.iter().take(8) {
        asked.push(IpAddr::from(*chunk));
        asked.push(IpAddr::from([chunk[0], chunk[1], chunk[2], chunk[3]]));
    }
    let public = AddressPolicy::default();
    let policy = AddressPolicy::new(allowed.clone());
    for address in &asked {
        judge(*address, &public, &policy, &allowed);
    }
    let each = asked.iter().all(|address| policy.permits(*address).is_ok());
    assert_eq!(policy.permits_all(asked.iter().copied()).is_ok(), each);
}

fn judge(address: IpAddr, public: &AddressPolicy, policy: &AddressPolicy, allowed: &[Network]) {
    let expected = match address {
        IpAddr::V4(v4) => is_public_v4(v4.to_bits()),
        IpAddr::V6(v6) => is_public_v6(v6),
    };
    assert_eq!(public.permits(address).is_ok(), expected, "{address}");

    let is_allowed = allowed.iter().any(|network| holds(network, address.to_canonical()));
    match policy.permits(address) {
        Ok(()) => assert!(expected || is_allowed, "{address} is permitted"),
        Err(refused) => {
            assert!(!expected, "{address} is public, and refused: {refused}");
            let never = matches!(
                refused.kind,
                AddressKind::Multicast | AddressKind::Broadcast | AddressKind::Unspecified
            );
            // Allowing an IPv6 network does not allow what an address in it carries.
            let is_v4 = address.to_canonical().is_ipv4();
            assert!(!(is_v4 && is_allowed) || never, "{address} is allowed, and refused: {refused}");
        }
    }

    let IpAddr::V4(v4) = address else { return };
    let bits = u128::from(v4.to_bits());
    let mapped = Ipv6Addr::from_bits((0xffff << 32) | bits);
    assert_eq!(policy.permits(mapped.into()), policy.permits(address), "{mapped}");
    // Every form that a translator or a tunnel would send on to the address inside.
    for carrier in [
        (0xffff_u128 << 48) | bits,
        (0x0064_ff9b_u128 << 96) | bits,
        (0x0064_ff9b_0001_u128 << 80) | bits,
        (0x2002_u128 << 112) | (bits << 80),
        (0x2001_0000_u128 << 96) | (bits ^ 0xffff_ffff),
        (0x2a00_u128 << 112) | (0x5efe_u128 << 32) | bits,
    ] {
        let carrier = Ipv6Addr::from_bits(carrier);
        assert!(public.permits(carrier.into()).is_err(), "{carrier} carries {v4}");
        if policy.permits(carrier.into()).is_ok() {
            assert!(policy.permits(address).is_ok(), "{carrier} is a way to {v4}");
        }
    }
}

/// Whether the network's prefix is the address's, bit by bit of what is printed.
fn holds(network: &Network, address: IpAddr) -> bool {
    let text = network.to_string();
    let Some((base, prefix)) = text.split_once('/') else { return false };
    let (Ok(base), Ok(prefix)) = (base.parse::<IpAddr>(), prefix.parse::<u32>()) else { return false };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => format!("{:032b}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{:0128b}", v6.to_bits()),
    };
    let (base, address) = (bits(base), bits(address));
    base.len() == address.len() && address.starts_with(base.get(..prefix as usize).unwrap_or(&base))
}

/// IANA's special-purpose registry as ranges, first and last.
fn is_public_v4(bits: u32) -> bool {
    let at = |octets: [u8; 4]| Ipv4Addr::from(octets).to_bits();
    let special = [
        ([0, 0, 0, 0], [0, 255, 255, 255]),
        ([10, 0, 0, 0], [10, 255, 255, 255]),
        ([100, 64, 0, 0], [100, 127, 255, 255]),
        ([127, 0, 0, 0], [127, 255, 255, 255]),
        ([168, 63, 129, 16], [168, 63, 129, 16]),
        ([169, 254, 0, 0], [169, 254, 255, 255]),
        ([172, 16, 0, 0], [172, 31, 255, 255]),
        ([192, 0, 0, 0], [192, 0, 0, 255]),
        ([192, 0, 2, 0], [192, 0, 2, 255]),
        ([192, 88, 99, 0], [192, 88, 99, 255]),
        ([192, 168, 0, 0], [192, 168, 255, 255]),
        ([198, 18, 0, 0], [198, 19, 255, 255]),
        ([198, 51, 100, 0], [198, 51, 100, 255]),
        ([203, 0, 113, 0], [203, 0, 113, 255]),
        ([224, 0, 0, 0], [255, 255, 255, 255]),
    ];
    !special.iter().any(|(first, last)| (at(*first)..=at(*last)).contains(&bits))
}

/// What is handed out as global unicast, without what is special in it and without what carries IPv4.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let bits = address.to_bits();
    if bits >> 32 == 0xffff {
        return is_public_v4((bits & 0xffff_ffff) as u32);
    }
    let isatap = ((bits >> 32) & 0xffff_ffff) & !0x0200_0000 == 0x5efe;
    let prefix = |length: u32| bits >> (128 - length);
    prefix(3) == 1
        && !isatap
        && prefix(23) != 0x2001_0000 >> 9
        && prefix(32) != 0x2001_0db8
        && prefix(48) != 0x2001_0002_0000
        && prefix(16) != 0x2002
        && prefix(20) != 0x0003_fff0
}

/// `127.1`, `0x7f000001`, `017700000001`, `2130706433`: what `inet_aton` reads as an address.
fn is_old_notation(name: &str) -> bool {
    let parts: Vec<&str> = name.split('.').collect();
    parts.len() <= 4
        && parts.iter().all(|part| {
            let digits = part.strip_prefix("0x");
            digits.map_or_else(
                || !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()),
                |digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            )
        })
}

#[cfg(test)]
mod tests {
    #[test]
    fn addresses_hold() {
        hostile_input::replay("addresses", 10_000, super::addresses);
    }
}
