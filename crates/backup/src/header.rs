//! The first line of a backup: which key opens the rest.

use std::io::{BufRead, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptography::digest;
use serde::{Deserialize, Serialize};

use crate::BackupError;

/// What this release writes and reads.
const FORMAT: &str = "vybe-backup-1";

/// What every format begins with.
const FORMATS: &str = "vybe-backup-";

/// No header is longer.
const LONGEST: u64 = 4096;

/// The first line, in clear: it names the key, and holds nothing of the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    text: String,
    /// When the backup was begun (RFC 3339).
    pub created_at: String,
    /// The master key that wrapped the file's key, as its provider names it.
    pub master_key: String,
    /// The file's key, wrapped for [`Header::place`].
    pub wrapped_key: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line {
    format: String,
    created_at: String,
    master_key: String,
    wrapped_key: String,
}

#[derive(Deserialize)]
struct Format {
    format: String,
}

impl Header {
    /// The associated data with which the key of a file that was begun at this time is wrapped.
    #[must_use]
    pub fn place(created_at: &str) -> Vec<u8> {
        format!("{FORMAT} {created_at}").into_bytes()
    }

    /// The header of a new file.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn new(created_at: String, master_key: String, wrapped_key: Vec<u8>) -> Result<Self, BackupError> {
        let line = Line {
            format: FORMAT.to_owned(),
            created_at: created_at.clone(),
            master_key: master_key.clone(),
            wrapped_key: STANDARD.encode(&wrapped_key),
        };
        let json = serde_json::to_string(&line).map_err(|error| BackupError::Write(error.into()))?;
        Ok(Self { text: json + "\n", created_at, master_key, wrapped_key })
    }

    /// Reads the first line of a file, and nothing behind it.
    ///
    /// # Errors
    /// The file cannot be read, is no backup, or one of a newer release.
    pub fn read(file: &mut impl BufRead) -> Result<Self, BackupError> {
        let mut line = Vec::new();
        file.take(LONGEST).read_until(b'\n', &mut line).map_err(BackupError::Read)?;
        let text = String::from_utf8(line).map_err(|_| BackupError::NotABackup)?;
        let Some(json) = text.strip_suffix('\n') else { return Err(BackupError::NotABackup) };
        match serde_json::from_str::<Format>(json) {
            Ok(Format { format }) if format == FORMAT => {}
            Ok(Format { format }) if format.starts_with(FORMATS) => return Err(BackupError::Format(format)),
            _ => return Err(BackupError::NotABackup),
        }
        let line: Line = serde_json::from_str(json).map_err(|_| BackupError::NotABackup)?;
        let wrapped_key = STANDARD.decode(&line.wrapped_key).map_err(|_| BackupError::NotABackup)?;
        Ok(Self { created_at: line.created_at, master_key: line.master_key, wrapped_key, text })
    }

    pub(crate) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// What binds every chunk to this line.
    pub(crate) fn digest(&self) -> Vec<u8> {
        digest(self.text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_and_nothing_else_is_one() {
        let header = Header::new("2026-01-02T03:04:05Z".to_owned(), "0123".to_owned(), vec![1, 2]).unwrap();
        let file = [header.text(), b"the rest"].concat();
        let mut rest = file.as_slice();
        assert_eq!(Header::read(&mut rest).unwrap(), header);
        assert_eq!(rest, b"the rest");
        for length in 0..header.text().len() {
            assert!(matches!(Header::read(&mut &file[..length]), Err(BackupError::NotABackup)), "{length}");
        }
        let newer = String::from_utf8(file).unwrap().replace("backup-1", "backup-2");
        assert!(matches!(Header::read(&mut newer.as_bytes()), Err(BackupError::Format(_))));
        for other in ["SQLite format 3\0", "{\"format\":\"x\"}\n", "\n", "{}\n"] {
            assert!(matches!(Header::read(&mut other.as_bytes()), Err(BackupError::NotABackup)), "{other}");
        }
    }
}
