//! What stands behind the header: chunks of 64 KiB, each sealed.

use std::io::{Read, Write};

use cryptography::{CHUNK_OVERHEAD, ChunkOpener, ChunkSealer, KeyBytes};

use crate::{BackupError, Header};

/// How much is in a chunk; in the last one it is less, or as much.
const CHUNK: usize = 64 * 1024;

/// Writes a header and, sealed, what follows it.
pub struct SealedWriter<W> {
    output: W,
    sealer: ChunkSealer,
    waiting: Vec<u8>,
}

impl<W: Write> SealedWriter<W> {
    pub fn begin(mut output: W, header: &Header, key: KeyBytes) -> Result<Self, BackupError> {
        output.write_all(header.text()).map_err(BackupError::Write)?;
        let sealer = ChunkSealer::new(key, &header.digest());
        Ok(Self { output, sealer, waiting: Vec::with_capacity(2 * CHUNK) })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.waiting.extend_from_slice(bytes);
        // What may be the last chunk waits.
        while self.waiting.len() > CHUNK {
            let rest = self.waiting.split_off(CHUNK);
            let chunk = std::mem::replace(&mut self.waiting, rest);
            self.seal(chunk, false)?;
        }
        Ok(())
    }

    /// Ends the file; answers what it was written to.
    pub fn finish(mut self) -> Result<W, BackupError> {
        let chunk = std::mem::take(&mut self.waiting);
        self.seal(chunk, true)?;
        self.output.flush().map_err(BackupError::Write)?;
        Ok(self.output)
    }

    fn seal(&mut self, chunk: Vec<u8>, is_last: bool) -> Result<(), BackupError> {
        let sealed = self.sealer.seal(chunk, is_last)?;
        self.output.write_all(&sealed).map_err(BackupError::Write)
    }
}

/// Reads what [`SealedWriter`] wrote behind the header.
pub struct SealedReader<R> {
    input: R,
    opener: ChunkOpener,
    /// The chunk after the one that was opened last: only whoever looks that far knows which is the last.
    next: Vec<u8>,
    opened: Vec<u8>,
    at: usize,
    has_begun: bool,
    /// Where the chunk begins that is opened next.
    byte: u64,
}

impl<R: Read> SealedReader<R> {
    pub fn begin(mut input: R, header: &Header, key: &KeyBytes) -> Result<Self, BackupError> {
        let opener = ChunkOpener::new(key, &header.digest());
        let next = read_chunk(&mut input)?;
        let byte = u64::try_from(header.text().len()).unwrap_or(u64::MAX);
        Ok(Self { input, opener, next, opened: Vec::new(), at: 0, has_begun: false, byte })
    }

    /// Exactly so many bytes.
    pub fn read(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = Vec::with_capacity(length.min(CHUNK));
        while bytes.len() < length {
            if self.at == self.opened.len() && !self.open_next()? {
                return Err(BackupError::Contradicts("it ends within a record".to_owned()));
            }
            let some = (length - bytes.len()).min(self.opened.len() - self.at);
            bytes.extend_from_slice(&self.opened[self.at..self.at + some]);
            self.at += some;
        }
        Ok(bytes)
    }

    /// Whether everything was read.
    pub fn is_at_end(&mut self) -> Result<bool, BackupError> {
        while self.at == self.opened.len() {
            if !self.open_next()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Opens a chunk; false after the last one.
    fn open_next(&mut self) -> Result<bool, BackupError> {
        // The first one is there in every file: an empty rest is a file that was cut off.
        if self.next.is_empty() && self.has_begun {
            return Ok(false);
        }
        self.has_begun = true;
        let chunk = std::mem::replace(&mut self.next, read_chunk(&mut self.input)?);
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        let opened = self.opener.open(chunk, self.next.is_empty());
        self.opened = opened.map_err(|_| BackupError::Damaged(self.byte))?;
        self.at = 0;
        self.byte = self.byte.saturating_add(length);
        Ok(true)
    }
}

fn read_chunk(input: &mut impl Read) -> Result<Vec<u8>, BackupError> {
    let mut chunk = Vec::with_capacity(CHUNK + CHUNK_OVERHEAD);
    let most = u64::try_from(CHUNK + CHUNK_OVERHEAD).unwrap_or(u64::MAX);
    input.take(most).read_to_end(&mut chunk).map_err(BackupError::Read)?;
    Ok(chunk)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header::new("now".to_owned(), "key".to_owned(), vec![7]).unwrap()
    }

    fn copy(key: &KeyBytes) -> KeyBytes {
        KeyBytes::from_slice(key.as_bytes()).unwrap()
    }

    fn written(key: &KeyBytes, length: usize) -> Vec<u8> {
        let mut writer = SealedWriter::begin(Vec::new(), &header(), copy(key)).unwrap();
        let content: Vec<u8> = (0..length).map(|at| at as u8).collect();
        content.chunks(1000).for_each(|piece| writer.write(piece).unwrap());
        writer.finish().unwrap()
    }

    fn read(key: &KeyBytes, mut file: &[u8]) -> Result<usize, BackupError> {
        let header = Header::read(&mut file)?;
        let mut reader = SealedReader::begin(file, &header, key)?;
        let mut length = 0;
        while !reader.is_at_end()? {
            assert_eq!(reader.read(1)?, [length as u8]);
            length += 1;
        }
        Ok(length)
    }

    #[test]
    fn files_of_every_length_are_read_whole_and_cut_ones_are_not() {
        let key = KeyBytes::generate().unwrap();
        for length in [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
            let file = written(&key, length);
            assert_eq!(read(&key, &file).unwrap(), length);
            let begin = header().text().len();
            for cut in [begin, begin + 1, begin + CHUNK + CHUNK_OVERHEAD, file.len() - 1] {
                if cut < file.len() {
                    assert!(
                        matches!(read(&key, &file[..cut]), Err(BackupError::Damaged(_))),
                        "{length} {cut}"
                    );
                }
            }
            for more in [1, CHUNK_OVERHEAD, CHUNK + CHUNK_OVERHEAD] {
                let longer = [file.as_slice(), &vec![0; more]].concat();
                assert!(matches!(read(&key, &longer), Err(BackupError::Damaged(_))), "{length} {more}");
            }
        }
    }

    #[test]
    fn the_header_belongs_to_its_chunks() {
        let key = KeyBytes::generate().unwrap();
        let file = written(&key, 10);
        let changed = String::from_utf8_lossy(&file[..header().text().len()]).replace("now", "new");
        let changed = [changed.as_bytes(), &file[header().text().len()..]].concat();
        assert!(matches!(read(&key, &changed), Err(BackupError::Damaged(_))));
    }
}
