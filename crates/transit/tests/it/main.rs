//! Black-box tests of the remote provider, against a service that speaks the transit API.

#![cfg(test)]

mod provider;
