//! What people write every day passes on a read-only connection.

use query_guard::{Language, Mode, check};

fn pass(language: Language, statements: &[&str]) {
    let refused: Vec<String> = statements
        .iter()
        .filter_map(|sql| {
            check(language, Mode::ReadOnly, sql).err().map(|refusal| format!("{sql}: {refusal}"))
        })
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn in_postgresql() {
    pass(
        Language::Postgresql,
        &[
            "select * from t where id = any($1) and data @> $2::jsonb and data ->> 'a' ilike '%x%'",
            "select date_trunc('month', created_at) as month, sum(total) filter (where paid) from orders group by 1 order by 1",
            "select row_number() over (partition by a order by b desc nulls last rows between 1 preceding and current row) from t",
            "select distinct on (a) * from t order by a, b desc limit 10 offset 5",
            "with recursive x(n) as (values (1) union all select n + 1 from x where n < 10) select * from x",
            "select jsonb_agg(jsonb_build_object('a', a)) from t cross join lateral (select 1) u",
            "select * from generate_series(now() - interval '7 days', now(), '1 day') d(day)",
            "select a[1], a[1:2], array[1, 2] || 3, (r).b, t.* from t where (a, b) in ((1, 2))",
            "select extract(epoch from now()), position('a' in b), trim(both ' ' from b), cast(a as numeric(10, 2)) from t",
            "select * from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')",
            "select c.relname, pg_get_expr(d.adbin, d.adrelid) from pg_catalog.pg_class c join pg_attrdef d on d.adrelid = c.oid",
            "table t",
            "values (1, 'a'), (2, 'b')",
            "show server_version",
            "select count(*) from t tablesample system (1) where a is distinct from b and c between symmetric 1 and 2",
            "select string_agg(a, ',' order by a), percentile_cont(0.5) within group (order by b), grouping(a) from t group by rollup (a)",
            "select x.* from xmltable('/a' passing '<a/>'::xml columns b int path 'b') x",
            "select * from t where to_tsvector('english', body) @@ plainto_tsquery($1) and not exists (select from u)",
        ],
    );
}

#[test]
fn in_mysql() {
    pass(
        Language::Mysql,
        &[
            "select * from `t` where `id` = ? limit 5, 10",
            "select group_concat(distinct a order by a desc separator ', ') from t group by b with rollup",
            "select date_add(a, interval 1 day), a + interval 2 hour, datediff(a, b), date_format(a, '%Y-%m') from t",
            "select if(a > 1, 'x', \"y\"), ifnull(a, 0), a <=> b, a div 2, a % 2, a mod 2, a xor b, a != 1, !a, a && b from t",
            "select json_extract(a, '$.b'), a -> '$.b', a ->> '$.b' from t where a regexp '^x' and b rlike 'y' and c like 'a\\_%' escape '\\\\'",
            "select t.* from t use index (i) straight_join u on t.a = u.a left join v using (a)",
            "select match (a, b) against ('x' in boolean mode) from t",
            "select convert(a using utf8mb4), cast(a as unsigned), cast(b as char(10)), binary a from t",
            "select _utf8mb4'x' collate utf8mb4_bin, x'4142', 0x4142, b'01', n'x'",
            "select row_number() over (partition by a order by b) from t",
            "with recursive x as (select 1 as n union all select n + 1 from x where n < 5) select * from x",
            "select count(distinct a, b), sum(a) from t having sum(a) > 1",
            "select extract(year from a), substring(a from 1 for 2), trim(leading 'x' from a), position('a' in b) from t",
            "select * from information_schema.tables where table_schema = database()",
            "select * from t where (a, b) in ((1, 2), (3, 4)) and c not in (select d from u)",
            "select @@version, @@session.sql_mode",
            "select sleep(1), benchmark(1, 1), last_insert_id(), found_rows(), uuid()",
            "select current_timestamp, current_timestamp(), now(6), utc_timestamp()",
            "select distinct sql_no_cache a from t union all select 1 order by 1",
            "show tables",
            "show full columns from t",
            "show create table t",
            "show index from t",
            "show variables like 'version'",
            "show databases",
            "show warnings",
            "describe t",
            "desc t",
            "explain select * from t",
            "explain format = json select * from t",
        ],
    );
}

#[test]
fn in_redshift() {
    pass(
        Language::Redshift,
        &[
            "select top 10 * from t where a = :a",
            "select dateadd(day, -7, getdate()), datediff(day, a, b), date_trunc('month', a), nvl(a, b) from t",
            "select listagg(a, ',') within group (order by a) from t group by b",
            "select a::varchar(10), cast(b as decimal(10, 2)), convert(int, c) from t",
            "select json_extract_path_text(a, 'b'), a.b.c, a[0].b from t",
            "select * from t where a similar to 'x%' and b ilike 'y' and c ~ '^z' limit 10 offset 5",
            "select row_number() over (partition by a order by b rows unbounded preceding) from t qualify row_number() over (order by a) = 1",
            "select approximate count(distinct a) from t",
            "select median(a), ratio_to_report(a) over (), last_day(b) from t",
            "with x as (select 1 as a) select * from x minus select 2",
            "select * from svv_table_info where \"schema\" = 'public'",
            "select * exclude a from t",
            "select decode(a, 1, 'x', 'y'), case when a then 1 end, extract(year from b), position('a' in c) from t",
            "select interval '1 day' + a, timestamp '2020-01-01', date '2020-01-01' from t",
            "explain select * from t",
            "show search_path",
        ],
    );
}
