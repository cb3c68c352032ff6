//! The HTTP side of the data gateway. The only room that knows JSON shapes.

mod connection_answers;
mod connection_bodies;
mod connection_problem;
mod connections;
mod data_queries;
mod problem;
mod queries;
mod query_records;

pub use connections::ConnectionsApi;
pub use queries::QueriesApi;
