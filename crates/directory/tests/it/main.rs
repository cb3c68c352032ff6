//! The directory, on both stores.

#![cfg(test)]

mod follows;
mod house;
mod outage;
