//! Reading a whole backup without any store.

use std::io::Read;

use cryptography::KeyBytes;

use crate::content::{ContentReader, Next};
use crate::schema::Schema;
use crate::sealed_file::SealedReader;
use crate::state_hash::Summary;
use crate::store::reference;
use crate::value::Fields;
use crate::{BackupError, Header};

/// Reads all that stands behind the header, and answers what it holds: every chunk opens, every table of its schema is
/// there once, every row has its columns, and rows and hashes are those that were counted when it was written.
///
/// # Errors
/// It cannot be read, is damaged or cut off, or is of a newer release.
pub async fn examine(input: impl Read, header: &Header, key: &KeyBytes) -> Result<Summary, BackupError> {
    let (mut content, schema) = open(input, header, key).await?;
    let mut table = None;
    loop {
        match content.next(&schema)? {
            Next::Table(at) => table = schema.tables.get(at),
            Next::Row(row) => {
                let mut fields = Fields::new(&row);
                for column in table.iter().flat_map(|table| &table.columns) {
                    if !fields.value()?.is_of(column.kind) {
                        return Err(BackupError::Contradicts(format!(
                            "column {} holds something else",
                            column.name
                        )));
                    }
                }
                fields.end()?;
            }
            Next::TableEnd => {}
            Next::End(summary) => return Ok(summary),
        }
    }
}

/// The records of a backup, and the schema that it was taken of.
pub async fn open<R: Read>(
    input: R,
    header: &Header,
    key: &KeyBytes,
) -> Result<(ContentReader<R>, Schema), BackupError> {
    let content = ContentReader::begin(SealedReader::begin(input, header, key)?)?;
    let known = migrations::known();
    if !known.starts_with(&content.migrations) {
        let unknown = content.migrations.iter().filter(|name| !known.contains(name)).cloned().collect();
        return Err(BackupError::NewerSchema(unknown));
    }
    let schema = reference::schema(content.migrations.len()).await?;
    Ok((content, schema))
}
