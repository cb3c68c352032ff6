//! What holds for any text.

use proptest::prelude::*;
use query_guard::{Language, Mode, check, check_named};

fn languages() -> impl Strategy<Value = Language> {
    prop_oneof![Just(Language::Postgresql), Just(Language::Mysql), Just(Language::Redshift)]
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::ReadOnly), Just(Mode::ReadWrite)]
}

/// Pieces of which statements, and what looks like them, are made.
fn pieces() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "select",
        "from",
        "where",
        "insert into",
        "delete from",
        "update",
        "set",
        "with",
        "as",
        "values",
        "union",
        "join",
        "on",
        "case",
        "when",
        "then",
        "end",
        "(",
        ")",
        "[",
        "]",
        ",",
        ";",
        "'",
        "\"",
        "`",
        "$$",
        "$a$",
        "$1",
        "$2",
        "?",
        ":a",
        "::",
        ":=",
        "--",
        "-- ",
        "#",
        "/*",
        "*/",
        "/*!",
        "\\",
        "e'",
        "U&'",
        "U&\"",
        "N'",
        "x'",
        "0x1",
        "1e5",
        "1.5",
        ".",
        "..",
        "*",
        "a",
        "t",
        "ä",
        "for update",
        "into",
        "explain",
        "analyze",
        "not",
        "-",
        "||",
        "->",
        "@",
        "@@",
        "{",
        "}",
        "\n",
        "\r",
        "\t",
        "\0",
        "nextval(",
        "f(",
        "create function",
        "language sql",
        "returns int",
        "begin",
        "interval",
        "date",
        "collate",
        "over",
        "array",
        "row",
        "lateral",
    ]);
    prop_oneof![6 => known.prop_map(str::to_owned), 1 => any::<String>(), 1 => "[a-z0-9_$'\"`:;/*-]{1,6}"]
}

const VALID: &[&str] = &[
    "select a, b from t where c = 'x' and d in (1, 2, 3) order by a limit 5",
    "with x as (select a from t) select * from x join u on x.a = u.a where u.b is not null",
    "insert into t (a, b) values (1, 'x'), (2, 'y')",
    "update t set a = a + 1, b = 'x''y' where c = -1.5",
    "select case when a > 1 then 'x' else \"y\" end, count(*) from t group by a having count(*) > 1 /* a */ -- b",
    "select cast(a as int), (select max(b) from u where u.c = t.c) from t",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_text_never_panics(sql in any::<String>(), language in languages(), mode in modes()) {
        let _ = check(language, mode, &sql);
        let _ = check_named(language, mode, &sql);
    }

    #[test]
    fn what_looks_like_statements_never_panics(words in prop::collection::vec(pieces(), 0..24), language in languages(), mode in modes()) {
        let sql = words.join(" ");
        let _ = check_named(language, mode, &sql);
        if let Ok(statement) = check(language, mode, &sql) {
            // What is sent is understood again, and is the same.
            let again = if language == Language::Redshift { return Ok(()) } else { check(language, mode, statement.sql()) };
            let again = again.unwrap();
            prop_assert_eq!(again.sql(), statement.sql());
            prop_assert_eq!(again.fingerprint(), statement.fingerprint());
            prop_assert_eq!(again.placeholders(), statement.placeholders());
            prop_assert_eq!(again.writes(), statement.writes());
        }
    }

    #[test]
    fn mutated_statements_never_panic(which in 0..VALID.len(), at in any::<prop::sample::Index>(), piece in pieces(), cut in 0..4_usize, language in languages(), mode in modes()) {
        let valid: Vec<char> = VALID[which].chars().collect();
        let at = at.index(valid.len());
        let sql: String = valid[..at].iter().copied().chain(piece.chars()).chain(valid[(at + cut).min(valid.len())..].iter().copied()).collect();
        let _ = check(language, mode, &sql);
    }

    #[test]
    fn placeholders_are_counted_right(columns in prop::collection::vec(0..4_usize, 1..20), language in languages()) {
        let mut expected = 0;
        let mut next = 0;
        let items: Vec<String> = columns.iter().map(|kind| match (kind, language) {
            (0, Language::Postgresql) => { next += 1; expected += 1; format!("${next}") }
            (0, Language::Mysql) => { expected += 1; "?".to_owned() }
            (0, Language::Redshift) => { next += 1; expected += 1; format!(":p{next}") }
            (1, _) => "'$1 ? :p'".to_owned(),
            (2, _) => "a /* $1 ? :p */".to_owned(),
            _ => "1".to_owned(),
        }).collect();
        let statement = check(language, Mode::ReadOnly, &format!("select {}", items.join(", "))).unwrap();
        prop_assert_eq!(statement.placeholders(), expected);
        let named = columns.iter().map(|kind| if *kind == 0 { ":x" } else { "1" }).collect::<Vec<_>>().join(", ");
        let statement = check_named(language, Mode::ReadOnly, &format!("select {named}")).unwrap();
        let places = columns.iter().filter(|kind| **kind == 0).count();
        prop_assert_eq!(statement.placeholders(), if language == Language::Mysql { places } else { places.min(1) });
        prop_assert_eq!(statement.placeholders(), statement.names().len());
    }

    #[test]
    fn fingerprints_know_no_constants(number in any::<i64>(), text in "[a-z ]{0,20}", spaces in "[ \t\n]{1,5}", upper in any::<bool>(), language in languages()) {
        let shape = |number: i64, text: &str, space: &str, upper: bool| {
            let select = if upper { "SELECT" } else { "select" };
            let sql = format!("{select}{space}a from{space}t where b = {number}{space}and c = '{text}' /* {text} */");
            check(language, Mode::ReadOnly, &sql).unwrap().fingerprint()
        };
        let first = shape(1, "x", " ", false);
        prop_assert_eq!(first, shape(number, &text, &spaces, upper));
        for other in ["select a from t where b = 1 and d = 'x'", "select a from u where b = 1 and c = 'x'", "select a from t where b = 1 or c = 'x'", "select a from t where b > 1 and c = 'x'", "select a, a from t where b = 1 and c = 'x'"] {
            prop_assert_ne!(first, check(language, Mode::ReadOnly, other).unwrap().fingerprint());
        }
    }
}

#[test]
fn fingerprints_of_languages_and_of_tables_that_differ_in_case_differ() {
    let of = |language, sql: &str| check(language, Mode::ReadOnly, sql).unwrap().fingerprint();
    assert_ne!(of(Language::Postgresql, "select 1"), of(Language::Mysql, "select 1"));
    assert_eq!(of(Language::Postgresql, "select A from T"), of(Language::Postgresql, "SELECT a FROM t"));
    assert_ne!(of(Language::Postgresql, "select \"A\""), of(Language::Postgresql, "select \"a\""));
    assert_ne!(of(Language::Mysql, "select 1 from Tabelle"), of(Language::Mysql, "select 1 from tabelle"));
    let printed = of(Language::Postgresql, "select 1").to_string();
    assert!(printed.len() == 16 && printed.bytes().all(|byte| byte.is_ascii_hexdigit()));
}
