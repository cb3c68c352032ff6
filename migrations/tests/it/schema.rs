use sea_orm_migration::sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement};
use test_support::TestDatabase;

const EVENT: &str = "INSERT INTO audit_events (chain, sequence, hash, id, at, actor_kind, action, outcome, target_kind, \
                     detail) VALUES ('platform', 1, '', 'evt_1', '2026-01-01 00:00:00+00:00', 'system', 'a.b', 'done', \
                     'platform', 'null')";
const HEAD: &str = "INSERT INTO audit_heads (chain, sequence, hash, at, key_id, signature) \
                    VALUES ('platform', 1, '', '2026-01-01 00:00:00+00:00', 'key', '')";

async fn count(database: &TestDatabase, table: &str) -> i64 {
    let statement =
        Statement::from_string(database.backend(), format!("SELECT COUNT(*) AS number FROM {table}"));
    let row = database.connection().query_one_raw(statement).await.unwrap().unwrap();
    row.try_get("", "number").unwrap()
}

test_support::on_both_stores! {
    async fn the_audit_trail_is_append_only(database: TestDatabase) {
        let store = database.connection();
        for (table, column, row) in [("audit_events", "action", EVENT), ("audit_heads", "key_id", HEAD)] {
            store.execute_unprepared(row).await.unwrap();
            let mut forbidden =
                vec![format!("UPDATE {table} SET {column} = 'x'"), format!("DELETE FROM {table}")];
            match database.backend() {
                DatabaseBackend::Postgres => forbidden.push(format!("TRUNCATE {table}")),
                _ => forbidden.push(row.replacen("INSERT", "INSERT OR REPLACE", 1)),
            }
            for statement in forbidden {
                let error = store.execute_unprepared(&statement).await.unwrap_err().to_string();
                assert!(error.contains("append-only"), "{statement}: {error}");
            }
            assert_eq!(count(&database, table).await, 1);
        }
    }

    async fn foreign_keys_are_enforced(database: TestDatabase) {
        let orphan = "INSERT INTO hosts (label, app_id) VALUES ('a-b', 'app_missing')";
        assert!(database.connection().execute_unprepared(orphan).await.is_err());
        assert_eq!(count(&database, "hosts").await, 0);
    }

    async fn migrating_twice_changes_nothing(database: TestDatabase) {
        database.connection().execute_unprepared(EVENT).await.unwrap();
        assert_eq!(migrations::migrate(database.connection()).await.unwrap(), 0);
        assert_eq!(count(&database, "audit_events").await, 1);
    }
}
