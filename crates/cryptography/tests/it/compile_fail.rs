//! What must not compile. One program for each thing that must not be done with each type; the compiler's words are kept beside it.

#[test]
fn secrets_and_keys_are_not_printed_serialised_cloned_or_compared() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
