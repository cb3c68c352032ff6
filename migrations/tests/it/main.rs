//! The schema, on both stores.

#![cfg(test)]

mod connect;
mod schema;
