//! The vault: values sealed under the key of the organization that they belong to, which is wrapped by the
//! master key.
//!
//! A value opens only as what it was sealed as: this holder, kind, owner, row, version and data key
//! ([`place`]). A value that does not open is an alarm in the audit trail. No use case answers a plaintext to
//! a person: it is opened where it is used. This crate does not know what apps, databases and services do with values.

mod error;
mod holder;
mod keyring;
mod kind;
mod master_keys;
mod owner;
mod place;
mod store;
mod vault;

pub use error::VaultError;
pub use holder::Holder;
pub use keyring::Keyring;
pub use kind::Kind;
pub use master_keys::{LocalMasterKey, MasterKeyProvider, MasterKeys, ProviderError, Wrapped};
pub use owner::Owner;
pub use store::Store;
pub use vault::{Destroyed, NewValue, Vault};
