//! A store with rows in every table of its schema, whatever tables that has.

use backup::{Header, Summary};
use cryptography::KeyBytes;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement};
use test_support::TestDatabase;

/// What a column has to hold where any text would not do.
const WORDS: &[(&str, &str)] = &[("means", "api_token"), ("state", "needs_reconnect"), ("kind", "internal")];

/// Texts that languages sort in another order than bytes do, or that statements could stumble over.
const ODD: &[&str] = &["a", "B", "ä", "Z", "_", "'; --", "\u{1f511}", "zz", "", " a"];

/// Tables that no backup has: what the schema and the processes that use it say of themselves. Whoever adds one answers
/// for what a restored store lacks.
const LEFT_OUT: &[&str] = &[
    "announcement_counter",
    "announcement_effects",
    "announcements",
    "leases",
    "replicas",
    "schema_support",
    "seaql_migrations",
];

/// The tables that have to be in a backup: those that a store has, as the store says it, but for the few above.
pub async fn tables(database: &TestDatabase) -> Vec<String> {
    let all = all_tables(database).await;
    assert!(LEFT_OUT.iter().all(|table| all.iter().any(|name| name == table)), "{all:?}");
    all.into_iter().filter(|name| !LEFT_OUT.contains(&name.as_str())).collect()
}

/// Every table of a store.
pub async fn all_tables(database: &TestDatabase) -> Vec<String> {
    let sql = match database.backend() {
        DatabaseBackend::Postgres => {
            "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename COLLATE \"C\""
        }
        _ => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name",
    };
    let rows = database.connection().query_all_raw(Statement::from_string(database.backend(), sql)).await;
    rows.unwrap().iter().map(|row| row.try_get("", "name").unwrap()).collect()
}

pub async fn count(database: &TestDatabase, table: &str) -> i64 {
    let sql = format!("SELECT COUNT(*) AS n FROM \"{table}\"");
    let row = database.connection().query_one_raw(Statement::from_string(database.backend(), sql)).await;
    row.unwrap().unwrap().try_get("", "n").unwrap()
}

/// A store on SQLite with a row in every table, and odd ones in some.
///
/// Every text is the same, so that every reference finds its row.
pub async fn sqlite() -> TestDatabase {
    let database = TestDatabase::sqlite().await;
    let store = database.connection();
    // References are checked at the end, so that the order of the tables does not matter here.
    let mut sql = "PRAGMA defer_foreign_keys = ON;".to_owned();
    for table in tables(&database).await {
        let columns = Statement::from_sql_and_values(
            DatabaseBackend::Sqlite,
            "SELECT name, type FROM pragma_table_info($1)",
            [table.clone().into()],
        );
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for column in store.query_all_raw(columns).await.unwrap() {
            let (name, kind): (String, String) =
                (column.try_get("", "name").unwrap(), column.try_get("", "type").unwrap());
            let word = WORDS.iter().find(|(of, _)| *of == name).map(|(_, word)| *word);
            values.push(match kind.as_str() {
                "TEXT" => format!("'{}'", word.unwrap_or("x")),
                "BLOB" => "x'00ff80'".to_owned(),
                "TIMESTAMP" => "'2026-02-03T04:05:06.123456789+00:00'".to_owned(),
                _ => "1".to_owned(),
            });
            names.push(format!("\"{name}\""));
        }
        let (names, values) = (names.join(", "), values.join(", "));
        sql.push_str(&format!("INSERT INTO \"{table}\" ({names}) VALUES ({values});\n"));
    }
    for (at, odd) in ODD.iter().enumerate() {
        let odd = odd.replace('\'', "''");
        sql.push_str(&format!(
            "INSERT INTO retired_slugs (slug, retired_at) VALUES ('{odd}', '2026-02-03T04:05:0{at}+00:00');\
             INSERT INTO users (id, issuer, subject, email, name, picture, created_at, suspended_at) VALUES \
             ('user{odd}', '{odd}', '{at}', '{odd}', '{odd}', NULL, '1969-12-31T23:59:59.5+00:00', NULL);"
        ));
    }
    store.execute_unprepared(&format!("BEGIN; {sql} COMMIT;")).await.unwrap();
    database
}

/// The key of every file in these tests.
pub fn key() -> KeyBytes {
    KeyBytes::from_slice(b"0123456789abcdef0123456789abcdef").unwrap()
}

/// A backup of a store.
pub async fn taken(database: &TestDatabase) -> (Summary, Vec<u8>) {
    taken_at(database, "2026-01-02T03:04:05Z").await
}

/// A backup that says that it was begun then.
pub async fn taken_at(database: &TestDatabase, created_at: &str) -> (Summary, Vec<u8>) {
    let header = Header::new(created_at.to_owned(), "test".to_owned(), vec![1]).unwrap();
    backup::take(database.connection(), Vec::new(), &header, key()).await.unwrap()
}

/// What a file holds.
pub async fn examined(mut file: &[u8]) -> Result<Summary, backup::BackupError> {
    let header = Header::read(&mut file)?;
    backup::examine(file, &header, &key()).await
}

/// Restores a file into a store.
pub async fn restored(mut file: &[u8], database: &TestDatabase) -> Result<Summary, backup::BackupError> {
    let header = Header::read(&mut file)?;
    backup::restore(database.connection(), file, &header, &key()).await
}
