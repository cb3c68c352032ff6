//! The guard from outside.

mod allowed;
mod attempts;
