//! The audit trail, on both stores.

#![cfg(test)]

mod attacks;
mod cases;
mod chains;
mod exports;
mod forger;
mod heads;
mod house;
mod refusals;
mod strangers;
