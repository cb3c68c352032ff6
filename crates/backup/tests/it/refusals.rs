use sea_orm::ConnectionTrait as _;
use test_support::TestDatabase;

use crate::filled::{self, restored, taken};

test_support::on_both_stores! {
    async fn a_store_with_any_row_is_left_as_it_is(database: TestDatabase) {
        let (_, file) = taken(&filled::sqlite().await).await;
        let row = "INSERT INTO retired_labels (label, retired_at) VALUES ('mine', '2026-02-03 04:05:06+00:00')";
        database.connection().execute_unprepared(row).await.unwrap();
        let before = backup::state(database.connection()).await.unwrap();
        let error = restored(&file, &database).await.unwrap_err().to_string();
        assert!(error.contains("not empty") && error.contains("retired_labels"), "{error}");
        assert_eq!(backup::state(database.connection()).await.unwrap(), before);
    }

    async fn a_schema_of_a_newer_release_is_neither_backed_up_nor_restored(database: TestDatabase) {
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 1)";
        database.connection().execute_unprepared(newer).await.unwrap();
        let error = backup::state(database.connection()).await.unwrap_err().to_string();
        assert!(error.contains("m9999_newer") && error.contains("not one of this release"), "{error}");
        let (_, file) = taken(&TestDatabase::sqlite().await).await;
        let error = restored(&file, &database).await.unwrap_err().to_string();
        assert!(error.contains("another release"), "{error}");
    }
}
