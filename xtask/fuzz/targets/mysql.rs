#![no_main]

use query_guard::Language;

libfuzzer_sys::fuzz_target!(init: fuzz::let_parsers_give_up(), |bytes: &[u8]| {
    query_guard::invariants::statement(Language::Mysql, bytes);
});
