//! Keys that seal, keys that recognise and keys that sign, all derived from one master key.
//!
//! AES-256-GCM with a random nonce per seal; associated data binds a sealed value to the place it
//! belongs to, so that it does not open anywhere else. Keys have no `Debug`, no `Display` and no
//! `Serialize`, and are erased when dropped. This crate knows no table and no HTTP.

mod error;
mod hashing;
pub mod hexadecimal;
mod master_key;
mod sealing;
mod signing;

pub use error::{MasterKeyError, OpenError, SealError};
pub use hashing::{HashKey, Sha256, Token, digest};
pub use master_key::MasterKey;
pub use sealing::SealingKey;
pub use signing::{PublicKey, SigningKey};
