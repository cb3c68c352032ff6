//! The provider.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cryptography::KeyBytes;
use secrets_vault::{MasterKeyProvider, ProviderError, Wrapped};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::client::{Client, Question};
use crate::key::Key;
use crate::{Address, KeyName, SettingsError, TransitError, key_name};

/// Reads the token from where it is kept; asked again when the service refuses the one it gave before. The
/// error's text never holds the token.
pub type TokenSource = Arc<dyn Fn() -> Result<Zeroizing<String>, String> + Send + Sync>;

/// Which key of which service.
pub struct Settings {
    /// Where the service is.
    pub address: Address,
    /// Which key.
    pub name: KeyName,
    /// In which namespace, if the service has any.
    pub namespace: Option<String>,
    /// With which token.
    pub token: TokenSource,
    /// Whom to trust.
    pub tls: rustls::ClientConfig,
    /// How long one question may take.
    pub timeout: Duration,
}

/// A master key in a transit engine.
pub struct Transit {
    client: Client,
}

impl fmt::Debug for Transit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transit").field("name", self.client.name()).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: ErasedText,
}

/// A text that is erased when dropped.
struct ErasedText(Zeroizing<String>);

impl<'de> Deserialize<'de> for ErasedText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

impl Transit {
    /// The key that these settings name. Nobody is asked yet.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let Settings { address, name, namespace, token, tls, timeout } = settings;
        if namespace.as_deref().is_some_and(|path| !key_name::is_path(path)) {
            return Err(SettingsError::Namespace);
        }
        Ok(Self { client: Client::new(address, name, namespace, token, tls, timeout)? })
    }

    /// The key's mount and name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        self.client.name()
    }

    async fn key(&self) -> Result<Key, TransitError> {
        let key: Key = self.client.ask(Question::Key).await?;
        match key.unsuitable() {
            Some(reason) => Err(TransitError::Unsuitable { name: self.name().to_string(), reason }),
            None => Ok(key),
        }
    }

    async fn encrypt(&self, place: &[u8], key: &KeyBytes) -> Result<Wrapped, TransitError> {
        // Asked first: with a token that may create, encrypting would make a key that is not there.
        let version = self.key().await?.latest_version;
        let mut body = Zeroizing::new(String::with_capacity(512 + 2 * place.len()));
        body.push_str("{\"plaintext\":\"");
        STANDARD.encode_string(key.as_bytes(), &mut body);
        body.push_str("\",\"associated_data\":\"");
        STANDARD.encode_string(place, &mut body);
        body.push_str("\",\"key_version\":");
        body.push_str(&version.to_string());
        body.push('}');
        let body = Zeroizing::new(std::mem::take(&mut *body).into_bytes());
        let Encrypted { ciphertext } = self.client.ask(Question::Encrypt(body)).await?;
        if !ciphertext.starts_with(&prefix(version)) {
            return Err(self.unsuitable("answers with another version than it was asked for"));
        }
        Ok(Wrapped { master_key: self.name().version(version), bytes: ciphertext.into_bytes() })
    }

    async fn decrypt(&self, place: &[u8], wrapped: &Wrapped) -> Result<KeyBytes, TransitError> {
        let version = self.name().version_of(&wrapped.master_key).ok_or(TransitError::Refused)?;
        let ciphertext = std::str::from_utf8(&wrapped.bytes).map_err(|_| TransitError::Refused)?;
        // Otherwise another version than the one that is counted would open it.
        if !ciphertext.starts_with(&prefix(version)) {
            return Err(TransitError::Refused);
        }
        let body = serde_json::json!({ "ciphertext": ciphertext, "associated_data": STANDARD.encode(place) });
        let body = Zeroizing::new(body.to_string().into_bytes());
        let Decrypted { plaintext } = self.client.ask(Question::Decrypt(body)).await?;
        let bytes = Zeroizing::new(STANDARD.decode(&**plaintext.0).map_err(|_| TransitError::Refused)?);
        KeyBytes::from_slice(&bytes).ok_or(TransitError::Refused)
    }

    /// A key that is used for nothing is wrapped for one place and must open there, and only there: a service
    /// that does not know associated data ignores it without a word.
    async fn try_out(&self) -> Result<Vec<String>, TransitError> {
        let concerns = self.key().await?.concerns();
        let probe = KeyBytes::generate().map_err(|_| TransitError::Randomness)?;
        let wrapped = self.encrypt(b"vybe-probe-1", &probe).await?;
        match self.decrypt(b"vybe-probe-2", &wrapped).await {
            Err(TransitError::Refused) => {}
            Err(error) => return Err(error),
            Ok(_) => {
                return Err(self.unsuitable(
                    "opens at another place than it was wrapped for: the service ignores associated data; \
                     take a newer one",
                ));
            }
        }
        let opened = self.decrypt(b"vybe-probe-1", &wrapped).await?;
        if opened.as_bytes() != probe.as_bytes() {
            return Err(self.unsuitable("gives back something else than it was given"));
        }
        Ok(concerns.into_iter().map(|concern| format!("the key {} {concern}", self.name())).collect())
    }

    fn unsuitable(&self, reason: &'static str) -> TransitError {
        TransitError::Unsuitable { name: self.name().to_string(), reason }
    }
}

/// What a ciphertext of this version begins with.
fn prefix(version: u32) -> String {
    format!("vault:v{version}:")
}

#[async_trait]
impl MasterKeyProvider for Transit {
    async fn current(&self) -> Result<String, ProviderError> {
        Ok(self.name().version(self.key().await?.latest_version))
    }

    fn keeps(&self, master_key: &str) -> bool {
        self.name().version_of(master_key).is_some()
    }

    async fn check(&self) -> Result<Vec<String>, ProviderError> {
        Ok(self.try_out().await?)
    }

    async fn wrap(&self, place: &[u8], key: &KeyBytes) -> Result<Wrapped, ProviderError> {
        Ok(self.encrypt(place, key).await?)
    }

    async fn unwrap(&self, place: &[u8], wrapped: &Wrapped) -> Result<KeyBytes, ProviderError> {
        Ok(self.decrypt(place, wrapped).await?)
    }
}
