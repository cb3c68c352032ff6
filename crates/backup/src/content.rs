//! What is in the chunks: records, each a letter, a length of four bytes, and the rest.

use std::io::{Read, Write};

use crate::schema::{Schema, Table};
use crate::sealed_file::{SealedReader, SealedWriter};
use crate::state_hash::{StateHash, Summary, TableHasher, TableSummary};
use crate::value::{Fields, write_bytes};
use crate::{BackupError, schema};

/// What begins each record.
mod letter {
    /// The release and the migrations.
    pub const ORIGIN: u8 = b'O';
    /// A table begins.
    pub const TABLE: u8 = b'T';
    /// A row of it.
    pub const ROW: u8 = b'R';
    /// The table ends: how many rows, and its hash.
    pub const TABLE_END: u8 = b'E';
    /// Everything ends: how many tables, and the state hash.
    pub const END: u8 = b'Z';
}

/// Writes the records of a backup.
pub struct ContentWriter<W> {
    file: SealedWriter<W>,
}

impl<W: Write> ContentWriter<W> {
    pub fn begin(file: SealedWriter<W>, release: &str, migrations: &[String]) -> Result<Self, BackupError> {
        let mut origin = Vec::new();
        write_bytes(&mut origin, release.as_bytes());
        migrations.iter().for_each(|name| write_bytes(&mut origin, name.as_bytes()));
        let mut writer = Self { file };
        writer.record(letter::ORIGIN, &origin)?;
        Ok(writer)
    }

    pub fn table(&mut self, table: &Table) -> Result<(), BackupError> {
        self.record(letter::TABLE, &table.describe())
    }

    pub fn row(&mut self, row: &[u8]) -> Result<(), BackupError> {
        self.record(letter::ROW, row)
    }

    pub fn table_end(&mut self, summary: &TableSummary) -> Result<(), BackupError> {
        self.record(letter::TABLE_END, &[&summary.rows.to_be_bytes()[..], summary.hash.as_bytes()].concat())
    }

    pub fn finish(mut self, summary: &Summary) -> Result<W, BackupError> {
        let tables = u64::try_from(summary.tables.len()).unwrap_or(u64::MAX);
        self.record(letter::END, &[&tables.to_be_bytes()[..], summary.state_hash.as_bytes()].concat())?;
        self.file.finish()
    }

    fn record(&mut self, letter: u8, payload: &[u8]) -> Result<(), BackupError> {
        let mut record = Vec::with_capacity(payload.len() + 5);
        record.push(letter);
        write_bytes(&mut record, payload);
        self.file.write(&record)
    }
}

/// What comes next in a backup.
pub enum Next {
    /// A row of the table that began last.
    Row(Vec<u8>),
    /// The table ended as it should.
    TableEnd,
    /// A table begins, by its place in the schema.
    Table(usize),
    /// Everything came.
    End(Summary),
}

/// Reads the records of a backup, and whether they are what they should be.
pub struct ContentReader<R> {
    file: SealedReader<R>,
    release: String,
    /// The migrations of the schema that the backup was taken of.
    pub migrations: Vec<String>,
    table: Option<TableHasher>,
    tables: Vec<TableSummary>,
}

impl<R: Read> ContentReader<R> {
    pub fn begin(mut file: SealedReader<R>) -> Result<Self, BackupError> {
        let (letter, payload) = record(&mut file)?;
        if letter != letter::ORIGIN {
            return Err(unexpected(letter));
        }
        let mut fields = Fields::new(&payload);
        let release = fields.text()?;
        let mut migrations = Vec::new();
        while !fields.is_empty() {
            migrations.push(fields.text()?);
        }
        Ok(Self { file, release, migrations, table: None, tables: Vec::new() })
    }

    /// The next thing, of this schema.
    pub fn next(&mut self, schema: &Schema) -> Result<Next, BackupError> {
        let (letter, payload) = record(&mut self.file)?;
        match (letter, self.table.take()) {
            (letter::ROW, Some(mut table)) => {
                table.add(&payload);
                self.table = Some(table);
                Ok(Next::Row(payload))
            }
            (letter::TABLE_END, Some(table)) => {
                let summary = table.finish();
                let mut fields = Fields::new(&payload);
                let said = (u64::from_be_bytes(fields.array()?), StateHash::from_bytes(fields.array()?));
                fields.end()?;
                if said != (summary.rows, summary.hash) {
                    return Err(BackupError::Contradicts(format!(
                        "table {} is not what its end says",
                        summary.name
                    )));
                }
                self.tables.push(summary);
                Ok(Next::TableEnd)
            }
            (letter::TABLE, None) => {
                let name = schema::described(&payload)?;
                let at = schema.tables.iter().position(|table| table.describe() == payload);
                let is_new = self.tables.iter().all(|before| before.name != name);
                let Some(at) = at.filter(|_| is_new) else {
                    return Err(BackupError::Contradicts(format!("table {name} is not one of its schema")));
                };
                self.table = schema.tables.get(at).map(TableHasher::new);
                Ok(Next::Table(at))
            }
            (letter::END, None) => self.end(&payload, schema).map(Next::End),
            (letter, _) => Err(unexpected(letter)),
        }
    }

    fn end(&mut self, payload: &[u8], schema: &Schema) -> Result<Summary, BackupError> {
        let tables = std::mem::take(&mut self.tables);
        let missing = schema.tables.iter().find(|table| tables.iter().all(|came| came.name != table.name));
        if let Some(table) = missing {
            return Err(BackupError::Contradicts(format!("table {} is missing", table.name)));
        }
        let number = u64::try_from(tables.len()).unwrap_or(u64::MAX);
        let summary = Summary::new(self.release.clone(), self.migrations.clone(), tables);
        let mut fields = Fields::new(payload);
        let said = (u64::from_be_bytes(fields.array()?), StateHash::from_bytes(fields.array()?));
        fields.end()?;
        if said != (number, summary.state_hash) || !self.file.is_at_end()? {
            return Err(BackupError::Contradicts("it is not what its end says".to_owned()));
        }
        Ok(summary)
    }
}

fn record<R: Read>(file: &mut SealedReader<R>) -> Result<(u8, Vec<u8>), BackupError> {
    let head = file.read(5)?;
    let (letter, length) = match head.as_slice() {
        [letter, length @ ..] => (*letter, Fields::new(length).array().map(u32::from_be_bytes)?),
        [] => return Err(BackupError::Contradicts("a record is too short".to_owned())),
    };
    let payload = file.read(usize::try_from(length).unwrap_or(usize::MAX))?;
    Ok((letter, payload))
}

fn unexpected(letter: u8) -> BackupError {
    BackupError::Contradicts(format!("a record {:?} stands where none may", char::from(letter)))
}
