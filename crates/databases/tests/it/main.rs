//! Black-box tests of the databases crate, on real servers.

#![cfg(test)]

mod regression_suite;
