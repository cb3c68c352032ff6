//! The form of every type in JSON, as docs/guides/result-shapes.md has it.

use databases::QueryError;

use super::server::{both, open, read, server, write};

/// A value in SQL, and what it becomes.
const SHAPES: &[(&str, &str)] = &[
    ("NULL", "null"),
    ("NULL::int", "null"),
    ("true", "true"),
    ("false", "false"),
    // Whole numbers.
    ("(-32768)::int2", "-32768"),
    ("2147483647", "2147483647"),
    ("(-2147483648)::int4", "-2147483648"),
    ("0::int8", "\"0\""),
    ("9007199254740993", "\"9007199254740993\""),
    ("(-9223372036854775808)::int8", "\"-9223372036854775808\""),
    ("4294967295::oid", "4294967295"),
    // Floating point, as JSON.stringify has it.
    ("1::float8", "1"),
    ("0.1::float4", "0.1"),
    ("0.1::float8 + 0.2::float8", "0.30000000000000004"),
    ("1e21::float8", "1e+21"),
    ("123456789012345680000::float8", "123456789012345680000"),
    ("1.5e-7::float8", "1.5e-7"),
    ("0.000001::float8", "0.000001"),
    ("3.4028235e38::float4", "3.4028235e+38"),
    ("'-0'::float8", "0"),
    ("'NaN'::float8", "null"),
    ("'Infinity'::float8", "null"),
    ("'-Infinity'::float4", "null"),
    // Numbers without a limit.
    ("0::numeric", "\"0\""),
    ("0.00::numeric", "\"0.00\""),
    ("123.4500", "\"123.4500\""),
    ("-0.0001", "\"-0.0001\""),
    ("100000000::numeric", "\"100000000\""),
    ("12345678901234567890.123456789012345678901", "\"12345678901234567890.123456789012345678901\""),
    ("1e-20::numeric", "\"0.00000000000000000001\""),
    ("'NaN'::numeric", "\"NaN\""),
    ("'Infinity'::numeric", "\"Infinity\""),
    ("'-Infinity'::numeric", "\"-Infinity\""),
    // Text.
    ("'a'", "\"a\""),
    ("''::text", "\"\""),
    ("E'\\t\\n\\r\\b\\f\"\\\\/\\x01é😀'::varchar", "\"\\t\\n\\r\\b\\f\\\"\\\\/\\u0001é😀\""),
    ("'ab'::char(4)", "\"ab  \""),
    ("'name'::name", "\"name\""),
    ("'x'::\"char\"", "\"x\""),
    ("''::\"char\"", "\"\""),
    ("'<a/>'::xml", "\"<a/>\""),
    // JSON as it is stored.
    ("'{\"b\": 1,  \"a\": 12345678901234567890}'::json", "{\"b\": 1,  \"a\": 12345678901234567890}"),
    ("'{\"b\":1,\"a\":[null]}'::jsonb", "{\"a\": [null], \"b\": 1}"),
    ("'null'::jsonb", "null"),
    ("'$.a[*]'::jsonpath", "\"$.\\\"a\\\"[*]\""),
    // Identifiers and bytes.
    ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
    ("'\\x00ff10'::bytea", "{\"type\":\"Buffer\",\"data\":[0,255,16]}"),
    ("''::bytea", "{\"type\":\"Buffer\",\"data\":[]}"),
    // Moments.
    ("'2024-02-29'::date", "\"2024-02-29T00:00:00.000Z\""),
    ("'infinity'::date", "\"infinity\""),
    ("'0044-03-15 BC'::date", "\"-000043-03-15T00:00:00.000Z\""),
    ("'0001-01-01 BC'::date", "\"0000-01-01T00:00:00.000Z\""),
    ("'12345-01-01'::date", "\"+012345-01-01T00:00:00.000Z\""),
    ("'5874897-12-31'::date", "\"+5874897-12-31T00:00:00.000Z\""),
    ("'2024-01-02 03:04:05.678901'::timestamp", "\"2024-01-02T03:04:05.678Z\""),
    ("'1969-12-31 23:59:59.999999'::timestamp", "\"1969-12-31T23:59:59.999Z\""),
    ("'2024-01-02 03:04:05+02'::timestamptz", "\"2024-01-02T01:04:05.000Z\""),
    ("'-infinity'::timestamptz", "\"-infinity\""),
    ("'4713-01-01 00:00:00 BC'::timestamp", "\"-004712-01-01T00:00:00.000Z\""),
    ("'294276-12-31 23:59:59.999999'::timestamp", "\"+294276-12-31T23:59:59.999Z\""),
    ("'03:04:05'::time", "\"03:04:05\""),
    ("'03:04:05.60'::time", "\"03:04:05.6\""),
    ("'24:00:00'::time", "\"24:00:00\""),
    ("'03:04:05+05:30'::timetz", "\"03:04:05+05:30\""),
    ("'03:04:05-08'::timetz", "\"03:04:05-08\""),
    (
        "'1 year 2 months -3 days 04:05:06.789'::interval",
        "{\"years\":1,\"months\":2,\"days\":-3,\"hours\":4,\"minutes\":5,\"seconds\":6,\"milliseconds\":789}",
    ),
    ("'-00:00:00.000001'::interval", "{\"milliseconds\":-0.001}"),
    ("'0'::interval", "{}"),
    // The network.
    ("'192.168.0.1'::inet", "\"192.168.0.1\""),
    ("'192.168.0.1/24'::inet", "\"192.168.0.1/24\""),
    ("'::ffff:1.2.3.4'::inet", "\"::ffff:1.2.3.4\""),
    ("'2001:db8::/32'::cidr", "\"2001:db8::/32\""),
    ("'10.1.2.3/32'::cidr", "\"10.1.2.3/32\""),
    ("'08:00:2b:01:02:03'::macaddr", "\"08:00:2b:01:02:03\""),
    ("'08:00:2b:01:02:03:04:05'::macaddr8", "\"08:00:2b:01:02:03:04:05\""),
    // As text of the server.
    ("1234.5::money", "\"$1,234.50\""),
    ("B'10110'", "\"10110\""),
    ("B'10110'::varbit", "\"10110\""),
    ("int4range(1, 10)", "\"[1,10)\""),
    ("tstzrange('2024-01-01', NULL)", "\"[\\\"2024-01-01 00:00:00+00\\\",)\""),
    ("'{[1,3),[5,7)}'::int4multirange", "\"{[1,3),[5,7)}\""),
    ("ROW(1, 'a b', NULL)", "\"(1,\\\"a b\\\",)\""),
    ("to_tsvector('simple', 'b a')", "\"'a':2 'b':1\""),
    ("to_tsquery('simple', 'a & b')", "\"'a' & 'b'\""),
    ("'pg_class'::regclass", "\"pg_class\""),
    ("'=r/postgres'::aclitem", "\"=r/postgres\""),
    ("'(1,2)'::tid", "\"(1,2)\""),
    ("'16/B374D848'::pg_lsn", "\"16/B374D848\""),
    ("'1 2'::int2vector", "\"1 2\""),
    // Geometry.
    ("point(1.5, -2)", "{\"x\":1.5,\"y\":-2}"),
    ("circle(point(1, 2), 3)", "{\"x\":1,\"y\":2,\"radius\":3}"),
    ("box(point(1, 2), point(3, 4))", "\"(3,4),(1,2)\""),
    ("'[(1,2),(3,4)]'::lseg", "\"[(1,2),(3,4)]\""),
    ("'((1,2),(3,4))'::path", "\"((1,2),(3,4))\""),
    // Arrays.
    ("ARRAY[1, NULL, 3]", "[1,null,3]"),
    ("'{}'::int[]", "[]"),
    ("'[5:6]={1,2}'::int[]", "[1,2]"),
    ("ARRAY[[1, 2], [3, 4]]", "[[1,2],[3,4]]"),
    ("ARRAY['a', 'b\"c', 'NULL', NULL]", "[\"a\",\"b\\\"c\",\"NULL\",null]"),
    ("ARRAY[9007199254740993]", "[\"9007199254740993\"]"),
    ("ARRAY[1.10]", "[\"1.10\"]"),
    ("ARRAY[true, false]", "[true,false]"),
    ("ARRAY[1.5::float4]", "[1.5]"),
    ("ARRAY['{\"a\":1}'::json]", "[{\"a\":1}]"),
    ("ARRAY['{\"a\":1}'::jsonb]", "[{\"a\": 1}]"),
    ("ARRAY['2024-01-01'::timestamptz]", "[\"2024-01-01T00:00:00.000Z\"]"),
    ("ARRAY['1 day'::interval]", "[{\"days\":1}]"),
    ("ARRAY[point(1, 2)]", "[{\"x\":1,\"y\":2}]"),
    ("ARRAY['10.0.0.1'::inet]", "[\"10.0.0.1\"]"),
    ("ARRAY[int4range(1, 2), NULL]", "[\"[1,2)\",null]"),
    ("ARRAY['pg_class'::regclass]", "[\"pg_class\"]"),
    // What the database itself defines.
    ("'good'::mood", "\"good\""),
    ("ARRAY['good', 'bad']::mood[]", "[\"good\",\"bad\"]"),
    ("5::positive", "5"),
    ("ROW('a', 1)::pair", "\"(a,1)\""),
    ("ARRAY[ROW('a', 1)::pair]", "[\"(a,1)\"]"),
    ("'{\"a\": 1}'::document", "{\"a\": 1}"),
    ("pg_sleep(0)", "\"\""),
];

const TYPES: &str = "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN positive AS int CHECK (VALUE > 0); \
    CREATE DOMAIN document AS jsonb; CREATE TYPE pair AS (name text, number int);";

#[tokio::test]
async fn every_type_has_its_form() {
    let (reader, _) = both(TYPES);
    let mut wrong = Vec::new();
    for (value, form) in SHAPES {
        let answer = read(&*reader, &format!("SELECT {value} AS value"), &[]).await;
        let expected = format!("[{{\"value\":{form}}}]");
        if answer.as_ref() != Ok(&expected) {
            wrong.push(format!("{value}: {answer:?} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every answer is JSON, and is what a program gets that reads it.
#[tokio::test]
async fn all_types_fit_into_one_row() {
    let (reader, _) = both(TYPES);
    let columns: Vec<String> =
        SHAPES.iter().enumerate().map(|(at, (value, _))| format!("{value} AS c{at}")).collect();
    let sql = format!("SELECT {} FROM generate_series(1, 3)", columns.join(", "));
    let answer = read(&*reader, &sql, &[]).await.unwrap();
    let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(&answer).unwrap();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        for (at, (value, form)) in SHAPES.iter().enumerate() {
            let expected: serde_json::Value = serde_json::from_str(form).unwrap();
            assert_eq!(row[&format!("c{at}")], expected, "{value}");
        }
    }
}

#[tokio::test]
async fn what_is_written_comes_back_in_the_same_forms() {
    let (_, writer) = both(&format!(
        "{TYPES} CREATE TABLE kept (id int, price money, span int4range, at inet, kind mood, tags pair[]);"
    ));
    let answer = write(
        &*writer,
        "INSERT INTO kept VALUES (1, 2.5, '[1,3)', '10.0.0.1', 'bad', ARRAY[ROW('a', 1)::pair]) RETURNING *, id AS price -- all",
        &[],
    );
    assert_eq!(
        answer.await.unwrap(),
        "[{\"id\":1,\"price\":1,\"span\":\"[1,3)\",\"at\":\"10.0.0.1\",\"kind\":\"bad\",\"tags\":[\"(a,1)\"]}]"
    );
}

#[tokio::test]
async fn a_column_that_cannot_be_cast_is_named() {
    let (_, writer) = both("CREATE TABLE kept (price money); INSERT INTO kept VALUES (1)");
    // PostgreSQL takes such a statement only as the outermost one.
    let within = |column: &str| {
        format!(
            "WITH changed AS (UPDATE kept SET price = price * 2 RETURNING price) SELECT {column} FROM changed"
        )
    };
    let error = write(&*writer, &within("price"), &[]).await.unwrap_err();
    assert_eq!(error, QueryError::Column("price".to_owned()));
    let answer = write(&*writer, &within("price::text"), &[]).await.unwrap();
    assert_eq!(answer, "[{\"price\":\"$2.00\"}]");
}

#[tokio::test]
async fn the_order_of_rows_stays_when_columns_are_cast() {
    let reader = open(&server().target("postgres"));
    let sql =
        "SELECT n::money AS m FROM generate_series(1, 500) AS n ORDER BY n DESC LIMIT 3 -- newest first";
    let answer = read(&*reader, sql, &[]).await.unwrap();
    assert_eq!(answer, "[{\"m\":\"$500.00\"},{\"m\":\"$499.00\"},{\"m\":\"$498.00\"}]");
}

#[tokio::test]
async fn rows_without_columns_and_odd_names_are_answered() {
    let reader = open(&server().target("postgres"));
    assert_eq!(read(&*reader, "SELECT FROM generate_series(1, 2)", &[]).await.unwrap(), "[{},{}]");
    let answer = read(&*reader, "SELECT 1 AS \"a\"\"b\\c\", 2 AS \"é\n\", 3", &[]).await.unwrap();
    assert_eq!(answer, "[{\"a\\\"b\\\\c\":1,\"é\\n\":2,\"?column?\":3}]");
}

#[tokio::test]
async fn many_rows_are_whole() {
    let reader = open(&server().target("postgres"));
    let sql =
        "SELECT n, repeat('x', 50) AS text, n::numeric / 3 AS third FROM generate_series(1, 20000) AS n";
    let answer = read(&*reader, sql, &[]).await.unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_str(&answer).unwrap();
    assert_eq!(rows.len(), 20_000);
    assert!(rows.iter().enumerate().all(|(at, row)| row["n"] == at + 1));
}
