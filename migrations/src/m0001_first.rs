//! The first schema: people, organizations, apps, audit trail.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

/// See the module.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        crate::run(manager, include_str!("m0001_first.sql")).await?;
        let append_only = match manager.get_database_backend() {
            DatabaseBackend::Sqlite => include_str!("m0001_append_only.sqlite.sql"),
            _ => include_str!("m0001_append_only.postgres.sql"),
        };
        manager.get_connection().execute_unprepared(append_only).await?;
        Ok(())
    }
}
