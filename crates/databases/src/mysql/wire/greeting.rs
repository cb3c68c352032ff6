//! The beginning of a conversation.

use super::{Capabilities, Cursor, MariaCapabilities, Method, WireError};

/// The largest packet that we say we take.
const LARGEST_PACKET: u32 = 1 << 24;
/// `utf8mb4_general_ci`, which every server has.
const UTF8: u8 = 45;

/// What a server says first.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// Its version, as it says.
    pub(crate) version: String,
    /// What passwords are mixed with.
    pub(crate) nonce: Vec<u8>,
    pub(crate) capabilities: Capabilities,
    pub(crate) maria_capabilities: MariaCapabilities,
    /// How it wants the password.
    pub(crate) method: Option<Method>,
}

impl Greeting {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(payload);
        if cursor.byte()? != 10 {
            return Err(WireError::Malformed);
        }
        let version = String::from_utf8_lossy(cursor.terminated()).into_owned();
        // The number of the session, perhaps a proxy's own.
        cursor.four()?;
        let mut nonce = cursor.bytes(8)?.to_vec();
        cursor.byte()?;
        let low = cursor.two()?;
        // A server from before 4.1 stops here.
        cursor.byte()?;
        cursor.two()?;
        let high = cursor.two()?;
        let capabilities = Capabilities(u32::from(low) | (u32::from(high) << 16));
        let length = usize::from(cursor.byte()?);
        cursor.bytes(6)?;
        let maria = cursor.four()?;
        let maria_capabilities =
            MariaCapabilities(if capabilities.has(Capabilities::MYSQL) { 0 } else { maria });
        let second = cursor.bytes(length.saturating_sub(8).max(13).min(cursor.left()))?;
        nonce.extend_from_slice(second.strip_suffix(&[0]).unwrap_or(second));
        let method = Method::named(cursor.terminated());
        Ok(Self { version, nonce, capabilities, maria_capabilities, method })
    }

    /// Whether it is MariaDB, which says so in its version.
    pub(crate) fn is_maria(&self) -> bool {
        self.version.contains("MariaDB")
    }
}

fn head(capabilities: Capabilities, maria: MariaCapabilities) -> Vec<u8> {
    let mut payload = Vec::with_capacity(256);
    payload.extend_from_slice(&capabilities.0.to_le_bytes());
    payload.extend_from_slice(&LARGEST_PACKET.to_le_bytes());
    payload.push(UTF8);
    payload.extend_from_slice(&[0; 19]);
    payload.extend_from_slice(&maria.0.to_le_bytes());
    payload
}

/// What asks for TLS: it names nobody.
pub(crate) fn tls_request(capabilities: Capabilities, maria: MariaCapabilities) -> Vec<u8> {
    head(capabilities, maria)
}

/// What we answer to the greeting.
pub(crate) struct Response<'a> {
    pub(crate) capabilities: Capabilities,
    pub(crate) maria_capabilities: MariaCapabilities,
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) method: Method,
    /// The password, mixed.
    pub(crate) proof: &'a [u8],
}

impl Response<'_> {
    /// Its payload. User and database have no zero byte: it would end them.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut payload = head(self.capabilities, self.maria_capabilities);
        payload.extend_from_slice(self.user.as_bytes());
        payload.push(0);
        payload.push(u8::try_from(self.proof.len()).unwrap_or(0));
        payload.extend_from_slice(self.proof);
        payload.extend_from_slice(self.database.as_bytes());
        payload.push(0);
        payload.extend_from_slice(self.method.name().as_bytes());
        payload.push(0);
        payload
    }
}
