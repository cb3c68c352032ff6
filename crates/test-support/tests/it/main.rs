//! The fixtures themselves.

#![cfg(test)]

mod clients;
mod leaks;
mod scripts;
