//! Apps and customers' databases: real servers, reached through the whole platform.

mod contract;
mod credentials;
mod leaving;
mod logs;
mod records;
mod restless_clients;
mod saved_queries;
mod sqlmap;
pub mod world;
