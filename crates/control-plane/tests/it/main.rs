//! Black-box tests of the whole platform.

#![cfg(test)]

mod access_matrix;
mod browser;
mod configuration;
mod credentials;
mod demo;
mod installation;
mod invitations;
mod platform;
mod sign_in;
mod starting;
mod store_lost;
mod streams;
