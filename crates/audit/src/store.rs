//! The tables of the audit trail. Rows are only ever added.

pub mod events;
pub mod heads;
pub mod search;
