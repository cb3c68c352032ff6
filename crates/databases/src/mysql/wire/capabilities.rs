//! What client and server say they can do.

use std::ops::BitOr;

/// Flags of the client/server protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities(pub(crate) u32);

impl Capabilities {
    /// MySQL only: a MariaDB server without this flag has [`MariaCapabilities`].
    pub(crate) const MYSQL: Self = Self(1);
    pub(crate) const FOUND_ROWS: Self = Self(1 << 1);
    pub(crate) const LONG_FLAG: Self = Self(1 << 2);
    pub(crate) const CONNECT_WITH_DATABASE: Self = Self(1 << 3);
    pub(crate) const PROTOCOL_41: Self = Self(1 << 9);
    pub(crate) const TLS: Self = Self(1 << 11);
    pub(crate) const TRANSACTIONS: Self = Self(1 << 13);
    pub(crate) const SECURE_CONNECTION: Self = Self(1 << 15);
    pub(crate) const MULTI_STATEMENTS: Self = Self(1 << 16);
    pub(crate) const MULTI_RESULTS: Self = Self(1 << 17);
    pub(crate) const PREPARED_MULTI_RESULTS: Self = Self(1 << 18);
    pub(crate) const PLUGIN_AUTHENTICATION: Self = Self(1 << 19);

    /// What every session of ours asks for. Results of procedures are several, statements never are. Rows that an UPDATE
    /// finds are counted, as applications of MySQL's usual client for JavaScript expect.
    pub(crate) const ASKED: Self = Self(
        Self::FOUND_ROWS.0
            | Self::LONG_FLAG.0
            | Self::CONNECT_WITH_DATABASE.0
            | Self::PROTOCOL_41.0
            | Self::TRANSACTIONS.0
            | Self::SECURE_CONNECTION.0
            | Self::MULTI_RESULTS.0
            | Self::PREPARED_MULTI_RESULTS.0
            | Self::PLUGIN_AUTHENTICATION.0,
    );
    /// What a server must be able to do: MySQL 5.5, MariaDB 5.5 and later can.
    pub(crate) const NEEDED: Self = Self(
        Self::PROTOCOL_41.0
            | Self::SECURE_CONNECTION.0
            | Self::PLUGIN_AUTHENTICATION.0
            | Self::PREPARED_MULTI_RESULTS.0,
    );

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Capabilities {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// MariaDB's own flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MariaCapabilities(pub(crate) u32);

impl MariaCapabilities {
    /// Columns say that they hold JSON, a UUID and the like.
    pub(crate) const EXTENDED_METADATA: Self = Self(1 << 3);

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
