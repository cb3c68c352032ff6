//! Black-box tests of the whole platform.

mod configuration;
