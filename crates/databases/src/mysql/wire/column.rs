//! What a server says of a column of an answer.

use super::{Cursor, WireError};

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) column_type: ColumnType,
    /// The number of its collation; 63 is none, for bytes.
    pub(crate) character_set: u16,
    /// The most bytes of a value.
    pub(crate) length: u32,
    pub(crate) flags: u16,
    /// Digits after the point.
    pub(crate) decimals: u8,
    /// MariaDB's says of a text that it is JSON.
    pub(crate) is_json: bool,
}

/// The number of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ColumnType(pub(crate) u8);

impl ColumnType {
    pub(crate) const DECIMAL: Self = Self(0);
    pub(crate) const TINY: Self = Self(1);
    pub(crate) const SHORT: Self = Self(2);
    pub(crate) const LONG: Self = Self(3);
    pub(crate) const FLOAT: Self = Self(4);
    pub(crate) const DOUBLE: Self = Self(5);
    pub(crate) const NULL: Self = Self(6);
    pub(crate) const TIMESTAMP: Self = Self(7);
    pub(crate) const LONG_LONG: Self = Self(8);
    pub(crate) const INT24: Self = Self(9);
    pub(crate) const DATE: Self = Self(10);
    pub(crate) const TIME: Self = Self(11);
    pub(crate) const DATE_TIME: Self = Self(12);
    pub(crate) const YEAR: Self = Self(13);
    pub(crate) const NEW_DATE: Self = Self(14);
    pub(crate) const VARCHAR: Self = Self(15);
    pub(crate) const BIT: Self = Self(16);
    pub(crate) const JSON: Self = Self(245);
    pub(crate) const NEW_DECIMAL: Self = Self(246);
    pub(crate) const ENUM: Self = Self(247);
    pub(crate) const SET: Self = Self(248);
    pub(crate) const TINY_BLOB: Self = Self(249);
    pub(crate) const MEDIUM_BLOB: Self = Self(250);
    pub(crate) const LONG_BLOB: Self = Self(251);
    pub(crate) const BLOB: Self = Self(252);
    pub(crate) const VAR_STRING: Self = Self(253);
    pub(crate) const STRING: Self = Self(254);
    pub(crate) const GEOMETRY: Self = Self(255);
}

impl Column {
    const UNSIGNED: u16 = 32;
    const BYTES: u16 = 63;

    /// With `extended` as MariaDB was asked for.
    pub(crate) fn parse(payload: &[u8], extended: bool) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(payload);
        // The catalogue ("def"), the database, the table and its own name.
        for _ in 0..4 {
            cursor.counted()?;
        }
        let name = String::from_utf8_lossy(cursor.counted()?).into_owned();
        cursor.counted()?;
        let is_json = extended && says_json(cursor.counted()?)?;
        if cursor.integer()? < 12 {
            return Err(WireError::Malformed);
        }
        let character_set = cursor.two()?;
        let length = cursor.four()?;
        let column_type = ColumnType(cursor.byte()?);
        let flags = cursor.two()?;
        let decimals = cursor.byte()?;
        Ok(Self { name, column_type, character_set, length, flags, decimals, is_json })
    }

    pub(crate) const fn is_unsigned(&self) -> bool {
        self.flags & Self::UNSIGNED != 0
    }

    pub(crate) const fn is_bytes(&self) -> bool {
        self.character_set == Self::BYTES
    }
}

/// Whether the extended description names the format JSON.
fn says_json(description: &[u8]) -> Result<bool, WireError> {
    let mut cursor = Cursor::new(description);
    while cursor.left() > 0 {
        let kind = cursor.byte()?;
        if cursor.counted()? == b"json" && kind == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}
