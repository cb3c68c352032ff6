//! A master key that never leaves its key management service: the transit engine of HashiCorp Vault and
//! OpenBao, over their HTTP API.
//!
//! Invariants:
//! - a data key is wrapped with its place as associated data, and a service that ignores it is refused;
//! - each version of the key is a master key of its own, so that a rotation there is a rotation here;
//! - a key is never made by wrapping with it, and no message holds a token or anything the service wrote.
//!
//! This crate knows no table, and of the vault only what a provider has to do.

mod address;
mod client;
mod error;
mod key;
mod key_name;
mod transit;

pub use address::Address;
pub use error::{SettingsError, TransitError};
pub use key_name::KeyName;
pub use transit::{Settings, TokenSource, Transit};
