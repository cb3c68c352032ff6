//! Records of what is used: from the beginning of a use to the row that says who used what.
//!
//! A use has a place in a queue before it begins, so that none goes on that is not recorded: while the store does not keep
//! up, callers wait. A use that is dropped is recorded as abandoned. One task writes, and loses nothing as long as the
//! process lives. This crate knows neither what is used nor any table.

mod record;
mod record_store;
mod recorder;
mod sweep;
mod writer;

pub use record::{Record, Uses};
pub use record_store::RecordStore;
pub use recorder::{Begun, NoPlace, Recorder};
pub use sweep::sweep;
pub use writer::Writer;
