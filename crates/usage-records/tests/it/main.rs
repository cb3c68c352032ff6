//! Records of uses of a thing, kept in memory.

#![cfg(test)]

mod forgetting;
mod losses;
mod uses;
