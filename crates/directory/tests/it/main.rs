//! The directory, on both stores.

mod follows;
mod house;
mod outage;
