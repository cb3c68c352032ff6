//! The policy on real stores, wired as the platform wires it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod changes;
mod comparison;
mod explanations;
mod files;
mod house;
mod large;
mod wrong_edits;
