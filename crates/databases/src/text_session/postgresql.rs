//! PostgreSQL, asked in words of ours.

use async_trait::async_trait;
use tokio_postgres::{Client, Error};

use super::{TextRow, TextSession};
use crate::QueryError;

#[async_trait]
impl TextSession for &Client {
    async fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError> {
        let rows = self.query_typed(statement, &[]).await.map_err(refused)?;
        rows.iter()
            .map(|row| (0..row.len()).map(|column| row.try_get(column).map_err(refused)).collect())
            .collect()
    }

    async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        self.batch_execute(statements).await.map_err(refused)
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
