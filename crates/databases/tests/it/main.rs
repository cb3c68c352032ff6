//! Black-box tests of the databases crate, on real servers.

#![cfg(test)]

mod mysql;
mod postgresql;
mod redshift;
mod regression_suite;
mod schema;
