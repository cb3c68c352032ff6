//! The guard from outside.

mod allowed;
