use sea_orm::{ConnectionTrait as _, Statement};
use test_support::TestDatabase;

use crate::filled::{self, count, examined, restored, taken};

#[test]
fn every_table_of_the_schema_goes_from_each_store_into_each_and_the_state_hash_stays() {
    test_support::run(async {
        let first = filled::sqlite().await;
        let tables = filled::tables(&first).await;
        let (summary, file) = taken(&first).await;
        let mut written: Vec<_> = summary.tables.iter().map(|table| table.name.clone()).collect();
        written.sort();
        assert_eq!(written, tables, "a table is missing from backups");
        assert!(summary.tables.iter().all(|table| table.rows > 0), "{summary:?}");
        assert_eq!(summary.left_out, Vec::<String>::new());
        assert_eq!(examined(&file).await.unwrap(), summary);

        let second = TestDatabase::postgres().await;
        assert_eq!(filled::tables(&second).await, tables);
        assert_eq!(restored(&file, &second).await.unwrap(), summary);
        for table in &summary.tables {
            assert_eq!(count(&second, &table.name).await, table.rows as i64, "{}", table.name);
        }
        assert_eq!(backup::state(second.connection()).await.unwrap(), summary);

        // Back again, from what PostgreSQL says.
        let (of_second, file) = taken(&second).await;
        assert_eq!(of_second, summary);
        let third = TestDatabase::sqlite().await;
        restored(&file, &third).await.unwrap();
        assert_eq!(backup::state(third.connection()).await.unwrap(), summary);
        assert_eq!(backup::state(first.connection()).await.unwrap(), summary);
    });
}

test_support::on_both_stores! {
    async fn every_change_of_a_row_changes_the_state_hash(database: TestDatabase) {
        let (_, file) = taken(&filled::sqlite().await).await;
        restored(&file, &database).await.unwrap();
        let mut seen = vec![backup::state(database.connection()).await.unwrap().state_hash];
        for change in [
            "UPDATE users SET name = 'y' WHERE id = 'x'",
            "UPDATE users SET picture = '' WHERE id = 'x'",
            "UPDATE users SET picture = NULL WHERE id = 'x'",
            "UPDATE organizations SET personal_accounts_in_apps = FALSE",
            "UPDATE data_keys SET seals = 2",
            "UPDATE users SET created_at = '2026-02-03 04:05:06.123457+00:00' WHERE id = 'x'",
            "DELETE FROM retired_slugs WHERE slug = ''",
            "INSERT INTO retired_labels (label, retired_at) VALUES ('new', '2026-02-03 04:05:06+00:00')",
        ] {
            database.connection().execute_unprepared(change).await.unwrap();
            let hash = backup::state(database.connection()).await.unwrap().state_hash;
            assert!(!seen.contains(&hash), "{change}");
            seen.push(hash);
        }
    }

    async fn a_backup_is_one_state_of_a_store_that_is_being_written(database: TestDatabase) {
        // Each change moves a row from one table into another: together there is always one.
        let store = database.connection().clone();
        let row = "VALUES ('wandering', '2026-02-03 04:05:06+00:00')";
        store.execute_unprepared(&format!("INSERT INTO retired_labels (label, retired_at) {row}")).await.unwrap();
        let writing = tokio::spawn(async move {
            for _ in 0..10_000 {
                for (from, column, to, other) in [
                    ("retired_labels", "label", "retired_slugs", "slug"),
                    ("retired_slugs", "slug", "retired_labels", "label"),
                ] {
                    let sql = format!(
                        "INSERT INTO {to} ({other}, retired_at) SELECT {column}, retired_at FROM {from}; DELETE FROM {from}"
                    );
                    store.execute_unprepared(&format!("BEGIN; {sql}; COMMIT")).await.unwrap();
                }
            }
        });
        let mut tables_with_it = std::collections::BTreeSet::new();
        for _ in 0..15 {
            let (summary, file) = taken(&database).await;
            assert_eq!(summary.rows(), 1, "{summary:?}");
            assert_eq!(examined(&file).await.unwrap(), summary);
            tables_with_it.extend(summary.tables.into_iter().find(|table| table.rows > 0).map(|table| table.name));
        }
        writing.abort();
        assert_eq!(tables_with_it.len(), 2, "nothing was written meanwhile");
    }

    async fn tables_of_somebody_else_are_left_out_and_named(database: TestDatabase) {
        database.connection().execute_unprepared("CREATE TABLE of_somebody_else (id INTEGER)").await.unwrap();
        let (summary, file) = taken(&database).await;
        assert_eq!(summary.left_out, ["of_somebody_else"]);
        assert!(examined(&file).await.unwrap().left_out.is_empty());
    }

    async fn a_backup_of_an_older_schema_is_migrated_when_it_is_restored(database: TestDatabase) {
        let older = TestDatabase::sqlite().await;
        let undo = "DROP INDEX hand_off_codes_by_session; DROP TABLE schema_support; DROP TABLE announcement_effects; \
                    DELETE FROM seaql_migrations WHERE version <> 'm0001_first'";
        older.connection().execute_unprepared(undo).await.unwrap();
        older.connection().execute_unprepared("INSERT INTO retired_labels VALUES ('x', '2026-02-03T04:05:06+00:00')").await.unwrap();
        let (summary, file) = taken(&older).await;
        assert_eq!(summary.migrations, ["m0001_first"]);

        // An empty schema of the newer release is another one; without any tables there is nothing in the way.
        let error = restored(&file, &database).await.unwrap_err();
        assert!(error.to_string().contains("without any tables"), "{error}");
        let drop_all = match database.backend() {
            sea_orm::DatabaseBackend::Postgres => "DROP SCHEMA public CASCADE; CREATE SCHEMA public".to_owned(),
            _ => {
                let tables = filled::all_tables(&database).await;
                let drops = tables.iter().map(|table| format!("DROP TABLE \"{table}\";")).collect::<String>();
                format!("PRAGMA foreign_keys = OFF; {drops}")
            }
        };
        database.connection().execute_unprepared(&drop_all).await.unwrap();
        assert_eq!(restored(&file, &database).await.unwrap(), summary);
        let after = backup::state(database.connection()).await.unwrap();
        assert_eq!((after.migrations, after.state_hash), (migrations::known(), summary.state_hash));
        let index = match database.backend() {
            sea_orm::DatabaseBackend::Postgres => "SELECT indexname AS name FROM pg_indexes WHERE indexname = 'hand_off_codes_by_session'",
            _ => "SELECT name FROM sqlite_master WHERE name = 'hand_off_codes_by_session'",
        };
        let found = Statement::from_string(database.backend(), index);
        assert!(database.connection().query_one_raw(found).await.unwrap().is_some());
    }
}
