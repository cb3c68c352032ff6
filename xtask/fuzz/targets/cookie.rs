#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| identity::invariants::cookie(bytes));
