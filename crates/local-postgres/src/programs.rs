//! The programs of PostgreSQL on this machine.

use std::path::{Path, PathBuf};

/// The folder with `postgres` and `initdb`.
#[derive(Clone, Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// The newest there are. Debian and Ubuntu keep them out of PATH, by version.
    #[must_use]
    pub fn find() -> Option<Self> {
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        versions.sort();
        let packaged = versions.into_iter().rev().map(|(_, path)| path);
        let path = std::env::var_os("PATH").unwrap_or_default();
        packaged
            .chain(std::env::split_paths(&path))
            .find(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file())
            .map(Self)
    }

    /// One of them.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }
}
