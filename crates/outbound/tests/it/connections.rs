//! From a host to a connection, and where there is none.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use outbound::{AddressKind, AddressPolicy, Host, OutboundError, Refused, connect, resolve};
use socket2::SockRef;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

const WITHIN: Duration = Duration::from_secs(20);

fn host(text: &str) -> Host {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn loopback() -> AddressPolicy {
    AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()])
}

const fn refused(kind: AddressKind) -> OutboundError {
    OutboundError::Address(Refused { kind })
}

#[test]
fn d17_other_ways_to_write_an_address_are_no_hosts() {
    for text in [
        "localhost.",
        "db.example.com.",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0X7F.1",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "017700000001",
        "127.1",
        "127.0.1",
        "127.0.0.0x1",
        "1.2.3.4.5",
        "0",
        "0x",
        "[::1]",
        "::1%lo",
        "fe80::1%eth0",
        "::ffff:127.0.0.1%1",
        "127.0.0.1/8",
        "①②⑦.0.0.1",
        "１２７.0.0.1",
        "127。0。0。1",
        "127.0.0.1\0",
        "127.0.0.1\n",
        " 127.0.0.1",
    ] {
        assert!(text.parse::<Host>().is_err(), "{text:?} is {:?}", text.parse::<Host>());
    }
}

#[test]
fn d50_a_host_is_one_host_and_nothing_that_a_driver_would_read_out_of_it() {
    for text in [
        "",
        ".",
        "/var/run/postgresql",
        "@abstract",
        "host1,host2",
        "127.0.0.1,db.example.com",
        "a b",
        "db host=127.0.0.1",
        "x host=127.0.0.1 sslmode=disable",
        "user@db.example.com",
        "user:password@db.example.com",
        "db.example.com:5432",
        "db.example.com/name",
        "db.example.com?options=-c",
        "db.example.com#x",
        "db.example.com;x",
        "db.example.com'",
        "db.example.com\"",
        "db.example.com\\",
        "db.example.com&service=x",
        "db=example",
        "%2fvar%2frun%2fpostgresql",
        "$(id)",
        "`id`",
        "-oProxyCommand=id",
        "-db.example.com",
        "db..example.com",
        "*.example.com",
        "tcp://db.example.com",
        "db.example.com\r\nx",
        "db\u{200b}.example.com",
    ] {
        assert!(text.parse::<Host>().is_err(), "{text:?} is {:?}", text.parse::<Host>());
    }
    assert_eq!(host("DB_1.Example.COM"), Host::Name("db_1.example.com".to_owned()));
}

#[tokio::test]
async fn d17_a_name_is_judged_by_the_addresses_it_has() {
    let closed = AddressPolicy::default();
    for name in ["localhost", "LOCALHOST"] {
        assert_eq!(resolve(&host(name), 5432, &closed).await, Err(refused(AddressKind::Loopback)), "{name}");
    }
    let found = resolve(&host("localhost"), 5432, &loopback()).await.unwrap();
    assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 5432), "{found:?}");
    assert_eq!(resolve(&host("no-such-name.invalid"), 5432, &closed).await, Err(OutboundError::Name));
}

#[tokio::test]
async fn d17_no_special_address_is_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for (text, kind) in [
        ("127.0.0.1", AddressKind::Loopback),
        ("::1", AddressKind::Loopback),
        ("::ffff:127.0.0.1", AddressKind::Loopback),
        ("0.0.0.0", AddressKind::Unspecified),
        ("::", AddressKind::Unspecified),
        ("10.0.0.1", AddressKind::Private),
        ("169.254.169.254", AddressKind::LinkLocal),
        ("fd00:ec2::254", AddressKind::Private),
        ("2002:7f00:1::", AddressKind::Transition),
        ("64:ff9b::127.0.0.1", AddressKind::Transition),
    ] {
        let connected = connect(&host(text), port, &AddressPolicy::default(), WITHIN).await;
        assert_eq!(connected.err(), Some(refused(kind)), "{text}");
    }
    let accepted = tokio::time::timeout(Duration::from_millis(300), listener.accept()).await;
    assert!(accepted.is_err(), "somebody connected");
}

#[tokio::test]
async fn a_connection_sends_at_once_and_notices_a_dead_peer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for name in ["127.0.0.1", "localhost", "::ffff:127.0.0.1"] {
        // Where `localhost` has two addresses, nothing listens at the first.
        let stream = connect(&host(name), port, &loopback(), WITHIN).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(SockRef::from(&stream).keepalive().unwrap());
    }
}

#[tokio::test]
async fn nobody_there_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let connected = connect(&host("127.0.0.1"), port, &loopback(), WITHIN).await;
    assert_eq!(connected.err(), Some(OutboundError::Tcp));
}

#[tokio::test]
async fn an_address_that_swallows_everything_is_given_up() {
    // A queue for one, which is full: the system drops what else knocks.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    let mut waiting = Vec::new();
    let outcome = loop {
        match connect(&host("127.0.0.1"), port, &loopback(), Duration::from_millis(500)).await {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
        assert!(waiting.len() < 100, "the queue never fills");
    };
    assert_eq!(outcome, OutboundError::Timeout);
}

#[tokio::test]
async fn d17_our_own_listeners_are_refused_whatever_the_operator_allows() {
    let own = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (own_address, other_address) = (own.local_addr().unwrap(), other.local_addr().unwrap());
    let everywhere = |text: &str| SocketAddr::new(text.parse().unwrap(), own_address.port());
    for listener in [own_address, everywhere("0.0.0.0"), everywhere("::"), everywhere("::ffff:127.0.0.1")] {
        let policy = loopback().refusing(vec![listener]);
        for name in ["127.0.0.1", "::ffff:127.0.0.1"] {
            let connected = connect(&host(name), own_address.port(), &policy, WITHIN).await;
            assert_eq!(connected.err(), Some(refused(AddressKind::OwnListener)), "{listener} {name}");
        }
        assert!(connect(&host("127.0.0.1"), other_address.port(), &policy, WITHIN).await.is_ok());
    }
    // Other spellings of this machine, where a listener hears all of them.
    let policy = loopback().refusing(vec![everywhere("0.0.0.0")]);
    for name in ["127.0.0.2", "127.255.255.254", "localhost"] {
        let connected = connect(&host(name), own_address.port(), &policy, WITHIN).await;
        assert_eq!(connected.err(), Some(refused(AddressKind::OwnListener)), "{name}");
    }
    let accepted = tokio::time::timeout(Duration::from_millis(300), own.accept()).await;
    assert!(accepted.is_err(), "somebody connected");
}

#[test]
fn d17_our_own_listeners_are_refused_at_every_address_of_this_machine() {
    // The address that this machine has towards others; nothing is sent.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_err() {
        return;
    }
    let own: IpAddr = socket.local_addr().unwrap().ip();
    let policy = AddressPolicy::new(vec!["0.0.0.0/0".parse().unwrap()])
        .refusing(vec!["0.0.0.0:8443".parse().unwrap()]);
    let at = |ip: IpAddr, port| policy.permits_at(SocketAddr::new(ip, port)).err();
    assert_eq!(at(own, 8443), Some(Refused { kind: AddressKind::OwnListener }), "{own}");
    assert_eq!(at(own, 8444), None);
    assert_eq!(at("192.0.2.1".parse().unwrap(), 8443), None);
}

#[test]
fn messages_fit_apps_databases_and_ssh_servers() {
    let message = refused(AddressKind::LinkLocal).to_string();
    assert_eq!(message, "a link-local address may not be connected to");
}

#[tokio::test]
async fn the_connection_is_to_the_address_that_was_judged() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stream = connect(&host("localhost"), address.port(), &loopback(), WITHIN).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address);
    let (mut accepted, _) = listener.accept().await.unwrap();
    drop(stream);
    assert_eq!(accepted.read(&mut [0; 1]).await.unwrap(), 0);
}
