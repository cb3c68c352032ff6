//! The protocol of MySQL and MariaDB (https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html,
//! https://mariadb.com/kb/en/clientserver-protocol/), as much of it as the gateway needs.
//!
//! It never offers `CLIENT_LOCAL_FILES` nor, to callers' sessions, `CLIENT_MULTI_STATEMENTS`, and runs on a stream that
//! somebody else connected. docs/adr/0047 says why it is not a driver's.

mod capabilities;
mod column;
mod cursor;
mod greeting;
mod packets;
mod password;
mod reply;

pub(crate) use capabilities::{Capabilities, MariaCapabilities};
pub(crate) use column::{Column, ColumnType};
pub(crate) use cursor::Cursor;
pub(crate) use greeting::{Greeting, Response, tls_request};
pub(crate) use packets::Packets;
pub(crate) use password::{Method, full_password};
pub(crate) use reply::{Done, Prepared, Refusal, Reply};

/// What ends a conversation.
#[derive(Debug)]
pub(crate) enum WireError {
    /// The connection broke, or was closed.
    Closed,
    /// A packet that is not as it should be: client and server no longer understand each other.
    Malformed,
    /// A packet larger than is read.
    TooLarge,
}

impl From<std::io::Error> for WireError {
    fn from(_: std::io::Error) -> Self {
        Self::Closed
    }
}
