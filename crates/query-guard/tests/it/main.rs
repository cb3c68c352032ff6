//! The guard from outside.

mod allowed;
mod attempts;
mod bounds;
mod cases;
mod properties;
mod usual;
