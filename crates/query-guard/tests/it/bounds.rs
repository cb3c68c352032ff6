//! Large and deeply nested text neither ends the process nor keeps it busy.

use query_guard::{Language, Mode, Reason, check};

const LANGUAGES: [Language; 3] = [Language::Postgresql, Language::Mysql, Language::Redshift];

const MOST: usize = 64 * 1024;

/// `start`, as many `piece`s as fit into 64 KiB, and `end`.
fn filled(start: &str, piece: &str, end: &str) -> String {
    let count = (MOST - start.len() - end.len()) / piece.len();
    format!("{start}{}{end}", piece.repeat(count))
}

/// The deepest that is accepted: `open` and `close` as often as the guard allows.
fn deepest(language: Language, start: &str, open: &str, middle: &str, close: &str) -> String {
    let text = |depth: usize| format!("{start}{}{middle}{}", open.repeat(depth), close.repeat(depth));
    let depth = (1..200).rev().find(|depth| {
        !matches!(check(language, Mode::ReadWrite, &text(*depth)), Err(refusal) if refusal.reason == Reason::TooLarge)
    });
    text(depth.unwrap())
}

/// Runs on a thread with little stack, as a server has many.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(256 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn the_longest_chains_do_not_overflow_the_stack() {
    on_a_small_stack(|| {
        for language in LANGUAGES {
            for (start, piece, end) in [
                ("select 1", "+1", ""),
                ("select 1", " or 1", ""),
                ("select 1", " or a", ""),
                ("select 1", " or a.b=1", ""),
                ("select 1", " and f(a)=1", ""),
                ("select 1", " and 1+1+1+1+1+1+1+1=1", ""),
                ("select 1", " or (a.b=1 and c=2)", ""),
                ("select 1", "union select 1 ", ""),
                ("select (1", ")+(1", ")"),
                ("select a", ".f(a)", ""),
                ("select a", "(a)", ""),
                ("select a", "||a", ""),
                ("select a", "=a", ""),
                ("select a", "^a", ""),
                ("select a", " is null", ""),
                ("select a", "::int", ""),
                ("select a", ".a", ""),
                ("select a", "[1]", ""),
                ("select a", " like a", ""),
                ("select a", " between 1 and a", ""),
                ("select a", " collate \"C\"", ""),
                ("select a", " at time zone a", ""),
                ("select a", " -> a", ""),
                ("select a", " div a", ""),
                ("select 1", ",1", ""),
                ("select 'a'", "\n'a'", ""),
                ("select 1", " union select 1", ""),
                ("select 1", " except select 1", ""),
                ("select * from a", " join a on 1=1", ""),
                ("select * from a", " join a", ""),
                ("select * from a", " natural join a", ""),
                ("select * from a", ",a", ""),
                ("select case", " when 1 then 1", " end"),
                ("select * from a where a in (1", ",1", ")"),
                ("insert into a values (1)", ",(1)", ""),
                ("insert into a values (1)", ",((1)+1)", ""),
                ("update a set a=1", ",a=1", ""),
                ("alter table a add b int", ", add b int", ""),
                ("create table a (a int", ", a int", ")"),
                ("with a as (select 1)", ",a as (select 1)", " select 1"),
                ("select ", "not 1 and ", "1"),
                ("select ", "- 1 - ", "1"),
                ("", "explain ", "select 1"),
                ("select ", "interval '1' day + ", "1"),
                ("", "(", ""),
                ("", "select ", ""),
                ("select ", "case ", ""),
                ("select * from ", "a join ", ""),
                ("select ", "not ", "1"),
                ("select ", "-", "1"),
                ("create function a() returns int language sql as $$ select 1", "+1", " $$"),
                ("create function a() returns int language sql as $$ ", "select (1); ", " $$"),
                ("create function a() returns int language plpgsql as $$ begin ", "if a then ", " end $$"),
                ("create function a() returns int language sql as $$ ", "(", " $$"),
                ("create function a() returns int language sql as '", "\\(", "'"),
            ] {
                let _ = check(language, Mode::ReadWrite, &filled(start, piece, end));
            }
        }
    });
}

#[test]
fn the_deepest_nesting_that_is_accepted_does_not_overflow_the_stack() {
    on_a_small_stack(|| {
        for language in LANGUAGES {
            for (start, open, middle, close) in [
                ("select ", "(", "1", ")"),
                ("select ", "(select ", "1", ")"),
                ("select * from ", "(select * from ", "a", ") a"),
                ("select ", "abs(", "1", ")"),
                ("select ", "case when ", "1", " then 1 end"),
                ("select ", "case 1 when 1 then ", "1", " end"),
                ("select ", "(-(not ", "1", "))"),
                ("", "(", "select 1", ")"),
                ("", "(", "select 1", ") union select 1"),
                ("", "with a as (", "select 1", ") select 1"),
                ("select 1 where ", "a in (select 1 where ", "1", ")"),
                ("select 1 where ", "exists (select 1 where ", "1", ")"),
                ("select ", "array[", "1", "]"),
                ("select a", "[a", "", "]"),
                ("select ", "cast(", "1", " as int)"),
                ("select * from ", "(a join ", "a", " on 1=1)"),
                ("select ", "row(", "1", ")"),
                ("select ", "- ", "1", ""),
                ("select ", "not ", "true", ""),
                ("select ", "not -", "1", ""),
                ("", "explain ", "select 1", ""),
                ("insert into a ", "(select ", "1", ")"),
            ] {
                let deepest = deepest(language, start, open, middle, close);
                let _ = check(language, Mode::ReadOnly, &deepest);
            }
        }
    });
}

#[test]
fn nesting_that_people_write_is_accepted() {
    for language in LANGUAGES {
        let sql = format!("select * from {} a {}", "(select * from ".repeat(12), ") a ".repeat(12));
        check(language, Mode::ReadOnly, &sql).unwrap();
        let sql = format!("select {}1{}", "coalesce(".repeat(20), ",2)".repeat(20));
        check(language, Mode::ReadOnly, &sql).unwrap();
        let sql = format!("select * from a where b in (1{})", ",1".repeat(20_000));
        check(language, Mode::ReadOnly, &sql).unwrap();
    }
}

#[test]
fn what_is_too_large_is_refused_as_that() {
    for language in LANGUAGES {
        for sql in [
            format!("select {}1{}", "(".repeat(30_000), ")".repeat(30_000)),
            format!("select {}1", "- ".repeat(30_000)),
            format!("select {}1", "not ".repeat(10_000)),
            format!("select {}1", "case when ".repeat(1_000)),
            format!("select 1{}", " + 1".repeat(100_000)),
            format!("select '{}'", "x".repeat(MOST)),
        ] {
            assert_eq!(check(language, Mode::ReadOnly, &sql).unwrap_err().reason, Reason::TooLarge);
        }
    }
    let body = format!(
        "create function a() returns int language sql as $$ select {}1{} $$",
        "(".repeat(20_000),
        ")".repeat(20_000)
    );
    assert_eq!(check(Language::Postgresql, Mode::ReadWrite, &body).unwrap_err().reason, Reason::TooLarge);
}
