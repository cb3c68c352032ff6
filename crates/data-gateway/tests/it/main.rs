//! The data gateway, from outside.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod connections;
mod host_keys;
mod office;
mod postgres;
mod tampering;
mod trials;
mod turns;
