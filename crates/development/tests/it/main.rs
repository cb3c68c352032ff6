//! Black-box tests of the development crate.

mod authority;
mod upstream;
