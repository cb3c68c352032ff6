//! Black-box tests of the vault, on both stores.

mod house;
mod many_values;
mod nonces;
mod rotations;
mod rotations_under_load;
mod sealing;
mod swaps;
mod types;
mod world;
