//! What a server answers to a command.

use super::{Cursor, WireError};

/// The server refuses.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The server's own number of the error.
    pub(crate) number: u16,
    /// SQLSTATE.
    pub(crate) state: String,
    /// In the server's words.
    pub(crate) message: String,
}

/// A statement has ended that gave no rows, or no more rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Done {
    pub(crate) affected: u64,
    pub(crate) inserted: u64,
    pub(crate) status: u16,
    pub(crate) warnings: u16,
    pub(crate) info: String,
}

impl Done {
    /// Whether another result follows.
    pub(crate) const fn has_more(&self) -> bool {
        self.status & 8 != 0
    }

    /// Whether a transaction is open that cannot write.
    pub(crate) const fn in_read_only_transaction(&self) -> bool {
        self.status & 0x2001 == 0x2001
    }
}

/// The first packet of an answer.
pub(crate) enum Reply {
    /// It has ended.
    Done(Done),
    /// Rows with so many columns follow.
    Columns(u16),
    /// It is refused.
    Refused(Refusal),
}

impl Reply {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, WireError> {
        match payload.first() {
            Some(0x00) => Done::parse(payload).map(Self::Done),
            Some(0xff) => Refusal::parse(payload).map(Self::Refused),
            // 0xfb asks for a file of ours. That was never offered, and whoever asks nevertheless is not answered.
            Some(0xfb) | None => Err(WireError::Malformed),
            Some(_) => {
                let mut cursor = Cursor::new(payload);
                let columns = u16::try_from(cursor.integer()?).map_err(|_| WireError::Malformed)?;
                if columns == 0 || columns > MOST_COLUMNS {
                    Err(WireError::Malformed)
                } else {
                    Ok(Self::Columns(columns))
                }
            }
        }
    }
}

/// The most columns that a table of MySQL, or a result, can have.
const MOST_COLUMNS: u16 = 4096;

impl Done {
    fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(payload);
        cursor.byte()?;
        let affected = cursor.integer()?;
        let inserted = cursor.integer()?;
        let status = cursor.two()?;
        let warnings = cursor.two()?;
        let info = cursor.counted().unwrap_or_default();
        Ok(Self { affected, inserted, status, warnings, info: String::from_utf8_lossy(info).into_owned() })
    }

    /// What comes after the last of columns or rows, if it is that.
    pub(crate) fn at_end(payload: &[u8]) -> Result<Option<Self>, WireError> {
        if payload.first() != Some(&0xfe) || payload.len() >= 9 {
            return Ok(None);
        }
        let mut cursor = Cursor::new(payload);
        cursor.byte()?;
        let warnings = cursor.two()?;
        let status = cursor.two()?;
        Ok(Some(Self { warnings, status, ..Self::default() }))
    }
}

impl Refusal {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(payload);
        if cursor.byte()? != 0xff {
            return Err(WireError::Malformed);
        }
        let number = cursor.two()?;
        let mut state = "HY000".to_owned();
        // Errors before the conversation proper have no SQLSTATE.
        if cursor.rest().first() == Some(&b'#') {
            cursor.byte()?;
            let given = cursor.bytes(5)?;
            if given.iter().all(u8::is_ascii_alphanumeric) {
                state = String::from_utf8_lossy(given).into_owned();
            }
        }
        let message = String::from_utf8_lossy(cursor.rest()).into_owned();
        Ok(Self { number, state, message })
    }

    /// The refusal that a packet is, if it is one.
    pub(crate) fn in_packet(payload: &[u8]) -> Result<Option<Self>, WireError> {
        if payload.first() == Some(&0xff) { Self::parse(payload).map(Some) } else { Ok(None) }
    }
}

/// A statement that the server has understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prepared {
    pub(crate) id: u32,
    pub(crate) columns: u16,
    pub(crate) parameters: u16,
}

impl Prepared {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, WireError> {
        let mut cursor = Cursor::new(payload);
        if cursor.byte()? != 0 {
            return Err(WireError::Malformed);
        }
        let (id, columns, parameters) = (cursor.four()?, cursor.two()?, cursor.two()?);
        if columns > MOST_COLUMNS {
            return Err(WireError::Malformed);
        }
        Ok(Self { id, columns, parameters })
    }
}
