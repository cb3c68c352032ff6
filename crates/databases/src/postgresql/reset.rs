//! What keeps one borrower's state from the next one.

use tokio_postgres::{Client, SimpleQueryMessage};

/// What ends the use of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Nothing was begun, and nothing can be left.
    Nothing,
    /// The transaction ends, in which nothing but a plain read took place.
    Rollback,
    /// Whatever a statement, a function or a trigger has done to the session is undone.
    Reset,
}

/// In this order: the role before the settings, the settings before names are looked up.
///
/// `DEALLOCATE ALL` would take our own prepared statements, too, among them the driver's, which it cannot prepare again.
/// So the last statement counts those that were prepared in SQL, which only a function can have done: the session
/// of such a one is closed.
const RESET: &str = "ROLLBACK;CLOSE ALL;SET SESSION AUTHORIZATION DEFAULT;RESET ALL;UNLISTEN *;\
    SELECT pg_catalog.pg_advisory_unlock_all();DISCARD TEMP;DISCARD SEQUENCES;\
    SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statement() WHERE from_sql";

impl Ending {
    /// Sends it, and says whether the session is as at its start.
    pub(crate) async fn reach(self, client: &Client) -> bool {
        match self {
            Self::Nothing => true,
            Self::Rollback => client.batch_execute("ROLLBACK").await.is_ok(),
            Self::Reset => {
                let Ok(answer) = client.simple_query(RESET).await else { return false };
                let last = answer.iter().rev().find_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row.get(0) == Some("0")),
                    _ => None,
                });
                last.unwrap_or(false)
            }
        }
    }
}
