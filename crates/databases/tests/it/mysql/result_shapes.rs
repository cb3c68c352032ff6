//! From every type of MySQL to JSON: a value in SQL, and what an app gets for it (docs/guides/result-shapes.md).

use serde_json::{Value, json};
use test_support::MariaServer;

use super::*;

/// Values that need no table: SQL, and its JSON.
const EXPRESSIONS: &[(&str, &str)] = &[
    // Whole numbers: a number up to 2^53 - 1, text beyond.
    ("CAST(1 AS SIGNED)", "1"),
    ("-1", "-1"),
    ("9007199254740991", "9007199254740991"),
    ("-9007199254740991", "-9007199254740991"),
    ("9007199254740992", r#""9007199254740992""#),
    ("-9007199254740992", r#""-9007199254740992""#),
    ("9223372036854775807", r#""9223372036854775807""#),
    ("-9223372036854775808", r#""-9223372036854775808""#),
    ("18446744073709551615", r#""18446744073709551615""#),
    ("TRUE", "1"),
    ("NULL", "null"),
    // Exact decimals.
    ("1.10", r#""1.10""#),
    (
        "CAST('-99999999999999999999999999999999999.123456789012345678901234567890' AS DECIMAL(65,30))",
        r#""-99999999999999999999999999999999999.123456789012345678901234567890""#,
    ),
    // Floating point.
    ("1e0", "1"),
    ("0.5e0", "0.5"),
    ("-0e0", "0"),
    ("1e-7", "1e-7"),
    ("1e21", "1e+21"),
    ("123456789012345680000e0", "123456789012345680000"),
    ("1.7976931348623157e308", "1.7976931348623157e+308"),
    // Dates and times, in UTC.
    ("DATE'2024-02-29'", r#""2024-02-29T00:00:00.000Z""#),
    ("TIMESTAMP'2024-02-29 23:59:58'", r#""2024-02-29T23:59:58.000Z""#),
    ("TIMESTAMP'2024-02-29 23:59:58.987654'", r#""2024-02-29T23:59:58.987Z""#),
    ("TIMESTAMP'9999-12-31 23:59:59.999999'", r#""9999-12-31T23:59:59.999Z""#),
    ("TIME'12:34:56'", r#""12:34:56""#),
    ("TIME'-01:02:03.450'", r#""-01:02:03.450""#),
    ("CAST('838:59:59' AS TIME)", r#""838:59:59""#),
    ("CAST('00:00:00' AS TIME(6))", r#""00:00:00.000000""#),
    // Text and bytes.
    ("'héé \"\\\\ \\n 😀'", r#""héé \"\\ \n 😀""#),
    ("''", r#""""#),
    ("X'00FF7F'", r#"{"type":"Buffer","data":[0,255,127]}"#),
    ("CAST('' AS BINARY)", r#"{"type":"Buffer","data":[]}"#),
    // Geometry.
    ("ST_GeomFromText('POINT(1.5 -2)')", r#"{"x":1.5,"y":-2}"#),
    ("ST_GeomFromText('LINESTRING(0 0,1 1)')", r#"[{"x":0,"y":0},{"x":1,"y":1}]"#),
    (
        "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')",
        r#"[[{"x":0,"y":0},{"x":1,"y":0},{"x":1,"y":1},{"x":0,"y":0}]]"#,
    ),
    (
        "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(0 0,1 1))')",
        r#"[{"x":1,"y":2},[{"x":0,"y":0},{"x":1,"y":1}]]"#,
    ),
];

/// The type of a column, what is put into it, and its JSON.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("tinyint", "-128", "-128"),
    ("tinyint unsigned", "255", "255"),
    ("tinyint(1)", "1", "1"),
    ("boolean", "true", "1"),
    ("smallint", "-32768", "-32768"),
    ("smallint unsigned", "65535", "65535"),
    ("mediumint", "-8388608", "-8388608"),
    ("mediumint unsigned", "16777215", "16777215"),
    ("int", "-2147483648", "-2147483648"),
    ("int unsigned", "4294967295", "4294967295"),
    ("int(5) zerofill", "42", "42"),
    ("bigint", "-9223372036854775808", r#""-9223372036854775808""#),
    ("bigint", "42", "42"),
    ("bigint unsigned", "18446744073709551615", r#""18446744073709551615""#),
    ("bigint unsigned", "9007199254740991", "9007199254740991"),
    ("decimal(20,5)", "-1.1", r#""-1.10000""#),
    (
        "decimal(65,0)",
        "99999999999999999999999999999999999999999999999999999999999999999",
        r#""99999999999999999999999999999999999999999999999999999999999999999""#,
    ),
    ("float", "0.1", "0.1"),
    ("float", "16777216", "16777216"),
    ("double", "0.1", "0.1"),
    ("double", "-1.5e300", "-1.5e+300"),
    ("bit(1)", "b'1'", r#"{"type":"Buffer","data":[1]}"#),
    ("bit(12)", "b'100000001'", r#"{"type":"Buffer","data":[1,1]}"#),
    ("bit(64)", "18446744073709551615", r#"{"type":"Buffer","data":[255,255,255,255,255,255,255,255]}"#),
    ("date", "'2024-02-03'", r#""2024-02-03T00:00:00.000Z""#),
    ("date", "'0000-00-00'", "null"),
    ("date", "'2024-00-00'", "null"),
    ("datetime", "'2024-02-03 04:05:06'", r#""2024-02-03T04:05:06.000Z""#),
    ("datetime(6)", "'2024-02-03 04:05:06.123456'", r#""2024-02-03T04:05:06.123Z""#),
    ("datetime", "'0000-00-00 00:00:00'", "null"),
    ("timestamp", "'2024-02-03 04:05:06'", r#""2024-02-03T04:05:06.000Z""#),
    ("timestamp(3)", "'2024-02-03 04:05:06.789'", r#""2024-02-03T04:05:06.789Z""#),
    ("timestamp", "'0000-00-00 00:00:00'", "null"),
    ("time", "'-838:59:59'", r#""-838:59:59""#),
    ("time(3)", "'12:34:56.7'", r#""12:34:56.700""#),
    ("year", "2024", "2024"),
    ("year", "0", "0"),
    ("char(5)", "'ab'", r#""ab""#),
    ("varchar(20)", "'ab '", r#""ab ""#),
    ("varchar(20) character set latin1", "'é'", r#""é""#),
    ("tinytext", "'t'", r#""t""#),
    ("text", "'t'", r#""t""#),
    ("mediumtext", "'t'", r#""t""#),
    ("longtext", "'t'", r#""t""#),
    ("binary(3)", "'ab'", r#"{"type":"Buffer","data":[97,98,0]}"#),
    ("varbinary(5)", "'ab'", r#"{"type":"Buffer","data":[97,98]}"#),
    ("tinyblob", "X'00'", r#"{"type":"Buffer","data":[0]}"#),
    ("blob", "X'00FF'", r#"{"type":"Buffer","data":[0,255]}"#),
    ("mediumblob", "''", r#"{"type":"Buffer","data":[]}"#),
    ("longblob", "'x'", r#"{"type":"Buffer","data":[120]}"#),
    ("enum('a','b')", "'b'", r#""b""#),
    ("set('x','y')", "'y,x'", r#""x,y""#),
    ("set('x','y')", "''", r#""""#),
    (
        "json",
        r#"'{"a" : [1, 2.50, "x  y", null], "n": 9007199254740993}'"#,
        r#"{"a":[1,2.50,"x  y",null],"n":9007199254740993}"#,
    ),
    ("json", "'null'", "null"),
    ("json", "'\"text\"'", r#""text""#),
    ("uuid", "'123e4567-e89b-12d3-a456-426655440000'", r#""123e4567-e89b-12d3-a456-426655440000""#),
    ("inet6", "'2001:db8::1'", r#""2001:db8::1""#),
    ("inet4", "'192.0.2.1'", r#""192.0.2.1""#),
    ("point", "ST_GeomFromText('POINT(1 2)')", r#"{"x":1,"y":2}"#),
    ("geometry", "ST_GeomFromText('MULTIPOINT(1 2,3 4)')", r#"[{"x":1,"y":2},{"x":3,"y":4}]"#),
];

#[tokio::test]
async fn every_expression_has_its_form() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("")));
    for (sql, expected) in EXPRESSIONS {
        let answer = collect(&*database, query(Mode::ReadOnly, &format!("SELECT {sql} AS v"), vec![])).await;
        let answer = answer.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(answer.starts_with(&format!(r#"[[{{"v":{expected}}}],[{{"#)), "{sql}: {answer}");
    }
}

#[tokio::test]
async fn every_type_of_a_column_has_its_form() {
    let server = MariaServer::shared();
    // What a strict server does not take, a lax one has kept.
    let mut statements = "SET sql_mode = '';\n".to_owned();
    for (at, (kind, value, _)) in COLUMNS.iter().enumerate() {
        statements.push_str(&format!("CREATE TABLE t{at} (v {kind} NULL, n {kind} NULL);\n"));
        statements.push_str(&format!("INSERT INTO t{at} VALUES ({value}, NULL);\n"));
    }
    let database = open(target(server, &server.database(&statements)));
    for (at, (kind, value, expected)) in COLUMNS.iter().enumerate() {
        let sql = format!("SELECT v, n FROM t{at}");
        let answer = collect(&*database, query(Mode::ReadOnly, &sql, vec![])).await;
        let answer = answer.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert!(
            answer.starts_with(&format!(r#"[[{{"v":{expected},"n":null}}],[{{"#)),
            "{kind} {value}: {answer}"
        );
    }
}

#[tokio::test]
async fn an_answer_is_rows_and_fields() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("")));
    let answer =
        collect(&*database, query(Mode::ReadOnly, "SELECT 1 AS `a \"b`, 'x' AS a", vec![])).await.unwrap();
    assert_eq!(
        answer,
        r#"[[{"a \"b":1,"a":"x"}],[{"characterSet":63,"name":"a \"b","columnLength":1,"columnType":3,"type":3,"flags":129,"decimals":0},{"characterSet":45,"name":"a","columnLength":4,"columnType":253,"type":253,"flags":1,"decimals":39}]]"#
    );
    let none = collect(&*database, query(Mode::ReadOnly, "SELECT 1 AS a FROM DUAL WHERE 1 = 0", vec![]))
        .await
        .unwrap();
    assert!(none.starts_with(r#"[[],[{"#), "{none}");
}

/// As in an object of JavaScript: the place of the first, the value of the last.
#[tokio::test]
async fn of_columns_with_one_name_the_last_one_counts() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("")));
    let answer =
        collect(&*database, query(Mode::ReadOnly, "SELECT 1 AS a, 2 AS b, NULL AS a, 4 AS a", vec![])).await;
    assert!(answer.unwrap().starts_with(r#"[[{"a":4,"b":2}],["#));
}

#[tokio::test]
async fn what_writes_answers_a_header() {
    let server = MariaServer::shared();
    let database =
        open(target(server, &server.database("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v INT)")));
    let header = |affected: u64, inserted: u64, info: &str, status: u16, changed: u64| {
        json!([{
            "fieldCount": 0, "affectedRows": affected, "insertId": inserted, "info": info, "serverStatus": status,
            "warningStatus": 0, "changedRows": changed,
        }, null])
    };
    for (sql, expected) in [
        ("INSERT INTO t (v) VALUES (1), (2)", header(2, 1, "Records: 2  Duplicates: 0  Warnings: 0", 2, 0)),
        ("UPDATE t SET v = 2", header(2, 0, "Rows matched: 2  Changed: 1  Warnings: 0", 34, 1)),
        ("DELETE FROM t WHERE v = 9", header(0, 0, "", 34, 0)),
        ("CREATE TABLE u (v INT)", header(0, 0, "", 2, 0)),
    ] {
        let answer = collect(&*database, query(Mode::ReadWrite, sql, vec![])).await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&answer).unwrap(), expected, "{sql}");
    }
}

#[tokio::test]
async fn a_procedure_gives_all_its_results() {
    let server = MariaServer::shared();
    let name = server.database(
        "CREATE TABLE t (v INT);
         DELIMITER //
         CREATE PROCEDURE several() BEGIN SELECT 1 AS a UNION SELECT 2; SELECT 3 AS b, 4 AS c; END //
         CREATE PROCEDURE none() BEGIN INSERT INTO t VALUES (1); END //
         DELIMITER ;",
    );
    let database = open(target(server, &name));
    let answer = collect(&*database, query(Mode::ReadWrite, "CALL several()", vec![])).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer[0][0], json!([{"a": 1}, {"a": 2}]));
    assert_eq!(answer[0][1], json!([{"b": 3, "c": 4}]));
    assert_eq!(answer[0][2]["affectedRows"], json!(0));
    assert_eq!(answer[1][0][0]["name"], json!("a"));
    assert_eq!(answer[1][1][1]["name"], json!("c"));
    assert_eq!(answer[1][2], json!(null));
    let answer = collect(&*database, query(Mode::ReadWrite, "CALL none()", vec![])).await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer[0]["affectedRows"], json!(1));
    // The session is of use afterwards.
    assert_eq!(rows(&*database, "SELECT COUNT(*) AS n FROM t").await.unwrap(), json!([{"n": 1}]));
}

/// However many results there are, and however empty: they count as what they are in the answer.
#[tokio::test]
async fn d13_many_results_are_a_large_answer() {
    let server = MariaServer::shared();
    let name = server.database(
        "DELIMITER //
         CREATE PROCEDURE many() BEGIN
             DECLARE i INT DEFAULT 0;
             WHILE i < 100000 DO SELECT 1 AS a FROM DUAL WHERE 1 = 0; SET i = i + 1; END WHILE;
         END //",
    );
    let mut limited = target(server, &name);
    limited.limits.most_bytes = 1_000_000;
    let answer = rows(&*open(limited), "CALL many()").await;
    assert_eq!(answer, Err(QueryError::Bytes(1_000_000)));
}

/// Longer than a piece, so that values are cut in the middle of characters, escapes and JSON's own strings.
#[tokio::test]
async fn long_values_come_through_whole() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("CREATE TABLE t (a LONGTEXT, b LONGBLOB, c JSON)")));
    let text = "a\"é\\😀\u{1}".repeat(20_000);
    let document = json!({"k  k": vec![text.clone(); 2]});
    let parameters = vec![json!(text), json!("bytes"), document.clone()];
    let sql = "INSERT INTO t VALUES (?, REPEAT(?, 30000), ?)";
    rows_with(&*database, sql, parameters).await.unwrap();
    let answer = rows(&*database, "SELECT a, b, c FROM t").await.unwrap();
    assert_eq!(answer[0]["a"], json!(text));
    assert_eq!(answer[0]["c"], document);
    let expected: Vec<u8> = b"bytes".repeat(30_000);
    assert_eq!(answer[0]["b"], json!({"type": "Buffer", "data": expected}));
}
