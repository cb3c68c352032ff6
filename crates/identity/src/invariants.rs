//! What holds for whatever bytes come; for the fuzzer (`xtask/fuzz`) and the tests.

mod cookies;
mod return_targets;
mod tokens;

pub use cookies::cookie;
pub use return_targets::return_to;
pub use tokens::user_token;
