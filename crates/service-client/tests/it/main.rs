//! Black-box tests of requests to services, over real TLS.

#![cfg(test)]

mod addresses;
mod callers;
mod calls;
mod fixture;
mod fixtures;
mod other_kinds;
mod revocations;
mod secrecy;
mod service_server;
mod tokens;
