//! The HTTP side of the data gateway. The only room that knows JSON shapes.

mod problem;
mod queries;

pub use queries::QueriesApi;
