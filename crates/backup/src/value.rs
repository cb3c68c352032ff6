//! Values as both stores have them, and the one way in which each is written.

use time::OffsetDateTime;

use crate::BackupError;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Integer,
    Boolean,
    Bytes,
    /// A point in time, in microseconds: PostgreSQL keeps no more.
    Instant,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Text, Self::Integer, Self::Boolean, Self::Bytes, Self::Instant];

    /// The kind of a column of this type, as the migrations declare it for SQLite.
    pub fn of_declared(declared: &str) -> Option<Self> {
        match declared {
            "TEXT" => Some(Self::Text),
            "INTEGER" | "BIGINT" => Some(Self::Integer),
            "BOOLEAN" => Some(Self::Boolean),
            "BLOB" => Some(Self::Bytes),
            "TIMESTAMP" => Some(Self::Instant),
            _ => None,
        }
    }

    pub const fn code(self) -> u8 {
        match self {
            Self::Text => 1,
            Self::Integer => 2,
            Self::Boolean => 3,
            Self::Bytes => 4,
            Self::Instant => 5,
        }
    }

    pub fn of_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Null,
    Text(String),
    Integer(i64),
    Boolean(bool),
    Bytes(Vec<u8>),
    /// Microseconds since 1970-01-01 00:00:00 UTC.
    Instant(i64),
}

/// What stands before a value that is not there.
const NULL: u8 = 0;

impl Value {
    pub fn of_instant(instant: OffsetDateTime) -> Self {
        // Years that `time` has: far from the ends of 64 bits.
        Self::Instant(i64::try_from(instant.unix_timestamp_nanos().div_euclid(1000)).unwrap_or(i64::MAX))
    }

    /// Whether a column of this kind can hold it.
    pub const fn is_of(&self, kind: Kind) -> bool {
        matches!(
            (self, kind),
            (Self::Null, _)
                | (Self::Text(_), Kind::Text)
                | (Self::Integer(_), Kind::Integer)
                | (Self::Boolean(_), Kind::Boolean)
                | (Self::Bytes(_), Kind::Bytes)
                | (Self::Instant(_), Kind::Instant)
        )
    }

    /// Adds the value: its kind, its length where that differs, its bytes. Numbers are big-endian.
    pub fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Null => to.push(NULL),
            Self::Text(text) => {
                to.push(Kind::Text.code());
                write_bytes(to, text.as_bytes());
            }
            Self::Integer(number) => {
                to.push(Kind::Integer.code());
                to.extend_from_slice(&number.to_be_bytes());
            }
            Self::Boolean(truth) => to.extend_from_slice(&[Kind::Boolean.code(), u8::from(*truth)]),
            Self::Bytes(bytes) => {
                to.push(Kind::Bytes.code());
                write_bytes(to, bytes);
            }
            Self::Instant(microseconds) => {
                to.push(Kind::Instant.code());
                to.extend_from_slice(&microseconds.to_be_bytes());
            }
        }
    }
}

/// Adds a length of four bytes, and the bytes.
pub fn write_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    // Neither store keeps a value of four gigabytes.
    to.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend_from_slice(bytes);
}

/// What was written one after the other.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], BackupError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], BackupError> {
        self.take(LENGTH)?.try_into().map_err(|_| short())
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], BackupError> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| short())?)
    }

    pub fn text(&mut self) -> Result<String, BackupError> {
        let text = std::str::from_utf8(self.bytes()?);
        text.map(str::to_owned).map_err(|_| BackupError::Contradicts("a text is not UTF-8".to_owned()))
    }

    pub fn value(&mut self) -> Result<Value, BackupError> {
        let [code] = self.array()?;
        if code == NULL {
            return Ok(Value::Null);
        }
        match Kind::of_code(code) {
            Some(Kind::Text) => self.text().map(Value::Text),
            Some(Kind::Integer) => self.array().map(i64::from_be_bytes).map(Value::Integer),
            Some(Kind::Boolean) => match self.array()? {
                [0] => Ok(Value::Boolean(false)),
                [1] => Ok(Value::Boolean(true)),
                _ => Err(BackupError::Contradicts("a truth value is neither".to_owned())),
            },
            Some(Kind::Bytes) => Ok(Value::Bytes(self.bytes()?.to_vec())),
            Some(Kind::Instant) => self.array().map(i64::from_be_bytes).map(Value::Instant),
            None => Err(BackupError::Contradicts(format!("no value begins with {code}"))),
        }
    }

    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), BackupError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(BackupError::Contradicts("a record is too long".to_owned()))
        }
    }
}

fn short() -> BackupError {
    BackupError::Contradicts("a record is too short".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        let values = [
            Value::Null,
            Value::Text("übersicht\n".to_owned()),
            Value::Text(String::new()),
            Value::Integer(i64::MIN),
            Value::Integer(-1),
            Value::Boolean(true),
            Value::Boolean(false),
            Value::Bytes(vec![0, 255]),
            Value::Bytes(Vec::new()),
            Value::Instant(-1),
        ];
        let mut written = Vec::new();
        values.iter().for_each(|value| value.write(&mut written));
        let mut fields = Fields::new(&written);
        for value in &values {
            assert_eq!(&fields.value().unwrap(), value);
        }
        fields.end().unwrap();
        for length in 0..written.len() {
            let mut fields = Fields::new(&written[..length]);
            let read = (0..values.len()).try_for_each(|_| fields.value().map(drop));
            assert!(read.is_err(), "{length}");
        }
        assert!(Fields::new(&[9]).value().is_err());
        assert!(Fields::new(&[3, 2]).value().is_err());
    }

    #[test]
    fn instants_are_cut_to_microseconds_towards_the_past() {
        let at = |nanoseconds: i128| {
            Value::of_instant(OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap())
        };
        assert_eq!(at(1_999), Value::Instant(1));
        assert_eq!(at(-1), Value::Instant(-1));
    }
}
