//! Kept decisions, on both stores.
