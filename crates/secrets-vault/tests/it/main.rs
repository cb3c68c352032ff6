//! Black-box tests of the vault, on both stores.

#![cfg(test)]

mod environments;
mod far_away;
mod house;
mod many_values;
mod named_secrets;
mod nonces;
mod office;
mod plaintext;
mod rotations;
mod rotations_under_load;
mod sealing;
mod swaps;
mod values;
mod world;
