//! What a key is called, there and in the table of data keys.

use std::fmt;

use crate::SettingsError;

/// What the name of such a master key begins with.
const SCHEME: &str = "transit:";

/// The mount and the name of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    mount: String,
    key: String,
}

impl KeyName {
    /// The key `key` of the engine at `mount`.
    ///
    /// # Errors
    /// One of them is not well formed.
    pub fn new(mount: &str, key: &str) -> Result<Self, SettingsError> {
        if !is_path(mount) {
            return Err(SettingsError::Mount);
        }
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let ends = [key.bytes().next(), key.bytes().next_back()];
        if !is_segment(key) || !ends.into_iter().all(|end| end.is_some_and(inner)) {
            return Err(SettingsError::Key);
        }
        Ok(Self { mount: mount.to_owned(), key: key.to_owned() })
    }

    /// At which path the engine is.
    #[must_use]
    pub fn mount(&self) -> &str {
        &self.mount
    }

    /// What the key is called there.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The name of one version of it as a master key: `transit:<mount>/<key>:v<version>`.
    #[must_use]
    pub fn version(&self, version: u32) -> String {
        format!("{self}:v{version}")
    }

    /// Which version of this key a master key is, if it is one.
    #[must_use]
    pub fn version_of(&self, master_key: &str) -> Option<u32> {
        let digits = master_key.strip_prefix(&self.to_string())?.strip_prefix(":v")?;
        let version: u32 = digits.parse().ok().filter(|version| *version > 0)?;
        // One name for each version.
        (self.version(version) == master_key).then_some(version)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{SCHEME}{}/{}", self.mount, self.key)
    }
}

/// Segments between single slashes.
pub fn is_path(path: &str) -> bool {
    path.split('/').all(is_segment)
}

fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_one_name() {
        let name = KeyName::new("team/transit", "vybe").unwrap();
        assert_eq!(name.version(3), "transit:team/transit/vybe:v3");
        assert_eq!(name.version_of("transit:team/transit/vybe:v3"), Some(3));
        for other in [
            "transit:team/transit/vybe:v03",
            "transit:team/transit/vybe:v0",
            "transit:team/transit/vybe:v+3",
            "transit:team/transit/vybe:v",
            "transit:team/transit/vybe",
            "transit:transit/vybe:v3",
            "transit:team/transit/vybe2:v3",
            "0123456789abcdef",
        ] {
            assert_eq!(name.version_of(other), None, "{other}");
        }
    }

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        for mount in ["", "/transit", "transit/", "a//b", "../sys", "a b", "transit?x", "ü"] {
            assert_eq!(KeyName::new(mount, "vybe"), Err(SettingsError::Mount), "{mount}");
        }
        for key in ["", "a/b", "..", ".", "-a", "a-", "a b", "a%2fb", "a:v1"] {
            assert_eq!(KeyName::new("transit", key), Err(SettingsError::Key), "{key}");
        }
    }
}
