//! Organizations, on both stores.

#![cfg(test)]

mod endpoints;
mod groups;
mod house;
mod invitations;
mod members;
mod organizations;
mod records;
mod set_up;
