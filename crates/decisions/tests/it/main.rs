//! Kept decisions, on both stores.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "what was counted is part of the proof")]

mod backlog;
mod evaluation;
mod house;
mod random;
mod reading;
mod retention;
mod traffic;
