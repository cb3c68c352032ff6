//! The schema, on both stores.

mod connect;
mod schema;
