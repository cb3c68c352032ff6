//! Tunnels through real OpenSSH servers.

mod fixture;
mod one_server;
