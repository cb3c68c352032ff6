//! What an app may be called.

use apps::AppName;

#[test]
fn names_are_plain_text_for_people() {
    for good in ["CRM", "Kundenbücher 2", "日本語", "a", &"x".repeat(80)] {
        assert_eq!(good.parse::<AppName>().unwrap().as_str(), good);
    }
}

#[test]
fn l01_a_name_neither_breaks_a_log_line_nor_reads_as_another() {
    let too_long = "x".repeat(81);
    for bad in
        ["", " ", " a", "a ", "a\nb", "a\r\nb", "a\u{1b}[31m", "a\0", "a\u{202e}b", "a\u{200b}b", &too_long]
    {
        assert!(bad.parse::<AppName>().is_err(), "{bad:?}");
    }
}
