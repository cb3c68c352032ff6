//! Backups of stores with a row in every table, from each kind of store into each.

#![cfg(test)]

mod damages;
mod every_table;
mod filled;
mod large;
mod refusals;
