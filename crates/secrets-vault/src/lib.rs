//! The vault: values sealed under the key of the organization that they belong to, which is wrapped by the
//! master key.
//!
//! A value opens only as what it was sealed as: this holder, kind, owner, row, version and data key
//! ([`place`]). A value that does not open is an alarm in the audit trail. No use case answers a plaintext to
//! a person: it is opened where it is used. This crate does not know what apps, databases and services do with values.

mod derivations;
mod endpoints;
mod environments;
mod error;
mod examination;
mod holder;
mod keyring;
mod kind;
mod master_keys;
mod named_secrets;
mod owner;
mod place;
mod resealing;
mod rewrapping;
mod rotation;
mod rotation_work;
mod rotations;
mod secret;
mod secret_error;
mod secret_owner;
mod store;
mod value;
mod variable;
mod vault;

pub use endpoints::{SecretText, VaultApi};
pub use environments::{Environments, InjectedEnvironment, PlatformVariable, VariableSource};
pub use error::VaultError;
pub use examination::{DataKeyState, MasterKeyInUse, SwapTest};
pub use holder::Holder;
pub use keyring::Keyring;
pub use kind::Kind;
pub use master_keys::{LocalMasterKey, MasterKeyProvider, MasterKeys, ProviderError, Wrapped};
pub use named_secrets::{AppSecrets, NamedSecrets, OwnSecrets, Secrets};
pub use owner::Owner;
pub use rotation::{Broken, Proof, Rotation, RotationState, Subject};
pub use rotations::{KeyInUse, KeyRotations, RotationLimits};
pub use secret::{NewSecret, NewSecretValue, Secret, SecretScope, SecretUse};
pub use secret_error::SecretError;
pub use secret_owner::{OfApp, OfMember, OfOrganization, SecretOwner};
pub use store::Store;
pub use store::data_keys::TABLE as DATA_KEYS;
pub use value::fields::{join as join_fields, split_all as split_fields};
pub use value::{
    BasicCredentials, ConnectionString, DatabaseProduct, GivenParts, GivenValue, LARGEST_VALUE,
    OauthTokenSet, SecretValue, SshPrivateKey, ValueError,
};
pub use variable::VariableError;
pub use vault::{Destroyed, NewValue, Vault};
