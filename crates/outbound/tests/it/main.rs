//! Which addresses may be connected to.

mod addresses;
mod connections;
