//! Reading a payload from its beginning to its end.

use super::WireError;

/// What is left of a payload.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) const fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    pub(crate) const fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes(&mut self, length: usize) -> Result<&'a [u8], WireError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(WireError::Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], WireError> {
        self.bytes(LENGTH)?.try_into().map_err(|_| WireError::Malformed)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, WireError> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn two(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn four(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn eight(&mut self) -> Result<u64, WireError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length-encoded integer.
    pub(crate) fn integer(&mut self) -> Result<u64, WireError> {
        Ok(match self.byte()? {
            0xfc => u64::from(self.two()?),
            0xfd => {
                let [one, two, three] = self.array()?;
                u64::from(u32::from_le_bytes([one, two, three, 0]))
            }
            0xfe => self.eight()?,
            // NULL in rows of text, and an error.
            0xfb | 0xff => return Err(WireError::Malformed),
            small => u64::from(small),
        })
    }

    /// Bytes with their length in front.
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.integer()?).map_err(|_| WireError::Malformed)?;
        self.bytes(length)
    }

    /// As [`Cursor::counted`], or NULL.
    pub(crate) fn counted_or_null(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        if self.0.first() == Some(&0xfb) {
            self.byte()?;
            return Ok(None);
        }
        self.counted().map(Some)
    }

    /// Bytes up to a zero, or to the end.
    pub(crate) fn terminated(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0);
        let (text, rest) = self.0.split_at(end.unwrap_or(self.0.len()));
        self.0 = rest.get(1..).unwrap_or_default();
        text
    }

    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }
}
