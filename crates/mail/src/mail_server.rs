//! Where letters are handed in.

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};
use zeroize::Zeroizing;

use crate::MailError;

/// How the connection to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314, section 3.3).
    Implicit,
    /// STARTTLS, without which nothing is sent (RFC 3207).
    Upgraded,
    /// None: only to this machine.
    None,
}

/// A user name and password for the server.
#[derive(Clone)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

/// A server that takes letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) encryption: Encryption,
}

impl MailServer {
    /// Reads `smtp://host[:port]` (STARTTLS, port 587) or `smtps://host[:port]` (TLS, port 465). With
    /// `tls` off, `smtp://` goes unprotected, to this machine only.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(address: &str, tls: bool) -> Result<Self, MailError> {
        let url = Url::parse(address).map_err(|_| MailError::Address("it cannot be read"))?;
        let (encryption, usual) = match (url.scheme(), tls) {
            ("smtps", true) => (Encryption::Implicit, 465),
            ("smtp", true) => (Encryption::Upgraded, 587),
            ("smtp", false) => (Encryption::None, 25),
            ("smtps", false) => return Err(MailError::Address("smtps:// is TLS")),
            _ => return Err(MailError::Address("the scheme is neither smtp nor smtps")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(MailError::Address("user and password have keys of their own"));
        }
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|host| bare && !host.is_empty());
        let host = host.ok_or(MailError::Address("expected a host, perhaps a port, and nothing else"))?;
        if encryption == Encryption::None && !is_this_machine(host) {
            return Err(MailError::Unencrypted);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port().unwrap_or(usual), encryption })
    }
}

/// `localhost` is never asked for in DNS by a resolver that follows RFC 6761, section 6.3.
fn is_this_machine(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => Ipv4Addr::is_loopback(&address),
        Ok(Host::Ipv6(address)) => Ipv6Addr::is_loopback(&address),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_an_address_and_its_protection() {
        let check = |address: &str, tls: bool, host: &str, port: u16, encryption: Encryption| {
            let expected = MailServer { host: host.to_owned(), port, encryption };
            assert_eq!(MailServer::parse(address, tls).unwrap(), expected, "{address}");
        };
        check("smtp://mail.example.com", true, "mail.example.com", 587, Encryption::Upgraded);
        check("smtps://mail.example.com", true, "mail.example.com", 465, Encryption::Implicit);
        check("smtp://mail.example.com:2525/", true, "mail.example.com", 2525, Encryption::Upgraded);
        check("smtp://127.0.0.1:1025", false, "127.0.0.1", 1025, Encryption::None);
        check("smtp://[::1]:1025", false, "::1", 1025, Encryption::None);
        check("smtp://localhost", false, "localhost", 25, Encryption::None);
    }

    #[test]
    fn nothing_leaves_this_machine_without_tls() {
        for address in [
            "smtp://mail.example.com",
            "smtp://10.0.0.1",
            "smtp://127.0.0.1.example.com",
            "smtp://localhost.example.com",
            "smtp://[::ffff:10.0.0.1]",
            "smtp://0.0.0.0",
        ] {
            assert!(matches!(MailServer::parse(address, false), Err(MailError::Unencrypted)), "{address}");
        }
    }

    #[test]
    fn refuses_what_is_no_server() {
        for address in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://",
            "smtp://user:password@mail.example.com",
            "smtp://user@mail.example.com",
            "smtp://mail.example.com/path",
            "smtp://mail.example.com?tls=none",
            "smtp://mail.example.com#x",
        ] {
            assert!(matches!(MailServer::parse(address, true), Err(MailError::Address(_))), "{address}");
        }
    }
}
