#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| identity::invariants::return_to(bytes));
