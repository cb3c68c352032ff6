//! What can go wrong with keys and sealed values.

/// The master key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// Not 32 bytes in base64.
    #[error("holds no key, which is 32 random bytes in base64")]
    Malformed,
    /// 32 times the same byte: a place holder, not a key.
    #[error("holds no key, but 32 times the same byte")]
    Constant,
}

/// A value was not sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator or cipher refused to seal")]
pub struct SealError;

/// A sealed value does not open: wrong key, wrong place, or changed. Which one is not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the sealed value does not open here")]
pub struct OpenError;
