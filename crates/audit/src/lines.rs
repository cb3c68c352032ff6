//! Lines of a file that may be anything, in bounded memory.

use std::io::{self, BufRead, Read as _};

/// Longer than any line that the platform writes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// Reads a file line by line.
pub struct Lines<R> {
    reader: R,
    bytes: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, bytes: Vec::new(), number: 0 }
    }

    /// Reads the next line, or as much of it as is kept at a time; false at the end.
    pub fn read_next(&mut self) -> io::Result<bool> {
        self.bytes.clear();
        let length = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut self.bytes)?;
        self.number += u64::from(length > 0);
        Ok(length > 0)
    }

    /// Which line it is, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// All its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// It without its end, and whether it has one.
    pub fn text(&self) -> (&[u8], bool) {
        match self.bytes.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (&self.bytes, false),
        }
    }
}
