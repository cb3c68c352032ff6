//! Kept decisions, on both stores.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod backlog;
mod evaluation;
mod house;
mod random;
mod reading;
mod retention;
mod traffic;
