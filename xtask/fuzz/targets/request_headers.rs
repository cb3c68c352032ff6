#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| middleware::invariants::request_headers(bytes));
