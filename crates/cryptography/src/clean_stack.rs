//! What libraries leave on the stack.

use zeroize::Zeroize as _;

/// How much of the stack is overwritten, in bytes; reading an SSH key uses about 20,000.
const DEPTH: usize = 128 * 1024;

/// Does some work, and then overwrites the part of this thread's stack that it used: parsers and ciphers leave
/// copies of keys there, which otherwise stay until something else happens to need as much stack.
///
/// Not for code that recurses deeper than [`DEPTH`], nor for asynchronous code, whose variables are on the heap.
pub fn on_clean_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    overwrite();
    result
}

/// A frame of its own, below the caller's.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// The same place as [`apart`].
#[inline(never)]
fn overwrite() {
    let mut area = [0_u8; DEPTH];
    area.zeroize();
    std::hint::black_box(&area);
}
