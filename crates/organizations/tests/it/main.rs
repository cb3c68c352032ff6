//! Organizations, on both stores.

#![cfg(test)]

mod deletion;
mod endpoints;
mod groups;
mod house;
mod invitations;
mod letters;
mod members;
mod organizations;
mod owners;
mod pieces;
mod records;
mod set_up;
