//! The keys that wrap data keys, wherever they are kept.

use std::sync::Arc;

use async_trait::async_trait;
use cryptography::{KeyBytes, MasterKey};

/// A data key as its provider wrapped it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// Which master key wrapped it, and in which version, as [`MasterKeyProvider`] names it.
    pub master_key: String,
    /// The wrapped bytes.
    pub bytes: Vec<u8>,
}

/// Why a provider did not wrap or unwrap.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The provider refused: wrong key, wrong place, or changed bytes.
    #[error("the wrapped key does not open")]
    Refused,
    /// The provider cannot be reached or does not answer as it should; the text names no secret.
    #[error("{0}")]
    Unavailable(String),
}

/// Whoever keeps a master key: this machine, or a key management service that never hands it out.
#[async_trait]
pub trait MasterKeyProvider: Send + Sync {
    /// The name of the key that wraps now.
    ///
    /// # Errors
    /// The provider does not answer.
    async fn current(&self) -> Result<String, ProviderError>;

    /// Whether this provider is the one that unwraps what this key wrapped.
    fn keeps(&self, master_key: &str) -> bool;

    /// Looks whether this provider does what it has to, before anything is served. Answers what an operator
    /// should change although it works.
    ///
    /// # Errors
    /// It does not, and why.
    async fn check(&self) -> Result<Vec<String>, ProviderError> {
        Ok(Vec::new())
    }

    /// Wraps a data key for this place.
    ///
    /// # Errors
    /// The provider does not answer.
    async fn wrap(&self, place: &[u8], key: &KeyBytes) -> Result<Wrapped, ProviderError>;

    /// The data key that was wrapped for this place.
    ///
    /// # Errors
    /// The provider does not answer, or the wrapped key is not one of its keys, or was changed.
    async fn unwrap(&self, place: &[u8], wrapped: &Wrapped) -> Result<KeyBytes, ProviderError>;
}

/// The master key that wraps, and those that only unwrap what they wrapped before they were replaced.
#[derive(Clone)]
pub struct MasterKeys {
    current: Arc<dyn MasterKeyProvider>,
    former: Vec<Arc<dyn MasterKeyProvider>>,
}

impl MasterKeys {
    /// This one wraps; those others only unwrap.
    #[must_use]
    pub fn new(current: Arc<dyn MasterKeyProvider>, former: Vec<Arc<dyn MasterKeyProvider>>) -> Self {
        Self { current, former }
    }

    /// The one that wraps.
    #[must_use]
    pub fn current(&self) -> &dyn MasterKeyProvider {
        self.current.as_ref()
    }

    /// Whether the one that wraps does what it has to. Answers what an operator should change.
    ///
    /// # Errors
    /// It does not, and why.
    pub async fn check(&self) -> Result<Vec<String>, ProviderError> {
        self.current.check().await
    }

    /// Those that only unwrap.
    pub fn former(&self) -> impl Iterator<Item = &dyn MasterKeyProvider> {
        self.former.iter().map(|provider| provider.as_ref() as &dyn MasterKeyProvider)
    }

    /// Whoever unwraps what this key wrapped.
    #[must_use]
    pub fn keeper(&self, master_key: &str) -> Option<&dyn MasterKeyProvider> {
        std::iter::once(&self.current)
            .chain(&self.former)
            .find(|provider| provider.keeps(master_key))
            .map(|provider| provider.as_ref())
    }

    /// Whether both names are of one provider.
    #[must_use]
    pub fn same(&self, one: &str, other: &str) -> bool {
        let keeper = |name| {
            std::iter::once(&self.current).chain(&self.former).position(|provider| provider.keeps(name))
        };
        keeper(one).is_some() && keeper(one) == keeper(other)
    }

    /// The names of the keys that wrap now or did, for a message.
    pub async fn known(&self) -> Vec<String> {
        let mut names = Vec::new();
        for provider in std::iter::once(&self.current).chain(&self.former) {
            names.push(match provider.current().await {
                Ok(name) => name,
                Err(error) => format!("({error})"),
            });
        }
        names
    }
}

/// A master key in this process's memory.
pub struct LocalMasterKey {
    key: MasterKey,
}

impl LocalMasterKey {
    /// Keeps this key.
    #[must_use]
    pub const fn new(key: MasterKey) -> Self {
        Self { key }
    }
}

#[async_trait]
impl MasterKeyProvider for LocalMasterKey {
    async fn current(&self) -> Result<String, ProviderError> {
        Ok(self.key.id().to_owned())
    }

    fn keeps(&self, master_key: &str) -> bool {
        self.key.id() == master_key
    }

    async fn wrap(&self, place: &[u8], key: &KeyBytes) -> Result<Wrapped, ProviderError> {
        let bytes =
            self.key.wrap(place, key).map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        Ok(Wrapped { master_key: self.key.id().to_owned(), bytes })
    }

    async fn unwrap(&self, place: &[u8], wrapped: &Wrapped) -> Result<KeyBytes, ProviderError> {
        self.key.unwrap(place, &wrapped.bytes).map_err(|_| ProviderError::Refused)
    }
}
