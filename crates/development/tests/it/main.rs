//! Black-box tests of the development crate.

#![cfg(test)]

mod authority;
mod demo_database;
mod demo_service;
mod upstream;
