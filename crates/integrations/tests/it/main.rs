//! Integrations, from outside.

#![cfg(test)]

mod refresh_crashes;
mod refresh_house;
mod refresh_replica;
mod refresh_storm;
mod refreshes;
mod service_revocations;
