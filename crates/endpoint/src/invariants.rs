//! What holds for whatever bytes come; for the fuzzer (`xtask/fuzz`) and the tests.

mod framing;
mod host;

pub use framing::framing;
pub use host::host;
