//! Parameters: what a value of JSON becomes, and that it never becomes SQL.

use databases::QueryError;
use serde_json::{Value, json};

use super::server::{both, open, read, server, write};

const TYPES: &str =
    "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN positive AS int CHECK (VALUE > 0);";

#[tokio::test]
async fn values_take_the_type_that_is_asked_for() {
    let (reader, _) = both(TYPES);
    let cases: &[(&str, Value, &str)] = &[
        ("text", json!("a'b\"c\\d"), "a'b\"c\\d"),
        ("text", json!(1.5), "1.5"),
        ("text", json!(true), "true"),
        ("text", json!({"a": 1}), "{\"a\":1}"),
        ("varchar", json!("é"), "é"),
        ("int2", json!(7), "7"),
        ("int4", json!("-12"), "-12"),
        ("int4", json!(5.0), "5"),
        ("int8", json!(9_007_199_254_740_993_i64), "9007199254740993"),
        ("int8", json!("9223372036854775807"), "9223372036854775807"),
        ("float8", json!(0.1), "0.1"),
        ("float8", json!("NaN"), "NaN"),
        ("numeric", json!("12345678901234567890.123456789"), "12345678901234567890.123456789"),
        ("numeric", json!(0.1), "0.1"),
        ("bool", json!(true), "true"),
        ("bool", json!(0), "false"),
        ("uuid", json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ("date", json!("2024-02-29"), "2024-02-29"),
        ("date", json!("2024-02-29T10:00:00.000Z"), "2024-02-29"),
        ("time", json!("10:11:12.5"), "10:11:12.5"),
        ("timestamp", json!("2024-02-29T10:00:00.123Z"), "2024-02-29 10:00:00.123"),
        ("timestamptz", json!("2024-02-29T10:00:00.123+02:00"), "2024-02-29 08:00:00.123+00"),
        ("interval", json!("1 day"), "1 day"),
        ("jsonb", json!({"a": [1, null, "x"]}), "{\"a\": [1, null, \"x\"]}"),
        ("jsonb", json!([1, 2]), "[1, 2]"),
        ("jsonb", json!("{\"already\": \"text\"}"), "{\"already\": \"text\"}"),
        ("json", json!(5), "5"),
        ("bytea", json!("\\x00ff"), "\\x00ff"),
        ("bytea", json!({"type": "Buffer", "data": [0, 255]}), "\\x00ff"),
        ("int[]", json!([1, null, 3]), "{1,NULL,3}"),
        ("int[]", json!([[1, 2], [3, 4]]), "{{1,2},{3,4}}"),
        ("int[]", json!([]), "{}"),
        ("int[]", json!("{4,5}"), "{4,5}"),
        (
            "text[]",
            json!(["a,b", "\"q\"", "\\", "NULL", "", "{}"]),
            "{\"a,b\",\"\\\"q\\\"\",\"\\\\\",\"NULL\",\"\",\"{}\"}",
        ),
        ("jsonb[]", json!([{"a": 1}, [2]]), "{\"{\\\"a\\\": 1}\",[2]}"),
        ("box[]", json!(["(1,2),(3,4)"]), "{(3,4),(1,2)}"),
        ("inet", json!("10.0.0.1"), "10.0.0.1/32"),
        ("mood", json!("good"), "good"),
        ("mood[]", json!(["good", "bad"]), "{good,bad}"),
        ("positive", json!(3), "3"),
        ("int4range", json!("[1,5)"), "[1,5)"),
    ];
    for (kind, value, expected) in cases {
        let sql = format!("SELECT ($1::{kind})::text AS value");
        let answer = read(&*reader, &sql, std::slice::from_ref(value)).await;
        let expected = json!([{ "value": expected }]).to_string();
        assert_eq!(answer.as_ref(), Ok(&expected), "{kind} from {value}");
        let answer = read(&*reader, &sql, &[Value::Null]).await;
        assert_eq!(answer.as_deref(), Ok("[{\"value\":null}]"), "{kind} from null");
    }
}

#[tokio::test]
async fn arrays_serve_any() {
    let (reader, _) =
        both("CREATE TABLE items AS SELECT n AS id, 'n' || n AS name FROM generate_series(1, 9) n");
    let sql = "SELECT id FROM items WHERE id = ANY($1) AND name = ANY($2) ORDER BY id";
    let parameters = [json!([1, 2, "3"]), json!(["n2", "n3", "n9"])];
    assert_eq!(read(&*reader, sql, &parameters).await.unwrap(), "[{\"id\":2},{\"id\":3}]");
}

#[tokio::test]
async fn a_bad_value_is_named_by_its_number_and_never_repeated() {
    let (reader, _) = both(TYPES);
    let cases: &[(&str, Value)] = &[
        ("int4", json!("zebra")),
        ("int4", json!(1.5)),
        ("int4", json!("99999999999")),
        ("int4", json!(true)),
        ("int4", json!([1])),
        ("bool", json!(7)),
        ("float8", json!("zebra")),
        ("numeric", json!("1; DROP TABLE zebra")),
        ("uuid", json!("zebra")),
        ("date", json!("2024-02-30")),
        ("date", json!(20240230)),
        ("timestamptz", json!("zebra")),
        ("jsonb", json!("zebra")),
        ("bytea", json!("zebra")),
        ("bytea", json!("\\xzebra")),
        ("text", json!("nul \0 zebra")),
        ("text", json!(["zebra"])),
        ("int[]", json!(["zebra"])),
        ("int[]", json!([[1], [2, 3]])),
        ("int[]", json!([[[[[[[1]]]]]]])),
        ("mood", json!("zebra")),
        ("int4range", json!("zebra")),
    ];
    for (kind, value) in cases {
        let sql = format!("SELECT $1::text AS first, $2::{kind} AS second");
        let error = read(&*reader, &sql, &[json!("fine"), value.clone()]).await.unwrap_err();
        let QueryError::Parameters(text) = &error else { panic!("{kind} from {value}: {error:?}") };
        assert!(text.starts_with("parameter $2 is no "), "{kind} from {value}: {text}");
        assert!(!text.contains("zebra") && !text.contains("2024"), "{kind} from {value}: {text}");
    }
    assert_eq!(read(&*reader, "SELECT 1 AS one", &[]).await.unwrap(), "[{\"one\":1}]");
    assert_eq!(reader.usage().open, 1);
}

#[tokio::test]
async fn the_number_of_parameters_is_that_of_the_placeholders() {
    let reader = open(&server().target("postgres"));
    for parameters in [vec![], vec![json!(1)], vec![json!(1), json!(2), json!(3)]] {
        let error = read(&*reader, "SELECT $1::int + $2::int", &parameters).await.unwrap_err();
        assert!(matches!(error, QueryError::Parameters(_)), "{error:?}");
    }
    assert_eq!(reader.usage().open, 0, "none of them is worth a session");
}

#[tokio::test]
async fn d12_parameters_are_never_part_of_the_statement() {
    let (reader, writer) =
        both("CREATE TABLE items (id int, name text); INSERT INTO items VALUES (1, 'one'), (-1, 'minus')");
    let hostile = [
        "' OR '1'='1",
        "'; DROP TABLE items; --",
        "\\'; DROP TABLE items; --",
        "$1",
        "$$; DROP TABLE items; $$",
        "/* */ UNION SELECT 1, 'x'",
        "\u{bf}' OR 1=1 --",
        "%' OR name LIKE '%",
        "\u{feff}",
    ];
    for value in hostile {
        let answer = read(&*reader, "SELECT id FROM items WHERE name = $1", &[json!(value)]).await.unwrap();
        assert_eq!(answer, "[]", "{value}");
        let answer =
            write(&*writer, "INSERT INTO items VALUES (7, $1) RETURNING name", &[json!(value)]).await;
        assert_eq!(answer.unwrap(), json!([{ "name": value }]).to_string());
    }
    // `-` before a negative number makes a comment, where parameters are pasted (CVE-2024-1597).
    let sql = "SELECT id FROM items WHERE id = 1 -$1 AND name = $2";
    assert_eq!(read(&*reader, sql, &[json!(-1), json!("one")]).await.unwrap(), "[]");
    let answer = read(&*reader, "SELECT 1-$1::int AS difference", &[json!(-1)]).await.unwrap();
    assert_eq!(answer, "[{\"difference\":2}]");
    let left = read(&*reader, "SELECT count(*)::int AS n FROM items", &[]).await.unwrap();
    assert_eq!(left, format!("[{{\"n\":{}}}]", 2 + hostile.len()));
}

#[tokio::test]
async fn d12_more_parameters_than_the_protocol_counts_are_refused() {
    let reader = open(&server().target("postgres"));
    let error = read(&*reader, "SELECT $1::int", &vec![json!(1); 65_536]).await.unwrap_err();
    assert_eq!(error, QueryError::Parameters("65536 parameters are more than 65535".to_owned()));
    // As many as there can be.
    let placeholders: Vec<String> = (1..=9000).map(|number| format!("${number}")).collect();
    let sql = format!("SELECT 1 AS one WHERE 9000::int IN ({})", placeholders.join(","));
    let values: Vec<Value> = (1..=9000).map(|number| json!(number)).collect();
    assert_eq!(read(&*reader, &sql, &values).await.unwrap(), "[{\"one\":1}]");
}
