//! The data folder, and files in it that only their owner reads.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::DevelopmentError;

/// Where a development platform keeps everything.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens the folder, or makes it for its owner alone (0700).
    ///
    /// # Errors
    /// It is no folder, or cannot be made.
    pub fn open(path: &Path) -> Result<Self, DevelopmentError> {
        let absolute = || -> io::Result<PathBuf> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            fs::canonicalize(path)
        };
        match absolute() {
            Ok(path) => Ok(Self { path }),
            Err(source) => Err(DevelopmentError::Folder { path: path.to_owned(), source }),
        }
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The text of a file, or of a new one that only its owner reads (0600).
    ///
    /// # Errors
    /// The file cannot be read or written, or `make` fails.
    pub fn read_or_make(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Zeroizing<String>, DevelopmentError>,
    ) -> Result<Zeroizing<String>, DevelopmentError> {
        let path = self.file(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Zeroizing::new(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = make()?;
                self.write(name, text.as_bytes())?;
                Ok(text)
            }
            Err(source) => Err(DevelopmentError::Folder { path, source }),
        }
    }

    /// Replaces a file, whole or not at all, for its owner alone (0600).
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, name: &str, contents: &[u8]) -> Result<PathBuf, DevelopmentError> {
        let path = self.file(name);
        let unfinished = self.file(&format!(".{name}.new"));
        let replace = || -> io::Result<()> {
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&unfinished)?;
            file.write_all(contents)?;
            file.sync_all()?;
            fs::rename(&unfinished, &path)
        };
        match replace() {
            Ok(()) => Ok(path),
            Err(source) => Err(DevelopmentError::Folder { path, source }),
        }
    }
}
