//! Records as syslog messages (RFC 5424), one connection for each delivery.
//!
//! Syslog has no receipt. On TCP and TLS a delivery is therefore sent with octet counting (RFC 6587, 3.4.1),
//! our side is closed, and the receiver's end of the stream is waited for: a receiver that died, or closed
//! with something unread, resets the connection instead, and gets the delivery again. UDP promises nothing.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use audit::Linked;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::{Delivery, DeliveryError};

/// How long one delivery may take, from connecting to the receiver's end.
const PATIENCE: Duration = Duration::from_secs(15);

/// Facility 13 (log audit), severity 6 (informational) for what was done.
const DONE: u8 = 13 * 8 + 6;
/// The same facility, severity 4 (warning) for what was refused.
const REFUSED: u8 = 13 * 8 + 4;

/// The name of our structured data. 32473 is the number for whoever has none (RFC 5612).
const STRUCTURED_DATA: &str = "audit@32473";

/// The largest datagram that is sent whole; a larger one goes without its text.
const LARGEST_DATAGRAM: usize = 60_000;

/// How a syslog server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// Where a syslog server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyslogAddress {
    transport: Transport,
    host: String,
    port: u16,
}

/// A text that is no address of a syslog server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write udp://host:port, tcp://host:port or tls://host:port")]
pub struct SyslogAddressError;

impl FromStr for SyslogAddress {
    type Err = SyslogAddressError;

    fn from_str(text: &str) -> Result<Self, SyslogAddressError> {
        let url = Url::parse(text).map_err(|_| SyslogAddressError)?;
        let transport = match url.scheme() {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _ => return Err(SyslogAddressError),
        };
        let (Some(host), Some(port)) = (url.host_str(), url.port()) else { return Err(SyslogAddressError) };
        let plain = url.username().is_empty()
            && url.password().is_none()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.fragment().is_none();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if plain { Ok(Self { transport, host, port }) } else { Err(SyslogAddressError) }
    }
}

/// A syslog server.
pub struct Syslog {
    address: SyslogAddress,
    /// Our own name.
    host: String,
    tls: TlsConnector,
}

impl fmt::Debug for Syslog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Syslog").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Syslog {
    /// The server at `address`; `host` is our own name in messages, `tls` says whom to trust.
    #[must_use]
    pub fn new(address: SyslogAddress, host: &str, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { address, host: host.to_owned(), tls: TlsConnector::from(tls) }
    }

    pub(crate) async fn deliver(&self, delivery: &Delivery) -> Result<(), DeliveryError> {
        match tokio::time::timeout(PATIENCE, self.send(delivery)).await {
            Ok(sent) => sent.map_err(DeliveryError::Connection),
            Err(_) => Err(DeliveryError::TooLate),
        }
    }

    async fn send(&self, delivery: &Delivery) -> std::io::Result<()> {
        let address = (self.address.host.as_str(), self.address.port);
        if self.address.transport == Transport::Udp {
            let address = tokio::net::lookup_host(address).await?.next();
            let address = address.ok_or(std::io::ErrorKind::AddrNotAvailable)?;
            let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).await?;
            for linked in &delivery.records {
                let mut message = message(linked, &self.host, true);
                if message.len() > LARGEST_DATAGRAM {
                    message = self::message(linked, &self.host, false);
                }
                socket.send_to(message.as_bytes(), address).await?;
            }
            return Ok(());
        }
        let mut frames = String::new();
        for linked in &delivery.records {
            let message = message(linked, &self.host, true);
            let _ = write!(frames, "{} {message}", message.len());
        }
        let stream = TcpStream::connect(address).await?;
        if self.address.transport == Transport::Tcp {
            return until_it_is_read(stream, frames.as_bytes()).await;
        }
        let name = ServerName::try_from(self.address.host.clone())
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
        until_it_is_read(self.tls.connect(name, stream).await?, frames.as_bytes()).await
    }
}

async fn until_it_is_read(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    bytes: &[u8],
) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    stream.shutdown().await?;
    let mut answer = [0; 512];
    loop {
        match stream.read(&mut answer).await {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            // TLS without its own goodbye; the end of the stream below it came in good order.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// One record: who, what and where as structured data, and the record itself as JSON.
fn message(linked: &Linked, host: &str, with_text: bool) -> String {
    let record = &linked.record;
    let priority = if record.outcome == "done" { DONE } else { REFUSED };
    let mut message = format!(
        "<{priority}>1 {} {} vybe - {} [{STRUCTURED_DATA}",
        header(&record.at, 32),
        header(host, 255),
        header(&record.action, 32),
    );
    let (sequence, hash) = (record.sequence.to_string(), linked.hash.to_string());
    let fields = [
        ("chain", Some(record.chain.as_str())),
        ("sequence", Some(&sequence)),
        ("hash", Some(&hash)),
        ("id", Some(&record.id)),
        ("actorKind", Some(&record.actor.kind)),
        ("actor", record.actor.id.as_deref()),
        ("action", Some(&record.action)),
        ("outcome", Some(&record.outcome)),
        ("targetKind", Some(&record.target.kind)),
        ("target", record.target.id.as_deref()),
        ("request", record.request.as_deref()),
        ("decision", record.decision.as_deref()),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            let _ = write!(message, " {name}=\"{}\"", parameter(value));
        }
    }
    message.push(']');
    if with_text {
        message.push(' ');
        message.push_str(&plain(&record.text()));
    }
    message
}

/// A field of the header: printable ASCII without spaces, so long at most.
fn header(text: &str, longest: usize) -> String {
    let field: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

/// The value of a parameter (RFC 5424, 6.3.3). Identifiers need none of this; a row that somebody changed
/// might.
fn parameter(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' | ']' => value.extend(['\\', character]),
            ' '..='~' => value.push(character),
            _ => value.push('?'),
        }
    }
    value
}

/// JSON as the same JSON in printable ASCII: nothing in it moves a cursor, a line or the direction of text.
fn plain(json: &str) -> String {
    let mut plain = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            plain.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_transport_a_host_and_a_port() {
        let parse = |text: &str| text.parse::<SyslogAddress>();
        let address =
            |transport, host: &str| Ok(SyslogAddress { transport, host: host.to_owned(), port: 6514 });
        assert_eq!(parse("tls://logs.example.com:6514"), address(Transport::Tls, "logs.example.com"));
        assert_eq!(parse("udp://192.0.2.1:6514"), address(Transport::Udp, "192.0.2.1"));
        assert_eq!(parse("tcp://[2001:db8::1]:6514"), address(Transport::Tcp, "2001:db8::1"));
        for wrong in [
            "logs.example.com:6514",
            "http://logs.example.com:80",
            "tcp://logs.example.com",
            "tcp://user@logs.example.com:514",
            "tcp://logs.example.com:514/path",
            "tcp://logs.example.com:514?x",
            "tcp://:514",
            "",
        ] {
            assert_eq!(parse(wrong), Err(SyslogAddressError), "{wrong}");
        }
    }

    #[test]
    fn l01_a_message_is_one_line_of_printable_ascii() {
        assert_eq!(
            plain("{\"name\":\"a\u{202e}b\u{1f600}\u{7f}\"}"),
            r#"{"name":"a\u202eb\ud83d\ude00\u007f"}"#
        );
        assert_eq!(parameter("a\"b]c\\d\r\n\u{1b}e"), "a\\\"b\\]c\\\\d???e");
        assert_eq!(header("members.remove\n<11>1", 32), "members.remove<11>1");
        assert_eq!(header("", 32), "-");
    }
}
