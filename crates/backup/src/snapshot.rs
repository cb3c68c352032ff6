//! Taking a backup, and looking at what a store holds, while others read and write there.

use std::io::Write;

use cryptography::KeyBytes;

use crate::content::ContentWriter;
use crate::schema::Schema;
use crate::sealed_file::SealedWriter;
use crate::state_hash::{Summary, TableHasher, TableSummary};
use crate::store::{DatabaseConnection, DatabaseTransaction, reading, reference};
use crate::{BackupError, Header};

/// Writes one state of the whole store, sealed with this key, which seals nothing else. Answers what it holds, and
/// what it was written to, which nobody has synchronised yet.
///
/// # Errors
/// The store cannot be read, or its schema is none of this release's; the output cannot be written.
pub async fn take<W: Write>(
    database: &DatabaseConnection,
    output: W,
    header: &Header,
    key: KeyBytes,
) -> Result<(Summary, W), BackupError> {
    let transaction = reading::snapshot(database).await?;
    let schema = schema_of(&transaction).await?;
    let release = env!("CARGO_PKG_VERSION");
    let file = SealedWriter::begin(output, header, key)?;
    let mut content = ContentWriter::begin(file, release, &schema.migrations)?;
    let mut tables = Vec::new();
    for table in &schema.tables {
        content.table(table)?;
        let mut hasher = TableHasher::new(table);
        reading::each_row(&transaction, table, |row| {
            hasher.add(row);
            content.row(row)
        })
        .await?;
        let summary = hasher.finish();
        content.table_end(&summary)?;
        tables.push(summary);
    }
    let mut summary = Summary::new(release.to_owned(), schema.migrations.clone(), tables);
    summary.left_out = reading::strangers(&transaction, &schema).await?;
    let output = content.finish(&summary)?;
    Ok((summary, output))
}

/// What a store holds now.
///
/// # Errors
/// The store cannot be read, or its schema is none of this release's.
pub async fn state(database: &DatabaseConnection) -> Result<Summary, BackupError> {
    let transaction = reading::snapshot(database).await?;
    let schema = schema_of(&transaction).await?;
    let mut summary = state_within(&transaction, &schema).await?;
    summary.left_out = reading::strangers(&transaction, &schema).await?;
    Ok(summary)
}

/// What a store holds within a transaction.
pub async fn state_within(
    transaction: &DatabaseTransaction,
    schema: &Schema,
) -> Result<Summary, BackupError> {
    let mut tables: Vec<TableSummary> = Vec::new();
    for table in &schema.tables {
        let mut hasher = TableHasher::new(table);
        reading::each_row(transaction, table, |row| {
            hasher.add(row);
            Ok(())
        })
        .await?;
        tables.push(hasher.finish());
    }
    Ok(Summary::new(env!("CARGO_PKG_VERSION").to_owned(), schema.migrations.clone(), tables))
}

async fn schema_of(transaction: &DatabaseTransaction) -> Result<Schema, BackupError> {
    let applied = reading::migrations_of(transaction).await?;
    if applied.is_empty() || !migrations::known().starts_with(&applied) {
        return Err(BackupError::UnknownSchema(applied));
    }
    reference::schema(applied.len()).await
}
