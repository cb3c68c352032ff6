//! The HTTP side of the data gateway. The only room that knows JSON shapes.

mod connection_answers;
mod connection_bodies;
mod connection_problem;
mod connections;
mod problem;
mod queries;

pub use connections::ConnectionsApi;
pub use queries::QueriesApi;
