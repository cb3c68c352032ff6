//! PostgreSQL, asked in words of ours.

use std::pin::pin;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{OwnRows, TextRow, TextSession};
use crate::QueryError;
use crate::refusal::Unsaid;

const NO_PARAMETERS: [(&str, Type); 0] = [];

/// A session.
pub(crate) struct Asked<'a> {
    client: &'a Client,
    one_statement: bool,
    unsaid: &'a Unsaid,
}

impl<'a> Asked<'a> {
    /// Statements go as those of callers do, by the protocol that takes one; in a test of what happens without it, by the
    /// other.
    pub(crate) const fn new(client: &'a Client, one_statement: bool, unsaid: &'a Unsaid) -> Self {
        Self { client, one_statement, unsaid }
    }
}

impl Asked<'_> {
    fn refused(&self, error: &Error) -> QueryError {
        match error.as_db_error() {
            Some(said) => self.unsaid.refusal(said.code().code(), said.message()),
            None => QueryError::Broken,
        }
    }
}

#[async_trait]
impl TextSession for Asked<'_> {
    async fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError> {
        let mut rows = OwnRows::default();
        if self.one_statement {
            let given = self.client.query_typed_raw(statement, NO_PARAMETERS).await;
            let mut given = pin!(given.map_err(|error| self.refused(&error))?);
            while let Some(row) = given.next().await {
                let row = row.map_err(|error| self.refused(&error))?;
                let texts = (0..row.len()).map(|column| row.try_get(column)).collect::<Result<_, _>>();
                let texts = texts.map_err(|error| self.refused(&error))?;
                rows.push(texts, row.raw_size_bytes()).ok_or(QueryError::Broken)?;
            }
            return Ok(rows.rows);
        }
        let given = self.client.simple_query_raw(statement).await;
        let mut given = pin!(given.map_err(|error| self.refused(&error))?);
        while let Some(message) = given.next().await {
            if let SimpleQueryMessage::Row(row) = message.map_err(|error| self.refused(&error))? {
                let texts: TextRow =
                    (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect();
                let bytes = texts.iter().flatten().map(String::len).sum();
                rows.push(texts, bytes).ok_or(QueryError::Broken)?;
            }
        }
        Ok(rows.rows)
    }

    async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        self.client.batch_execute(statements).await.map_err(|error| self.refused(&error))
    }
}
