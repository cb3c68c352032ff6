//! Chains: every record's hash covers the record before it, so that none can be changed, removed or
//! moved without changing every hash after it.

use std::fmt;
use std::str::FromStr;

use cryptography::{Sha256, hexadecimal};
use ids::OrganizationId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Event;

/// A sequence of records of its own, numbered from 1 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// What belongs to no organization.
    Platform,
    /// What belongs to one.
    Organization(OrganizationId),
}

const PLATFORM: &str = "platform";

/// A text that names no chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a chain is `platform` or the identifier of an organization")]
pub struct ChainError;

impl Chain {
    /// The chain that an event belongs to.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        event.organization.map_or(Self::Platform, Self::Organization)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => formatter.write_str(PLATFORM),
            Self::Organization(id) => id.fmt(formatter),
        }
    }
}

impl FromStr for Chain {
    type Err = ChainError;

    fn from_str(text: &str) -> Result<Self, ChainError> {
        if text == PLATFORM {
            return Ok(Self::Platform);
        }
        text.parse().map(Self::Organization).map_err(|_| ChainError)
    }
}

/// What a record is known by: SHA-256 of the hash before it and its exact text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainHash([u8; 32]);

/// A text that is no hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash is 64 lower-case hexadecimal digits")]
pub struct ChainHashError;

impl ChainHash {
    /// What stands before the first record.
    pub const START: Self = Self([0; 32]);

    /// The hash of the record that follows.
    #[must_use]
    pub fn next(self, record: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(&self.0);
        hash.update(record);
        Self(hash.finish())
    }

    /// From raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hexadecimal::encode(&self.0))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for ChainHash {
    type Err = ChainHashError;

    fn from_str(text: &str) -> Result<Self, ChainHashError> {
        hexadecimal::decode(text.as_bytes()).map(Self).ok_or(ChainHashError)
    }
}

macro_rules! written_as_text {
    ($name:ty) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

written_as_text!(Chain);
written_as_text!(ChainHash);
