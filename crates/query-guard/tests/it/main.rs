//! The guard from outside.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod allowed;
mod attempts;
mod bounds;
mod calls;
mod cases;
mod properties;
mod usual;
