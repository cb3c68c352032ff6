//! PostgreSQL, asked in words of ours.

use async_trait::async_trait;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use super::{TextRow, TextSession};
use crate::QueryError;

/// A session.
pub(crate) struct Asked<'a> {
    client: &'a Client,
    one_statement: bool,
}

impl<'a> Asked<'a> {
    /// Statements go as those of callers do, by the protocol that takes one; in a test of what happens without it, by the
    /// other.
    pub(crate) const fn new(client: &'a Client, one_statement: bool) -> Self {
        Self { client, one_statement }
    }
}

#[async_trait]
impl TextSession for Asked<'_> {
    async fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError> {
        if self.one_statement {
            let rows = self.client.query_typed(statement, &[]).await.map_err(refused)?;
            let texts = rows.iter().map(|row| (0..row.len()).map(|column| row.try_get(column)).collect());
            return texts.collect::<Result<_, _>>().map_err(refused);
        }
        let messages = self.client.simple_query(statement).await.map_err(refused)?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        self.client.batch_execute(statements).await.map_err(refused)
    }
}

fn refused(error: Error) -> QueryError {
    match error.as_db_error() {
        Some(said) => QueryError::Database {
            code: said.code().code().to_owned(),
            message: said.message().lines().next().unwrap_or_default().to_owned(),
        },
        None => QueryError::Broken,
    }
}
