//! What calls a function, or hands one to somebody, however it is written; and what outlives a statement.

use query_guard::{Language, Mode, Reason, check};

use crate::cases::{LANGUAGES, passes, reason};

#[test]
fn members_of_dangerous_families_that_are_not_known_are_refused() {
    for sql in [
        "select pg_something_of_a_later_version()",
        "select lo_something(1)",
        "select ('x'::text).pg_something()",
        "select ('x'::text).pg_something",
        "select (a).b.c.pg_something from t",
        "select a[1].pg_something from t",
        "select txid_something()",
        "select binary_upgrade_something()",
    ] {
        assert_eq!(reason(Language::Postgresql, Mode::ReadWrite, sql), Reason::NotUnderstood, "{sql}");
    }
    passes(
        Language::Postgresql,
        &[
            "select pg_backend_pid(), pg_size_pretty(pg_relation_size('t')), pg_get_viewdef('v')",
            "select pg_sleep(1)",
            "select pg_class.relname from pg_class",
        ],
    );
    for sql in ["select sys_exec('a')", "select sys_something()", "select spider_direct_sql('a')"] {
        reason(Language::Mysql, Mode::ReadWrite, sql);
    }
}

#[test]
fn d04_a_name_with_a_dot_may_be_a_call() {
    for sql in [
        "select t.evil from t",
        "select (t).evil from t",
        "select (row(1)).evil",
        "select a[1].evil from t",
        "select 1 from t where t . \"evil\" = 1",
        "select o.id from orders o",
        "select 1 from t order by t.evil",
        "select 1 from t join u on t.evil = u.a",
        "select 1 from s.t limit (select t.evil from t)",
        "select 1 from t, lateral (select t.evil) x",
        "update t set a = t.evil",
        "insert into t values (1) returning t.evil",
        "select pg_catalog.abs(1)",
    ] {
        let statement = check(Language::Postgresql, Mode::ReadWrite, sql).unwrap();
        assert!(statement.calls_unknown_functions(), "{sql}");
    }
    for sql in [
        "select 1.5, .5, 2., 1.5e3 from t",
        "select 'a.b', \"a.b\" from s.t",
        "table s.t",
        "insert into s.t (a) values (1)",
        "update s.t set a = 1",
        "delete from s.t where a = 1",
    ] {
        let statement = check(Language::Postgresql, Mode::ReadWrite, sql).unwrap();
        assert!(!statement.calls_unknown_functions(), "{sql}");
    }
}

#[test]
fn d04_views_that_are_not_named_are_unknown_functions() {
    for name in ["table_to_xml('v', ", "schema_to_xml('s', ", "database_to_xml("] {
        for name in [name.to_owned(), name.replace("_xml", "_xml_and_xmlschema")] {
            for mode in [Mode::ReadOnly, Mode::ReadWrite] {
                let sql = format!("select {name}true, false, '')");
                let statement = check(Language::Postgresql, mode, &sql).unwrap();
                assert!(statement.calls_unknown_functions(), "{sql}");
            }
        }
    }
}

fn refused_for(language: Language, expected: Reason, statements: &[&str]) {
    for sql in statements {
        assert_eq!(reason(language, Mode::ReadWrite, sql), expected, "{language:?} {sql}");
        reason(language, Mode::ReadOnly, sql);
    }
}

#[test]
fn d05_definitions_hand_nobody_a_function_of_the_server() {
    refused_for(
        Language::Postgresql,
        Reason::Server,
        &[
            "alter extension plpgsql add function f()",
            "alter extension plpgsql drop function f()",
            "create function f() returns text language $$plpython3u$$ as 'x'",
            "create function f() returns text language E'internal' as 'x'",
            "create function f() returns text language N'internal' as 'x'",
            "create function f() returns text language U&'plpython3\\0075' as 'x'",
            "create function f() returns text language U&\"plpython3\\0075\" as 'x'",
            "create function f() returns text language E'sql' as 'x'",
            "create function f() returns text language 'plpy'\n'thon3u' as 'x'",
            "create or replace function f() returns text as 'x' language plperl",
            "create procedure f() language \"C\" as 'x'",
            "create operator @# (function = pg_read_file, rightarg = text)",
            "create operator @# (procedure = \"pg_read_file\", rightarg = text)",
            "create operator @# (function = pg_catalog.pg_read_file, rightarg = text)",
            "create operator @# (function = 'pg_read_file', rightarg = text)",
            "create operator @# (function = U&\"pg_read_fil\\0065\", rightarg = text)",
            "create cast (text as a) with function pg_read_file",
            "create aggregate a (text) (sfunc = pg_read_file, stype = text)",
            "create or replace aggregate a (text) (sfunc = f, stype = text, finalfunc = pg_read_file)",
            "create type a as range (subtype = text, subtype_diff = pg_read_file)",
            "alter operator @# (none, text) set (restrict = pg_read_file)",
            "create trigger a before insert on t execute function pg_reload_conf()",
        ],
    );
    for sql in [
        "create function f(language text) returns table (language text) language sql as 'select 1'",
        "create function f() returns int as 'select 1' language 'plpgsql'",
        "create function f() returns int as 'select 1' language \"sql\"",
        "create table t (language text, function text)",
        "create operator public.=== (function = public.f, leftarg = int, rightarg = int, restrict = eqsel, join = eqjoinsel)",
        "create aggregate a (int) (sfunc = int4pl, stype = int, initcond = '0')",
        "create type a as (http text, b int)",
        "create cast (a as b) with function f(a)",
        "alter extension pg_trgm update",
    ] {
        check(Language::Postgresql, Mode::ReadWrite, sql)
            .unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    }
}

#[test]
fn d05_functions_of_extensions_that_act_outside_are_refused() {
    refused_for(
        Language::Postgresql,
        Reason::Server,
        &[
            "select heap_force_kill('t'::regclass, array['(0,1)']::tid[])",
            "select heap_force_freeze('t'::regclass, array['(0,1)']::tid[])",
            "select autoprewarm_dump_now()",
            "select autoprewarm_start_worker()",
            "select query_export_to_s3('select 1', 'b')",
            "select public.table_import_from_s3('t', '', '', 'b', 'k', 'r')",
            "select pg_truncate_visibility_map('t')",
            "select pg_buffercache_evict(1)",
            "select * from cypher('g', $$ create (n) $$) as (a int)",
            "select run_command_on_workers('select 1')",
            "select oracle_execute('s', 'drop table t')",
            "select http_reset_curlopt()",
            "select azure_storage.blob_put('a', 'b', 'c', 1)",
            "select google_ml.predict_row('a', 'b')",
            "select graphql.resolve('mutation { a }')",
            "select utl_file.fopen('/a', 'b', 'w')",
        ],
    );
    refused_for(Language::Postgresql, Reason::Session, &["select isn_weak(true)"]);
    refused_for(
        Language::Postgresql,
        Reason::NotUnderstood,
        &[
            "select * from pgr_dijkstra('select 1', 1, 2)",
            "select plv8_reset()",
            "select hypopg_create_index('create index on t (a)')",
            "select pg_background_launch('vacuum')",
        ],
    );
}

#[test]
fn d09_temporary_tables_are_refused_in_every_spelling() {
    let everywhere = [
        "create temp table a (b int)",
        "create temporary table a (b int)",
        "create local temp table a (b int)",
        "create local temporary table a as select 1 as b",
        "create global temporary table a (b int)",
        "create table pg_temp.a (b int)",
        "create table pg_temp.a as select 1 as b",
        "create table \"pg_temp\".a (b int)",
        "create table pg_temp_3.a (b int)",
        "create view pg_temp.a as select 1 as b",
        "select 1 as a into temp b",
        "select 1 as a into temp table b",
        "select 1 as a into temporary b",
        "select 1 as a into temporary table b",
        "select 1 as a into local temporary table b",
        "select 1 as a into global temp b",
        "select 1 as a into pg_temp.b",
        "select 1 as a into table PG_TEMP.b",
        "insert into pg_temp.a values (1)",
        "create or replace temporary view a as select 1 as b",
    ];
    refused_for(Language::Postgresql, Reason::Session, &everywhere);
    refused_for(Language::Redshift, Reason::Session, &everywhere);
    refused_for(
        Language::Postgresql,
        Reason::Session,
        &[
            "create sequence pg_temp.a",
            "create function pg_temp.f() returns int language sql as 'select 1'",
            "create type pg_temp.a as (b int)",
            "create temp sequence a",
            "create temp recursive view a (b) as select 1",
            "create table U&\"pg_t\\0065mp\".a (b int)",
            "create extension a schema pg_temp_3",
        ],
    );
    refused_for(
        Language::Mysql,
        Reason::Session,
        &[
            "create temporary table a (b int)",
            "create or replace temporary table a (b int)",
            "create temporary table if not exists a select 1 as b",
            "create temporary sequence a",
            "drop temporary table a",
        ],
    );
    for language in LANGUAGES {
        for sql in ["create table a (temp int)", "alter table a add column temp int"] {
            check(language, Mode::ReadWrite, sql).unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
        }
    }
}

#[test]
fn d15_redshift_makes_no_temporary_tables() {
    refused_for(
        Language::Redshift,
        Reason::Session,
        &[
            "create table #a (b int)",
            "create table \"#a\" (b int)",
            "create table if not exists #a (b int)",
            "create table #a as select 1 as b",
            "select 1 as a into #b",
            "select 1 as a into table #b",
            "select 1 as a into \"#b\"",
            "insert into #a values (1)",
            "create table a.pg_temp.b (c int)",
        ],
    );
}

#[test]
fn d04_attributes_of_dangerous_families_are_refused() {
    for sql in [
        "select x.dblink_connect from unnest(array['host=a']) x",
        "select x.\"dblink_exec\" from unnest(array['delete from t']) x",
        "select x.pg_background_launch from unnest(array['vacuum']) x",
        "select x.pg_read_file from unnest(array['/a']) x",
        "select 1 from unnest(array['a']) x order by x.hypopg_create_index",
        "insert into t values (1) returning t.dblink",
    ] {
        let found = reason(Language::Postgresql, Mode::ReadWrite, sql);
        assert!(matches!(found, Reason::NotUnderstood | Reason::Server), "{sql}: {found:?}");
    }
    for sql in [
        "select l.lo_revenue from lineorder l",
        "select pg_catalog.pg_class.relname from pg_catalog.pg_class",
        "select 1 from pg_catalog.pg_stat_activity a join s.pg_of_mine b on a.pid = b.pid",
        "insert into s.dblink_log values (1)",
        "update s.pg_of_mine set a = 1",
        "alter table s.pg_of_mine add column a int",
        "drop table s.pg_of_mine",
    ] {
        check(Language::Postgresql, Mode::ReadWrite, sql)
            .unwrap_or_else(|refusal| panic!("{sql}: {refusal}"));
    }
}
