//! Named cases: each family of attacks, with its relatives.

use query_guard::{Language, Mode, Reason, check, check_named};

pub const LANGUAGES: [Language; 3] = [Language::Postgresql, Language::Mysql, Language::Redshift];

pub fn reason(language: Language, mode: Mode, sql: &str) -> Reason {
    match check(language, mode, sql) {
        Ok(statement) => panic!("{language:?} {mode:?} let through: {sql}\n{statement:?}"),
        Err(refusal) => refusal.reason,
    }
}

pub fn refused(language: Language, statements: &[&str]) {
    for sql in statements {
        for mode in [Mode::ReadOnly, Mode::ReadWrite] {
            reason(language, mode, sql);
        }
    }
}

pub fn writes(language: Language, statements: &[&str]) {
    for sql in statements {
        assert_eq!(reason(language, Mode::ReadOnly, sql), Reason::ReadOnly, "{sql}");
        let statement =
            check(language, Mode::ReadWrite, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert!(statement.writes(), "{sql}");
    }
}

pub fn passes(language: Language, statements: &[&str]) {
    for sql in statements {
        let statement =
            check(language, Mode::ReadOnly, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        assert!(!statement.writes(), "{sql}");
    }
}

#[test]
fn d01_one_statement_and_no_more() {
    for language in LANGUAGES {
        for mode in [Mode::ReadOnly, Mode::ReadWrite] {
            for sql in [
                "select 1; delete from t",
                "select 1;;",
                "select 1; ;",
                "commit; insert into t values (1)",
                "select 1;\n\nselect 2",
            ] {
                assert_eq!(reason(language, mode, sql), Reason::SeveralStatements, "{sql}");
            }
            for sql in
                ["", " ", ";", " ; select 1", "/* a */ ; delete from t", "-- a\n; delete from t", "-- a"]
            {
                assert_eq!(reason(language, mode, sql), Reason::Empty, "{sql}");
            }
            assert_eq!(reason(language, mode, "select 1\0; delete from t"), Reason::NotUnderstood);
            let statement = check(language, mode, " /* a */ select 1 /* b */ ; -- c").unwrap();
            assert_eq!(statement.sql(), "select 1");
        }
    }
}

#[test]
fn d01_strings_and_comments_hide_nothing() {
    // Each is one statement only for a reader that cuts strings or comments differently than the server.
    refused(
        Language::Postgresql,
        &[
            r"select '\'; delete from t; --'",
            r"select e'\'; delete from t; --'; delete from t",
            "select e'a'\n'\\'; delete from t; --'",
            "select U&'a'\n'b'",
            "select $a$ $b$; delete from t; --$b$ $a$; delete from t",
            "select 1 /* /* */ 1; */ ; delete from t",
            "select 1 -- a\r; delete from t",
            "select 1 /* */ */",
            "select 'a",
            "select \"a",
            "select $a$ b $A$",
            "select 1 /* /* */",
            "select 1a",
            "select $1a from t",
            "\u{feff}select 1",
            "select \u{1} 1",
        ],
    );
    passes(
        Language::Postgresql,
        &[
            "select ';', $$ ; delete from t $$, e'\\';', \"a;\" from t /* ; /* ; */ */",
            "select 'a'\n'b'",
            "select U&'d\\0061t\\+000061', U&\"d\\0061t\" from t",
            "select $ä$ ; $ä$",
        ],
    );
    refused(
        Language::Mysql,
        &[
            r"select '\'; delete from t; -- '; delete from t",
            "select 1 --;delete from t",
            "select 1 /* /* */ ; delete from t -- */",
            "select 1 # a\n; delete from t",
            "select 'a",
            "select \"a",
            "select `a",
            "select 1 /* a",
            "select 1 {d '2020-01-01'}",
            "select \\N",
        ],
    );
    passes(
        Language::Mysql,
        &[
            r#"select ';', "a;\";", ';''', '\';' from `t` # ; delete"#,
            "select 1--1",
            "select 1 -- ; delete from t",
        ],
    );
    refused(
        Language::Redshift,
        &[
            r"select '\'; delete from t; --'",
            r"select '\\\''",
            "select 1 /* /* */ */",
            "select e'a'",
            "select U&'a'",
        ],
    );
    passes(Language::Redshift, &[r"select regexp_substr(a, '\\d+') from t", "select ';' -- ; delete from t"]);
}

#[test]
fn d01_what_is_cut_off_makes_no_comment_of_what_is_left() {
    refused(
        Language::Mysql,
        &["show tables ----- a", "select 1 --;", "select 1 - --; ", "select a ---/* b */"],
    );
    passes(Language::Mysql, &["select 1 -- a", "select 1 - - -1;", "select 1; -- a"]);
    passes(Language::Postgresql, &["select 1 -- a", "select 1 - - -1;", "select 1; -- a"]);
}

#[test]
fn d02_transactions_and_settings_are_not_for_statements() {
    for language in LANGUAGES {
        for sql in [
            "set a = 1",
            "begin",
            "start transaction",
            "commit",
            "rollback",
            "savepoint a",
            "release savepoint a",
            "prepare a as select 1",
            "execute a",
        ] {
            for mode in [Mode::ReadOnly, Mode::ReadWrite] {
                assert_eq!(reason(language, mode, sql), Reason::Session, "{language:?} {sql}");
            }
        }
    }
    for sql in [
        "select set_config('transaction_read_only', 'off', false)",
        "select \"set_config\"('a', 'b', false)",
        "select pg_catalog . SET_CONFIG ('a', 'b', false)",
        "select U&\"\\0073et_config\"('a', 'b', false)",
        "select set_conf\u{130}g('a', 'b', false)",
        "select * from t where a = (select set_config('a', 'b', false))",
        "select ('a'::text).set_config",
    ] {
        assert_eq!(reason(Language::Postgresql, Mode::ReadWrite, sql), Reason::Session, "{sql}");
    }
    refused(Language::Postgresql, &["select U&\"!0073et_config\" uescape '!' ('a', 'b', false)"]);
}

#[test]
fn d03_what_writes_is_refused_wherever_it_hides() {
    writes(
        Language::Postgresql,
        &[
            "with x as (delete from t returning *) select * from x",
            "select (with x as (insert into t values (1) returning a) select count(*) from x)",
            "with x as (select 1) update t set a = 1",
            "select * into u from t",
            "create table u as select 1",
            "merge into t using u on t.a = u.a when matched then delete",
            "truncate t",
            "comment on table t is 'x'",
            "grant all on t to public",
            "create function f() returns int language sql as $$ select 1 $$",
            "explain analyze delete from t",
            "explain insert into t values (1)",
        ],
    );
    writes(
        Language::Mysql,
        &[
            "with x as (select 1) delete from t",
            "replace into t values (1)",
            "create table u select 1",
            "insert into t select 1",
        ],
    );
    passes(
        Language::Postgresql,
        &[
            "select 1 as into",
            "select t.into from t",
            "select update, delete from t",
            "select 'insert into t' as a",
            "select a as \"into\" from t",
        ],
    );
}

#[test]
fn d04_no_text_runs_as_sql() {
    refused(
        Language::Postgresql,
        &[
            "do $$ begin end $$",
            "select query_to_xml('delete from t', true, true, '')",
            "select cursor_to_xml('c', 1, true, true, '')",
            "select * from ts_stat('select 1')",
            "select ts_rewrite('a'::tsquery, 'select 1')",
            "select * from crosstab('select 1') as x(a int)",
            "prepare a as delete from t",
            "execute a",
            "create table u as execute a",
            "explain analyze execute a",
        ],
    );
    passes(Language::Postgresql, &["select ts_rewrite('a'::tsquery, 'b'::tsquery, 'c'::tsquery)"]);
    refused(Language::Mysql, &["execute immediate 'select 1'", "prepare a from 'select 1'", "do sleep(1)"]);
    for language in LANGUAGES {
        let statement = check(language, Mode::ReadWrite, "call p(1)").unwrap();
        assert!(statement.writes() && statement.calls_unknown_functions());
        assert_eq!(reason(language, Mode::ReadOnly, "call p(1)"), Reason::ReadOnly);
    }
}

#[test]
fn d05_no_files_and_no_programs() {
    for sql in [
        "copy t from '/a'",
        "copy t from stdin",
        "copy (select 1) to program 'a'",
        "select pg_read_file('/a')",
        "select PG_CATALOG.\"pg_read_file\"('/a')",
        "select ('/a'::text).pg_read_file",
        "select (select '/a'::text).pg_read_file",
        "select lo_import('/a')",
        "select lo_export(1, '/a')",
        "select * from pg_ls_dir('/')",
        "insert into t select pg_read_binary_file('/a')",
        "create view v as select pg_read_file('/a')",
        "create function f() returns int language c as 'a', 'b'",
        "create function f() returns int language \"plpython3u\" as 'return 1'",
        "grant pg_execute_server_program to current_user",
        "select $1.pg_read_file",
    ] {
        assert_eq!(reason(Language::Postgresql, Mode::ReadWrite, sql), Reason::Server, "{sql}");
    }
    for sql in [
        "select 1 into outfile '/a'",
        "select load_file('/a')",
        "load data infile '/a' into table t",
        "insert into t select load_file ('/a')",
    ] {
        assert_eq!(reason(Language::Mysql, Mode::ReadWrite, sql), Reason::Server, "{sql}");
    }
}

#[test]
fn d06_no_other_servers() {
    refused(
        Language::Postgresql,
        &[
            "select dblink('a', 'b')",
            "select * from public.dblink_exec('a')",
            "select dblink_of_a_later_version('a')",
            "create server a foreign data wrapper b",
            "create user mapping for current_user server a",
            "create foreign table a (b int) server c",
            "import foreign schema a from server b into c",
            "create subscription a connection 'b' publication c",
            "select postgres_fdw_disconnect_all()",
            "select aws_lambda.invoke('a')",
        ],
    );
    refused(
        Language::Mysql,
        &[
            "create table a (b int) engine = federated connection = 'mysql://a'",
            "create table a (b int) engine = connect",
        ],
    );
}

#[test]
fn d07_no_sequences_and_no_locks_in_reads() {
    writes(
        Language::Postgresql,
        &[
            "select nextval('s')",
            "select setval('s', 1)",
            "select ('s'::regclass).nextval",
            "select * from t for update",
            "select * from (select 1 from t for key share) x",
            "select pg_advisory_xact_lock(1)",
        ],
    );
    writes(Language::Mysql, &["select nextval(s)", "select * from t for update"]);
    refused(
        Language::Mysql,
        &[
            "select get_lock('a', 1)",
            "select `GET_LOCK` ('a', 1)",
            "lock tables t read",
            "select @a := 1",
            "select 1 into @a",
            "select @a",
        ],
    );
    writes(Language::Mysql, &["select * from t lock in share mode"]);
    refused(Language::Postgresql, &["lock table t"]);
}

#[test]
fn d08_explain_runs_reads_only() {
    for language in LANGUAGES {
        passes(language, &["explain select 1"]);
    }
    passes(
        Language::Postgresql,
        &["explain analyze select 1", "explain (analyze, buffers, format json) select 1"],
    );
    for sql in [
        "explain analyze delete from t",
        "explain analyze create table a as select 1",
        "explain (analyze) select nextval('s')",
    ] {
        assert_eq!(reason(Language::Postgresql, Mode::ReadOnly, sql), Reason::ReadOnly, "{sql}");
    }
    refused(Language::Postgresql, &["explain analyze execute a", "explain declare a cursor for select 1"]);
}

#[test]
fn d09_nothing_stays_in_the_session() {
    for sql in [
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_lock_shared(1, 2)",
        "create temp table a (b int)",
        "create table pg_temp.a (b int)",
        "select 1 as a into temp b",
        "listen a",
        "declare a cursor with hold for select 1",
        "discard all",
        "reset all",
        "deallocate all",
        "select setseed(0.1)",
        "set role a",
    ] {
        assert_eq!(reason(Language::Postgresql, Mode::ReadWrite, sql), Reason::Session, "{sql}");
    }
    refused(
        Language::Mysql,
        &["create temporary table a (b int)", "use a", "set @a = 1", "set names gbk", "handler t open"],
    );
    refused(
        Language::Redshift,
        &["create temp table a (b int)", "create table #a (b int)", "select 1 as a into #b"],
    );
}

#[test]
fn d10_comments_that_mysql_executes_are_refused() {
    refused(
        Language::Mysql,
        &[
            "select 1 /*! into outfile '/a' */",
            "select 1 /*!50000 into outfile '/a' */",
            "/*!delete from t*/",
            "select 1 /*M! , 2 */",
            "select/**/1/**/into/**/outfile/**/'/a'",
            "set statement max_statement_time = 1 for delete from t",
            "select 1 procedure analyse()",
        ],
    );
    passes(Language::Mysql, &["select 'a /*! b */', `/*! a */` from t", "select 1 /* ! */"]);
}

#[test]
fn d12_placeholders_are_counted_as_the_server_counts() {
    let count = |language, sql: &str| check(language, Mode::ReadOnly, sql).unwrap().placeholders();
    assert_eq!(count(Language::Postgresql, "select $1, $2, $1, '$3', \"$4\", $$ $5 $$ /* $6 */ -- $7"), 2);
    assert_eq!(count(Language::Postgresql, "select a ? 'b', a ?| array['c'], -$1 from t"), 1);
    assert_eq!(count(Language::Mysql, "select ?, '?', \"?\", `?`, ? /* ? */ from t # ?"), 2);
    assert_eq!(count(Language::Redshift, "select :a, :b, :a, a::int, ':c' -- :d"), 2);
    for (language, sql) in [
        (Language::Postgresql, "select $2"),
        (Language::Postgresql, "select $0"),
        (Language::Postgresql, "select $1, $3"),
        (Language::Postgresql, "select $99999999999999999999"),
        (Language::Redshift, "select $1"),
        (Language::Redshift, "select :ä"),
    ] {
        let refusal = check(language, Mode::ReadOnly, sql).unwrap_err();
        assert!(matches!(refusal.reason, Reason::Placeholders | Reason::NotUnderstood), "{sql}: {refusal}");
    }
    for sql in ["select $1, :a", "select a[1:a] from t"] {
        assert_eq!(
            check_named(Language::Postgresql, Mode::ReadOnly, sql).unwrap_err().reason,
            Reason::Placeholders,
            "{sql}"
        );
    }
    assert_eq!(
        check_named(Language::Mysql, Mode::ReadOnly, "select ?, :a").unwrap_err().reason,
        Reason::Placeholders
    );
    let statement =
        check_named(Language::Postgresql, Mode::ReadOnly, "select a[1: b], -:x, 1-:y, a::int from t")
            .unwrap();
    assert_eq!(statement.sql(), "select a[1: b], -$1, 1-$2, a::int from t");
    assert_eq!(statement.names(), ["x", "y"]);
    // A placeholder cannot run into its neighbours.
    check_named(Language::Postgresql, Mode::ReadOnly, "select a:x from t").unwrap_err();
}

#[test]
fn d15_redshift_reaches_nothing_else() {
    refused(
        Language::Redshift,
        &[
            "unload ('select 1') to 's3://a'",
            "copy t from 's3://a'",
            "create external schema a from data catalog database 'b'",
            "create external table a.b (c int)",
            "select pg_terminate_backend(1)",
        ],
    );
    assert_eq!(reason(Language::Redshift, Mode::ReadOnly, "call p()"), Reason::ReadOnly);
}

#[test]
fn functions_of_the_users_own_pass_and_are_told() {
    for language in LANGUAGES {
        for sql in ["select f(1)", "select a.f(1)", "select * from t where f(a) = 1", "select abs(f(1))"] {
            let statement = check(language, Mode::ReadOnly, sql).unwrap();
            assert!(statement.calls_unknown_functions(), "{language:?} {sql}");
        }
        for sql in [
            "select abs(1), upper('a'), count(*), max(a) from t",
            "select coalesce(a, 1) from t",
            "select substring(a, 1, 2) from t",
        ] {
            let statement = check(language, Mode::ReadOnly, sql).unwrap();
            assert!(!statement.calls_unknown_functions(), "{language:?} {sql}");
        }
    }
    let statement = check(Language::Postgresql, Mode::ReadOnly, "select 1 ~+~ 2").unwrap();
    assert!(statement.calls_unknown_functions());
    let statement = check(
        Language::Postgresql,
        Mode::ReadOnly,
        "select a -> 'b' from c.t join pg_catalog.pg_class on true",
    )
    .unwrap();
    assert!(!statement.calls_unknown_functions());
    assert_eq!(statement.relations(), ["c.t", "pg_catalog.pg_class"]);
}
