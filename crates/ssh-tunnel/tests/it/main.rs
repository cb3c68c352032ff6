//! Tunnels through real OpenSSH servers.

#![cfg(test)]

mod algorithms;
mod bulk;
mod chains;
mod fixture;
mod foreign_server;
mod host_keys;
mod keys;
mod life;
mod refusals;
