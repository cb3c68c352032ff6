//! PostgreSQL, on a real server.

mod cancelling;
mod connecting;
mod limits;
mod parameters;
mod result_shapes;
mod running;
pub mod server;
mod state;
mod tunnel;
