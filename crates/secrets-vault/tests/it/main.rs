//! Black-box tests of the vault, on both stores.

mod house;
mod nonces;
mod sealing;
mod swaps;
mod world;
