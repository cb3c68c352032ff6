//! Reading the trail and passing it on, on both stores, to real receivers.

#![cfg(test)]

mod house;
mod million;
mod searches;
mod syslog;
mod webhooks;
