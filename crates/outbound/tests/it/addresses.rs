//! Which addresses an upstream may have.

use std::net::IpAddr;

use outbound::{AddressKind, AddressPolicy, Network, NetworkError};

fn policy(allowed: &[&str]) -> AddressPolicy {
    AddressPolicy::new(allowed.iter().map(|network| network.parse().unwrap()).collect())
}

fn kind(policy: &AddressPolicy, address: &str) -> Option<AddressKind> {
    policy.permits(address.parse().unwrap()).err().map(|refused| refused.kind)
}

#[test]
fn d17_every_kind_of_special_address_is_refused() {
    use AddressKind::*;
    let table = [
        ("127.0.0.1", Loopback),
        ("127.255.255.254", Loopback),
        ("0.0.0.0", Unspecified),
        ("0.1.2.3", Unspecified),
        ("10.0.0.1", Private),
        ("10.255.255.255", Private),
        ("172.16.0.1", Private),
        ("172.31.255.255", Private),
        ("192.168.0.1", Private),
        ("100.64.0.1", CarrierGradeNat),
        ("100.127.255.255", CarrierGradeNat),
        ("100.100.100.200", Metadata),
        ("168.63.129.16", Metadata),
        ("169.254.169.254", LinkLocal),
        ("169.254.0.1", LinkLocal),
        ("192.0.0.192", Reserved),
        ("192.0.2.1", Documentation),
        ("198.51.100.7", Documentation),
        ("203.0.113.9", Documentation),
        ("192.88.99.1", Transition),
        ("198.18.0.1", Benchmarking),
        ("198.19.255.255", Benchmarking),
        ("224.0.0.1", Multicast),
        ("239.255.255.255", Multicast),
        ("240.0.0.1", Reserved),
        ("255.255.255.255", Broadcast),
        ("::", Unspecified),
        ("::1", Loopback),
        ("fc00::1", Private),
        ("fd00:ec2::254", Private),
        ("fe80::1", LinkLocal),
        ("febf::1", LinkLocal),
        ("fec0::1", Private),
        ("ff02::1", Multicast),
        ("2001:db8::1", Documentation),
        ("3fff::1", Documentation),
        ("2001:2::1", Benchmarking),
        ("2001:20::1", Reserved),
        ("100::1", Reserved),
        ("5f00::1", Reserved),
        ("4000::1", Reserved),
        // IPv4-mapped: what the kernel would connect to.
        ("::ffff:127.0.0.1", Loopback),
        ("::ffff:a9fe:a9fe", LinkLocal),
        ("::ffff:10.0.0.1", Private),
        // Every other form that carries an IPv4 address, whichever it carries.
        ("::127.0.0.1", Transition),
        ("::8.8.8.8", Transition),
        ("::ffff:0:127.0.0.1", Transition),
        ("64:ff9b::127.0.0.1", Transition),
        ("64:ff9b::8.8.8.8", Transition),
        ("64:ff9b:1::a9fe:a9fe", Transition),
        ("2002:7f00:1::", Transition),
        ("2002:808:808::1", Transition),
        ("2001:0:5ef5:79fb::80ff:fffe", Transition),
        ("2a00::5efe:7f00:1", Transition),
        ("2a00::200:5efe:808:808", Transition),
    ];
    for (address, expected) in table {
        assert_eq!(kind(&policy(&[]), address), Some(expected), "{address}");
    }
}

#[test]
fn public_addresses_are_permitted_up_to_the_edges_of_the_special_ones() {
    for address in [
        "8.8.8.8",
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::200e",
        "2001:4860:4860::8888",
        "2001:db7:ffff::1",
        "2001:db9::1",
        "2003::1",
        "::ffff:8.8.8.8",
    ] {
        assert_eq!(kind(&policy(&[]), address), None, "{address}");
    }
}

#[test]
fn an_operator_can_allow_a_network_and_nothing_beyond_it() {
    let policy = policy(&["10.1.0.0/16", "127.0.0.1", "fd00::/8"]);
    for address in ["10.1.2.3", "127.0.0.1", "::ffff:10.1.2.3", "fd12::1"] {
        assert_eq!(kind(&policy, address), None, "{address}");
    }
    for address in ["10.2.0.1", "127.0.0.2", "::ffff:10.2.0.1", "::1", "fc00::1", "::127.0.0.1"] {
        assert!(kind(&policy, address).is_some(), "{address}");
    }
}

#[test]
fn allowing_a_translator_does_not_allow_what_lies_behind_it() {
    let policy = policy(&["64:ff9b::/96"]);
    assert_eq!(kind(&policy, "64:ff9b::8.8.8.8"), None);
    assert_eq!(kind(&policy, "64:ff9b::10.0.0.1"), Some(AddressKind::Private));
    assert_eq!(kind(&policy, "64:ff9b::169.254.169.254"), Some(AddressKind::LinkLocal));
}

#[test]
fn nothing_makes_a_multicast_broadcast_or_unspecified_address_an_upstream() {
    let policy = policy(&["0.0.0.0/0", "::/0"]);
    for address in ["224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "ff02::1"] {
        assert!(kind(&policy, address).is_some(), "{address}");
    }
    assert_eq!(kind(&policy, "127.0.0.1"), None);
    assert_eq!(kind(&policy, "fe80::1"), None);
}

#[test]
fn one_bad_answer_makes_a_name_bad() {
    let addresses =
        |list: &[&str]| -> Vec<IpAddr> { list.iter().map(|text| text.parse().unwrap()).collect() };
    assert!(policy(&[]).permits_all(addresses(&["8.8.8.8", "2606:4700::1111"])).is_ok());
    assert!(policy(&[]).permits_all(addresses(&["8.8.8.8", "127.0.0.1"])).is_err());
    assert!(policy(&[]).permits_all(addresses(&["8.8.8.8", "::ffff:192.168.1.1"])).is_err());
}

#[test]
fn networks_are_read_with_clear_errors() {
    for good in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "192.0.2.7/32", "2001:db8::1/128"] {
        assert_eq!(good.parse::<Network>().unwrap().to_string(), good);
    }
    assert_eq!("127.0.0.1".parse::<Network>().unwrap().to_string(), "127.0.0.1/32");
    let error = |text: &str| text.parse::<Network>().unwrap_err();
    assert_eq!(
        error("10.0.0.1/8").to_string(),
        "\"10.0.0.1/8\" has bits beyond its prefix length: did you mean 10.0.0.0/8?"
    );
    assert!(matches!(error("10.0.0.0/33"), NetworkError::Prefix(_)));
    assert!(matches!(error("10.0.0.0/+8"), NetworkError::Prefix(_)));
    assert!(matches!(error("10.0.0.0/"), NetworkError::Prefix(_)));
    assert!(matches!(error("::/129"), NetworkError::Prefix(_)));
    assert!(matches!(error("example.com"), NetworkError::Address(_)));
    assert!(matches!(error("10.0.0/8"), NetworkError::Address(_)));
    assert!(matches!(error(""), NetworkError::Address(_)));
    assert!(matches!(error("::ffff:10.0.0.0/104"), NetworkError::Mapped(_)));
}
