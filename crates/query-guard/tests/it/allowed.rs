//! Ordinary statements pass, with the right particulars.

use query_guard::{Language, Mode, Statement, check, check_named};

fn passes(language: Language, mode: Mode, sql: &str) -> Statement {
    check(language, mode, sql).unwrap_or_else(|refusal| panic!("{language:?} {mode:?} {sql}: {refusal}"))
}

#[test]
fn ordinary_statements_pass_in_all_languages() {
    for (language, one) in [(Language::Postgresql, "$1"), (Language::Mysql, "?"), (Language::Redshift, ":a")]
    {
        for (sql, kind) in [
            ("SELECT 1", "select"),
            (
                "select a, count(*) from t where b = @ group by a having count(*) > 1 order by 2 desc limit 10",
                "select",
            ),
            ("WITH x AS (SELECT 1 AS a) SELECT * FROM x UNION ALL SELECT 2", "select"),
            ("select * from a left join b on a.id = b.id where a.n in (1, 2, 3) and b.s like 'x%'", "select"),
            ("select case when a > 1 then 'x' else 'y' end from t where exists (select 1 from u)", "select"),
            ("(select 1) union (select 2);", "select"),
            ("explain select 1", "explain"),
        ] {
            let sql = sql.replace('@', one);
            for mode in [Mode::ReadOnly, Mode::ReadWrite] {
                let statement = passes(language, mode, &sql);
                assert_eq!(statement.kind(), kind, "{sql}");
                assert!(!statement.writes(), "{sql}");
                // In PostgreSQL, `a.id` may be a call.
                let unknown = language == Language::Postgresql && sql.contains("a.id");
                assert_eq!(statement.calls_unknown_functions(), unknown, "{language:?} {sql}");
                assert_eq!(statement.placeholders(), usize::from(sql.contains(one)), "{sql}");
                assert_eq!(statement.mode(), mode);
            }
        }
        for (sql, kind) in [
            ("insert into t (a, b) values (1, 'x'), (2, 'y')", "insert"),
            ("insert into t select * from u where a = @", "insert"),
            ("update t set a = a + 1 where b = @", "update"),
            ("delete from t where a = @", "delete"),
            ("create table t (id integer primary key, note varchar(20) not null)", "create table"),
            ("create view v as select * from t", "create view"),
            ("alter table t add column x integer", "alter table"),
            ("truncate table t", "truncate"),
            ("call p(1)", "call"),
        ] {
            let sql = sql.replace('@', one);
            let statement = passes(language, Mode::ReadWrite, &sql);
            assert_eq!(statement.kind(), kind, "{sql}");
            assert!(statement.writes(), "{sql}");
            assert_eq!(statement.placeholders(), usize::from(sql.contains(one)), "{sql}");
            check(language, Mode::ReadOnly, &sql).unwrap_err();
        }
    }
}

#[test]
fn named_placeholders_become_those_of_the_language() {
    let sql = "select a::text, ':no', \":no\" from t where a = :x /* :no */ and b = :y and c = :x -- :no\n;";
    let statement = check_named(Language::Postgresql, Mode::ReadOnly, sql).unwrap();
    assert_eq!(statement.sql(), "select a::text, ':no', \":no\" from t where a = $1   and b = $2 and c = $1");
    assert_eq!(statement.names(), ["x", "y"]);
    assert_eq!(statement.placeholders(), 2);
    let statement = check(Language::Redshift, Mode::ReadOnly, sql).unwrap();
    assert_eq!(statement.sql(), "select a::text, ':no', \":no\" from t where a = $1   and b = $2 and c = $1");
    assert_eq!(statement.names(), ["x", "y"]);
    let statement = check_named(
        Language::Mysql,
        Mode::ReadOnly,
        "select ':no', `a:no` from t where a = :x and b = :y and c = :x # :no",
    )
    .unwrap();
    assert_eq!(statement.sql(), "select ':no', `a:no` from t where a = ? and b = ? and c = ?");
    assert_eq!(statement.names(), ["x", "y", "x"]);
    assert_eq!(statement.placeholders(), 3);
}
