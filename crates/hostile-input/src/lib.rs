//! Hostile inputs for tests: the corpora that the fuzzer found (`xtask/fuzz/corpus`), and mutations of them.
//!
//! What has to hold for any bytes stands beside the code it is about, in `invariants.rs` of each crate. The fuzzer looks
//! for bytes for which it does not, for minutes and guided by coverage; this crate asks again for what was found, and for
//! mutations that are the same in every run.

mod corpus;
mod mutations;

pub use corpus::{escaped, unescaped};

use mutations::Mutations;

/// Calls `check` with every input of the corpus of `target`, and with so many mutations of them. `check` panics when
/// something does not hold.
///
/// # Panics
/// There is no corpus, or `check` does; then the input is printed.
pub fn replay(target: &str, mutations: usize, check: impl Fn(&[u8])) {
    let inputs = corpus::read(target);
    assert!(!inputs.is_empty(), "the corpus of {target} is empty");
    for input in &inputs {
        checked(input, &check);
    }
    for input in Mutations::of(&inputs).take(mutations) {
        checked(&input, &check);
    }
}

fn checked(input: &[u8], check: &impl Fn(&[u8])) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(input)));
    // What did not hold was printed; this is a line for the corpus.
    assert!(outcome.is_ok(), "does not hold for: {}", escaped(input));
}
