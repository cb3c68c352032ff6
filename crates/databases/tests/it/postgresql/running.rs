//! Statements and their answers.

use databases::QueryError;
use serde_json::json;

use super::server::{both, open, read, server, write};

#[tokio::test]
async fn rows_are_an_array_of_objects() {
    let (reader, _) = both(
        "CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items VALUES (1, 'a\"\\\n\u{1}é'), (2, NULL)",
    );
    let all = read(&*reader, "SELECT id, name FROM items ORDER BY id", &[]).await.unwrap();
    assert_eq!(all, "[{\"id\":1,\"name\":\"a\\\"\\\\\\n\\u0001é\"},{\"id\":2,\"name\":null}]");
    assert_eq!(read(&*reader, "SELECT id FROM items WHERE id = $1", &[json!(3)]).await.unwrap(), "[]");
    assert_eq!(reader.usage().open, 1);
}

#[tokio::test]
async fn a_statement_without_rows_answers_an_empty_array() {
    let (_, writer) = both("CREATE TABLE items (id int)");
    let rows = write(&*writer, "INSERT INTO items SELECT generate_series(1, 3)", &[]).await.unwrap();
    assert_eq!(rows, "[]");
    let changed = write(&*writer, "UPDATE items SET id = id + 1 RETURNING id", &[]).await.unwrap();
    assert_eq!(changed, "[{\"id\":2},{\"id\":3},{\"id\":4}]");
}

#[tokio::test]
async fn of_columns_with_one_name_the_last_one_wins() {
    let reader = open(&server().target("postgres"));
    let rows = read(&*reader, "SELECT 1 AS a, 2 AS b, 3 AS a", &[]).await.unwrap();
    assert_eq!(rows, "[{\"a\":3,\"b\":2}]");
}

#[tokio::test]
async fn an_error_of_the_database_keeps_the_session() {
    let (reader, _) = both("CREATE TABLE items (id int)");
    for _ in 0..3 {
        let error = read(&*reader, "SELECT nothing FROM items", &[]).await.unwrap_err();
        assert!(
            matches!(&error, QueryError::Database { code, message } if code == "42703" && message.contains("nothing")),
            "{error:?}"
        );
        let error = read(&*reader, "SELECT 1 / (count(*))::int FROM items", &[]).await.unwrap_err();
        assert!(matches!(&error, QueryError::Database { code, .. } if code == "22012"), "{error:?}");
    }
    assert_eq!(read(&*reader, "SELECT 1 AS one", &[]).await.unwrap(), "[{\"one\":1}]");
    assert_eq!(reader.usage().open, 1);
}
