//! A PostgreSQL server of one's own: the machine's programs, a private folder, and an end when whoever started it ends.
//!
//! For tests, checks and the demo. It knows nothing of the product, and the product knows it in `vybe dev` only.

mod error;
mod programs;
mod server;

pub use error::ServerError;
pub use programs::Programs;
pub use server::{Certificate, Listen, LocalServer, Protection};
