//! Which addresses may be connected to.

#![cfg(test)]

mod addresses;
mod connections;
