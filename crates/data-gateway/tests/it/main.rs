//! The data gateway, from outside.

#![cfg(test)]

mod connections;
mod host_keys;
mod office;
mod open_databases;
mod postgres;
mod tampering;
mod trials;
mod turns;
