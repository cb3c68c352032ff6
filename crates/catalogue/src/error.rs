//! Why an entry is none.

/// Why an entry is none.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// It is no TOML, or not of this schema.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// It contradicts itself or a rule of the catalogue.
    #[error("{0}")]
    Rule(String),
}
