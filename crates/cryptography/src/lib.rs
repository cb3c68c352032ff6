//! Keys that wrap, seal, recognise and sign, and secrets in memory.
//!
//! AES-256-GCM with a random nonce per seal; associated data binds a sealed value to the place it
//! belongs to, so that it does not open anywhere else. Keys and secrets have no `Debug`, no `Display` and
//! no `Serialize`, and are erased when dropped. This crate knows no table and no HTTP.

mod chunks;
mod clean_stack;
mod error;
mod foreign;
mod hashing;
pub mod hexadecimal;
mod key_bytes;
mod master_key;
mod root_key;
mod sealing;
mod secret_bytes;
mod signing;

pub use chunks::{CHUNK_OVERHEAD, ChunkOpener, ChunkSealer};
pub use clean_stack::on_clean_stack;
pub use error::{MasterKeyError, OpenError, SealError};
pub use foreign::{ForeignKey, ForeignKeyError, hmac_sha256, legacy_hmac};
pub use hashing::{HashKey, Sha256, Token, digest, legacy_digest};
pub use key_bytes::KeyBytes;
pub use master_key::MasterKey;
pub use root_key::RootKey;
pub use sealing::SealingKey;
pub use secret_bytes::{SecretBytes, same};
pub use signing::{PublicKey, SigningKey};
