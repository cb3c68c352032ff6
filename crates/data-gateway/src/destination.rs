//! Where a database is, as whom it is opened, and how the way there is protected.

use std::fmt::Display;
use std::str::FromStr;

use databases::{Engine, Tls};
use outbound::Host;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ssh_tunnel::Fingerprint;

/// Where a database is, and as whom it is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    /// Its kind.
    pub engine: Engine,
    /// Its host; behind SSH servers, as the last of them sees it.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// The name of the database.
    pub database: String,
    /// Who signs in.
    pub user: String,
    /// How the conversation is protected.
    pub tls: TlsMode,
    /// The SSH servers on the way, one behind the other.
    pub hops: Vec<HopAddress>,
}

/// An SSH server on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HopAddress {
    /// Its host; for every server but the first, as the one before it sees it.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub host: Host,
    /// Its port.
    pub port: u16,
    /// Who signs in.
    pub user: String,
    /// The one host key that it may have.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub host_key: Fingerprint,
}

/// How the conversation with a database is protected. What is weaker than `verify-full` says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum TlsMode {
    /// The certificate is of a known authority and names the host.
    VerifyFull {
        /// Authorities in PEM; those of the public internet, if there are none.
        authorities: Option<String>,
    },
    /// The certificate is of this authority, whatever name it has.
    VerifyCa {
        /// Authorities in PEM.
        authorities: String,
        /// Why the name is not checked.
        reason: String,
    },
    /// Encrypted for whoever answers.
    Require {
        /// Why nobody checks who answers.
        reason: String,
    },
    /// In clear text.
    Off {
        /// Why it is not encrypted.
        reason: String,
    },
}

impl TlsMode {
    /// Why it is weaker than `verify-full`, if it is.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::VerifyFull { .. } => None,
            Self::VerifyCa { reason, .. } | Self::Require { reason } | Self::Off { reason } => Some(reason),
        }
    }

    /// Authorities in PEM that are trusted in place of those of the public internet.
    #[must_use]
    pub fn authorities(&self) -> Option<&str> {
        match self {
            Self::VerifyFull { authorities } => authorities.as_deref(),
            Self::VerifyCa { authorities, .. } => Some(authorities),
            Self::Require { .. } | Self::Off { .. } => None,
        }
    }

    /// As the conversation is led.
    pub(crate) fn to_tls(&self) -> Tls {
        match self.clone() {
            Self::VerifyFull { authorities } => Tls::Full { authorities },
            Self::VerifyCa { authorities, .. } => Tls::Authority { authorities },
            Self::Require { .. } => Tls::Unverified,
            Self::Off { .. } => Tls::Off,
        }
    }
}

impl Destination {
    /// Whether what is sent there reaches the same place by the same way, protected alike: only then does a stored
    /// password go on to be used.
    #[must_use]
    pub fn is_same_place(&self, other: &Self) -> bool {
        let place =
            |destination: &Self| Self { tls: TlsMode::Off { reason: String::new() }, ..destination.clone() };
        place(self) == place(other) && self.tls.to_tls() == other.tls.to_tls()
    }
}

fn as_text<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn from_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr,
    T::Err: Display,
    D: Deserializer<'de>,
{
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
