//! Filling an empty store from a backup.

use std::io::Read;

use cryptography::KeyBytes;

use crate::content::Next;
use crate::schema::Schema;
use crate::snapshot::state_within;
use crate::state_hash::Summary;
use crate::store::writing::{self, Inserter};
use crate::store::{DatabaseConnection, DatabaseTransaction, reading, reference};
use crate::{BackupError, Header, examining};

/// Restores a backup into an empty store and brings the schema up to date, all of it or nothing. What was written is read
/// again before it counts, and has to have the backup's state hash.
///
/// # Errors
/// The backup is damaged, cut off or of a newer release; the store is not empty or does not answer.
pub async fn restore(
    database: &DatabaseConnection,
    input: impl Read,
    header: &Header,
    key: &KeyBytes,
) -> Result<Summary, BackupError> {
    let (mut content, schema) = examining::open(input, header, key).await?;
    let transaction = writing::begin(database).await?;
    check_empty(&transaction, &schema).await?;
    writing::migrate_to(&transaction, schema.migrations.len()).await?;
    let mut inserter: Option<Inserter<'_>> = None;
    let summary = loop {
        match (content.next(&schema)?, &mut inserter) {
            (Next::Table(at), _) => {
                inserter = schema.tables.get(at).map(|table| Inserter::new(&transaction, table));
            }
            (Next::Row(row), Some(inserter)) => inserter.add(&row).await?,
            (Next::TableEnd, Some(inserter)) => inserter.flush().await?,
            (Next::End(summary), _) => break summary,
            (Next::Row(_) | Next::TableEnd, None) => {
                return Err(BackupError::Contradicts("a row is of no table".to_owned()));
            }
        }
    };
    let restored = state_within(&transaction, &schema).await?;
    if let Some(table) = summary.difference(&restored) {
        return Err(BackupError::NotAsWritten(table.to_owned()));
    }
    writing::migrate_to(&transaction, migrations::known().len()).await?;
    writing::commit(transaction).await?;
    Ok(summary)
}

/// Nobody's rows are there, and no schema but the backup's.
async fn check_empty(transaction: &DatabaseTransaction, schema: &Schema) -> Result<(), BackupError> {
    let applied = reading::migrations_of(transaction).await?;
    let newest = reference::schema(migrations::known().len()).await?;
    for schema in [schema, &newest] {
        if let Some(table) = reading::with_rows(transaction, schema).await? {
            return Err(BackupError::NotEmpty(table));
        }
    }
    if applied.is_empty() || applied == schema.migrations {
        return Ok(());
    }
    Err(BackupError::OtherSchema(applied))
}
