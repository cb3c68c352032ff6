#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| access_control::invariants::path(bytes));
