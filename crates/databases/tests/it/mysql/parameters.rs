//! Parameters are bound by the protocol; nothing in them is read as SQL.

use serde_json::json;
use test_support::MariaServer;

use super::*;

#[tokio::test]
async fn d12_what_goes_in_comes_out() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("CREATE TABLE t (v INT); INSERT INTO t VALUES (1)")));
    for text in [
        "' OR 1=1 -- ",
        "\\'; DROP TABLE t; -- ",
        "\u{bf5c}' OR 1=1 #",
        "\" OR \"\"=\"",
        "a\0b",
        "/*! */ ?; ? ` %_",
        "",
    ] {
        let answer =
            rows_with(&*database, "SELECT ? AS v, LENGTH(?) AS n", vec![json!(text), json!(text)]).await;
        assert_eq!(answer.unwrap(), json!([{"v": text, "n": text.len()}]));
        let found = rows_with(&*database, "SELECT v FROM t WHERE v = ?", vec![json!(text)]).await.unwrap();
        assert_eq!(found, json!([]), "{text:?} found a row");
    }
    assert_eq!(rows(&*database, "SELECT v FROM t").await.unwrap(), json!([{"v": 1}]));
}

/// A minus in front of a placeholder and a negative number would be a comment, if one were put into the other's text.
#[tokio::test]
async fn d12_minus_and_a_negative_number_are_no_comment() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("")));
    let answer =
        rows_with(&*database, "SELECT 1-? AS a, ? AS b", vec![json!(-1), json!("x\n")]).await.unwrap();
    assert_eq!(answer, json!([{"a": 2, "b": "x\n"}]));
}

#[tokio::test]
async fn every_kind_of_json_is_bound_or_refused() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("CREATE TABLE t (d DATETIME(3), j JSON)")));
    for (given, expected) in [
        (json!(null), json!(null)),
        (json!(true), json!(1)),
        (json!(false), json!(0)),
        (json!(-5), json!(-5)),
        (json!(i64::MIN), json!("-9223372036854775808")),
        (json!(u64::MAX), json!("18446744073709551615")),
        (json!(0.1), json!(0.1)),
        (json!("text"), json!("text")),
        (json!({"a": [1, "b"]}), json!("{\"a\":[1,\"b\"]}")),
    ] {
        let answer = rows_with(&*database, "SELECT ? AS v", vec![given.clone()]).await.unwrap();
        assert_eq!(answer, json!([{"v": expected}]), "{given}");
    }
    let parameters = vec![json!("2024-02-03 04:05:06.789"), json!({"a": 1})];
    rows_with(&*database, "INSERT INTO t VALUES (?, ?)", parameters).await.unwrap();
    let answer = rows(&*database, "SELECT d, j FROM t").await.unwrap();
    assert_eq!(answer, json!([{"d": "2024-02-03T04:05:06.789Z", "j": {"a": 1}}]));
    let limited =
        rows_with(&*database, "SELECT 1 AS v UNION SELECT 2 LIMIT ?", vec![json!(1)]).await.unwrap();
    assert_eq!(limited, json!([{"v": 1}]));
    let list = rows_with(&*database, "SELECT ? AS v", vec![json!([1, 2])]).await.unwrap_err();
    assert!(matches!(&list, QueryError::Parameters(said) if said.contains("JSON_TABLE")), "{list}");
}

#[tokio::test]
async fn their_number_has_to_be_that_of_the_placeholders() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("")));
    for parameters in [vec![], vec![json!(1), json!(2)]] {
        let refused = rows_with(&*database, "SELECT ? AS v", parameters).await.unwrap_err();
        assert!(matches!(refused, QueryError::Parameters(_)), "{refused}");
    }
}

/// Larger than one packet of the protocol, and than 16 bits and 24 bits of length.
#[tokio::test]
async fn d12_long_parameters_keep_their_length() {
    let server = MariaServer::shared();
    let database = open(target(server, &server.database("")));
    for length in [250, 251, 65_535, 65_536, 16_777_215, 16_777_216, 20_000_000] {
        let answer = rows_with(
            &*database,
            "SELECT LENGTH(?) AS n, ? AS after",
            vec![json!("x".repeat(length)), json!("next")],
        );
        assert_eq!(answer.await, Ok(json!([{"n": length, "after": "next"}])), "{length}");
    }
}
