//! Black-box tests of keys, sealing and secrets.

mod compile_fail;
mod nonces;
mod tampering;
