//! The vault: values sealed under the key of the organization that they belong to, which is wrapped by the
//! master key.
//!
//! A value opens only as what it was sealed as: this holder, kind, owner, row, version and data key
//! ([`place`]). A value that does not open is an alarm in the audit trail. No use case answers a plaintext to
//! a person: it is opened where it is used. This crate does not know what apps, databases and services do with values.

mod endpoints;
mod error;
mod examination;
mod holder;
mod keyring;
mod kind;
mod master_keys;
mod occasion;
mod owner;
mod place;
mod resealing;
mod rewrapping;
mod rotation;
mod rotation_work;
mod rotations;
mod store;
mod vault;

pub use endpoints::VaultApi;
pub use error::VaultError;
pub use examination::{DataKeyState, MasterKeyInUse, SwapTest};
pub use holder::Holder;
pub use keyring::Keyring;
pub use kind::Kind;
pub use master_keys::{LocalMasterKey, MasterKeyProvider, MasterKeys, ProviderError, Wrapped};
pub use occasion::Occasion;
pub use owner::Owner;
pub use rotation::{Broken, Proof, Rotation, RotationState, Subject};
pub use rotations::{KeyInUse, KeyRotations, RotationLimits};
pub use store::Store;
pub use store::data_keys::TABLE as DATA_KEYS;
pub use vault::{Destroyed, NewValue, Vault};
