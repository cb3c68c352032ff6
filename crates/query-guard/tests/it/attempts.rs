//! Every attempt to write that is on the lists is refused on a read-only connection.

use query_guard::{Language, Mode, check, check_named};

const LEFT_TO_LOCKS: &str = "-- left to the database's own locks";

/// The attempts that the guard refuses, and those that it leaves to the other locks.
fn attempts(list: &'static str) -> (Vec<&'static str>, Vec<&'static str>) {
    let (refused, left) = list.split_once(LEFT_TO_LOCKS).unwrap_or((list, ""));
    let lines = |text: &'static str| {
        text.lines().filter(|line| !line.is_empty() && !line.starts_with("-- ")).collect()
    };
    (lines(refused), lines(left))
}

fn all_are_refused(language: Language, list: &'static str) {
    let (refused, left) = attempts(list);
    assert!(refused.len() >= 150, "{} attempts", refused.len());
    for sql in refused {
        for spelling in [
            sql.to_owned(),
            sql.to_lowercase(),
            sql.replace(' ', "\t"),
            sql.replace(' ', "\n"),
            sql.replace(' ', "/**/ "),
            format!("/* a */ -- b\n{sql}"),
            format!("{sql} -- b"),
        ] {
            if let Ok(statement) = check(language, Mode::ReadOnly, &spelling) {
                panic!("{language:?} let through: {spelling}\n{statement:?}");
            }
            assert!(check_named(language, Mode::ReadOnly, &spelling).is_err(), "{spelling}");
        }
    }
    for sql in left {
        check(language, Mode::ReadOnly, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    }
}

#[test]
fn postgresql() {
    all_are_refused(Language::Postgresql, include_str!("../../attempts/postgresql.sql"));
}

#[test]
fn mysql() {
    all_are_refused(Language::Mysql, include_str!("../../attempts/mysql.sql"));
}

#[test]
fn d15_redshift() {
    all_are_refused(Language::Redshift, include_str!("../../attempts/redshift.sql"));
}
