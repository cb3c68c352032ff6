//! The fixtures themselves.

#![cfg(test)]

mod clients;
mod scripts;
