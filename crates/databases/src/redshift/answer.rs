//! Answers in the shape of Redshift's data interface, as existing apps expect it.
//!
//! `{"columnMetadata":[{"name":…,"typeName":…}],"records":[{…}],"status":"FINISHED"}`, with an `error` if there is
//! something to say. A record has a string for each column, in the text form of the database, or null. Of columns with
//! the same name the last one counts. The status comes last, as it is known last.

use bytes::{BufMut as _, Bytes, BytesMut};
use postgres_protocol::Oid;
use postgres_protocol::message::backend::{DataRowBody, RowDescriptionBody};
use serde::Serialize;
use tokio_postgres::fallible_iterator::FallibleIterator as _;
use tokio_postgres::types::Type;

use super::messages::strange;
use crate::{Ending, QueryError};

/// The size of the pieces, in bytes.
const PIECE: usize = 32 << 10;

/// The word for it on the wire.
const fn status(ending: Ending) -> &'static str {
    match ending {
        Ending::Finished => "FINISHED",
        Ending::Failed => "FAILED",
        Ending::TimedOut => "TIMED_OUT",
    }
}

/// An answer while it is written.
pub(super) struct Answer {
    written: BytesMut,
    /// For each column its name in JSON with a colon, unless a later one has the same.
    names: Vec<Option<Bytes>>,
    begun: bool,
    pub(super) records: u64,
    pub(super) bytes: u64,
}

impl Answer {
    pub(super) fn new() -> Self {
        Self {
            written: BytesMut::with_capacity(PIECE),
            names: Vec::new(),
            begun: false,
            records: 0,
            bytes: 0,
        }
    }

    /// Writes what the columns are.
    pub(super) fn columns(&mut self, described: &RowDescriptionBody) -> Result<(), QueryError> {
        let columns: Vec<(String, Oid)> = described
            .fields()
            .map(|field| Ok((field.name().to_owned(), field.type_oid())))
            .collect()
            .map_err(|_| strange())?;
        let metadata: Vec<ColumnMetadata<'_>> =
            columns.iter().map(|(name, id)| ColumnMetadata { name, type_name: type_name(*id) }).collect();
        self.names = columns
            .iter()
            .enumerate()
            .map(|(place, (name, _))| {
                let is_last = !columns.iter().skip(place + 1).any(|(later, _)| later == name);
                is_last.then(|| Bytes::from(format!("{}:", json(name))))
            })
            .collect();
        self.begin(&metadata);
        Ok(())
    }

    /// Writes a record.
    pub(super) fn record(&mut self, row: &DataRowBody) -> Result<(), QueryError> {
        let before = self.written.len();
        self.written.put_slice(if self.records == 0 { b"{" } else { b",{" });
        let mut ranges = row.ranges();
        let mut first = true;
        for name in &self.names {
            let range = ranges.next().map_err(|_| strange())?.ok_or_else(strange)?;
            let Some(name) = name else { continue };
            if !first {
                self.written.put_u8(b',');
            }
            first = false;
            self.written.put_slice(name);
            match range {
                Some(range) => {
                    let cell = row.buffer().get(range).ok_or_else(strange)?;
                    self.written.put_slice(json(&String::from_utf8_lossy(cell)).as_bytes());
                }
                None => self.written.put_slice(b"null"),
            }
        }
        self.written.put_u8(b'}');
        self.records += 1;
        self.bytes += (self.written.len() - before) as u64;
        Ok(())
    }

    /// A piece, if there is enough for one.
    pub(super) fn piece(&mut self) -> Option<Bytes> {
        (self.written.len() >= PIECE).then(|| self.written.split().freeze())
    }

    /// The last piece.
    pub(super) fn end(mut self, ending: Ending, error: Option<&str>) -> (Bytes, u64) {
        // The server says what the columns are only with its own end of time; it looks the same if ours was first.
        if ending == Ending::TimedOut && self.records == 0 && self.bytes == self.written.len() as u64 {
            self = Self::new();
        }
        self.begin(&[]);
        let before = self.written.len();
        self.written.put_slice(b"],\"status\":\"");
        self.written.put_slice(status(ending).as_bytes());
        self.written.put_u8(b'"');
        if let Some(error) = error {
            self.written.put_slice(b",\"error\":");
            self.written.put_slice(json(error).as_bytes());
        }
        self.written.put_u8(b'}');
        self.bytes += (self.written.len() - before) as u64;
        (self.written.freeze(), self.bytes)
    }

    fn begin(&mut self, columns: &[ColumnMetadata<'_>]) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.written.put_slice(b"{\"columnMetadata\":");
        self.written.put_slice(serde_json::to_string(columns).unwrap_or_default().as_bytes());
        self.written.put_slice(b",\"records\":[");
        self.bytes += self.written.len() as u64;
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ColumnMetadata<'a> {
    name: &'a str,
    type_name: String,
}

/// A string in JSON.
fn json(text: &str) -> String {
    // A string has no way to fail.
    serde_json::to_string(text).unwrap_or_default()
}

/// The name of a type. The numbers from 1188 are Redshift's own.
fn type_name(id: Oid) -> String {
    let own = match id {
        1188 => "intervaly2m",
        1190 => "intervald2s",
        2935 => "hllsketch",
        3000 => "geometry",
        3001 => "geography",
        4000 => "super",
        6551 => "varbyte",
        id => {
            return Type::from_oid(id).map_or_else(|| "unknown".to_owned(), |known| known.name().to_owned());
        }
    };
    own.to_owned()
}
