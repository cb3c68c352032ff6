//! The tables of the audit trail, whose rows are only ever added, and of what processes tell each other.

pub mod announcements;
pub mod events;
pub mod heads;
pub mod search;
