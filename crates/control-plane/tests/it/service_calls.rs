//! Apps and services: accounts, custom APIs and real servers behind TLS, reached through the whole platform.

mod answers;
mod contract;
mod custom_apis;
mod isolation;
mod paths;
mod records;
pub mod world;
