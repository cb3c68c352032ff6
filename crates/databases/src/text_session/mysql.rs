//! MySQL, asked in words of ours.

use async_trait::async_trait;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Error, Row};

use super::{TextRow, TextSession};
use crate::QueryError;

#[async_trait]
impl TextSession for &mut Conn {
    async fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError> {
        let rows: Vec<Row> = self.exec(statement, ()).await.map_err(refused)?;
        rows.into_iter()
            .map(|mut row| {
                (0..row.len())
                    .map(|column| match row.take_opt::<Option<String>, _>(column) {
                        Some(Ok(text)) => Ok(text),
                        _ => Err(QueryError::Connect(crate::ConnectError::Protocol)),
                    })
                    .collect()
            })
            .collect()
    }

    async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        self.query_drop(statements).await.map_err(refused)
    }
}

fn refused(error: Error) -> QueryError {
    match error {
        Error::Server(said) => QueryError::Database {
            code: said.state,
            message: said.message.lines().next().unwrap_or_default().to_owned(),
        },
        _ => QueryError::Broken,
    }
}
