//! PostgreSQL, asked in words of ours.

use async_trait::async_trait;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{TextRow, TextSession};
use crate::QueryError;
use crate::refusal::Unsaid;

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
        if self.one_statement {
            let rows = self.client.query_typed(statement, &[]).await.map_err(|error| self.refused(&error))?;
            let texts = rows.iter().map(|row| (0..row.len()).map(|column| row.try_get(column)).collect());
            return texts.collect::<Result<_, _>>().map_err(|error| self.refused(&error));
        }
        let messages = self.client.simple_query(statement).await.map_err(|error| self.refused(&error))?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        self.client.batch_execute(statements).await.map_err(|error| self.refused(&error))
    }
}
