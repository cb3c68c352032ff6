//! A session that is asked in words of ours.

use async_trait::async_trait;

use super::fault::{self, Fault};
use super::parameters::execute;
use super::running::prepared;
use super::session::MOST;
use super::wire::{Cursor, Done, Refusal, Reply, WireError};
use super::{Opener, Session, commands};
use crate::QueryError;
use crate::text_session::{OwnRows, TextRow, TextSession};

/// A session, and what its refusals are told with.
pub(crate) struct Asked<'a> {
    session: &'a mut Session,
    opener: &'a Opener,
}

impl<'a> Asked<'a> {
    pub(crate) const fn new(session: &'a mut Session, opener: &'a Opener) -> Self {
        Self { session, opener }
    }

    async fn ask(&mut self, statement: &str) -> Result<Vec<TextRow>, Fault> {
        let session = &mut *self.session;
        session.packets.queue_command(&commands::prepare("", statement));
        session.packets.flush().await?;
        let prepared = prepared(session, 0).await??;
        session.packets.queue_command(&execute(prepared.id, &[]));
        session.packets.flush().await?;
        session.packets.begin_answer();
        let count = match Reply::parse(&session.packets.next(MOST).await?)? {
            Reply::Refused(refusal) => return Err(refusal.into()),
            Reply::Done(_) => return Ok(Vec::new()),
            Reply::Columns(count) => count,
        };
        session.skip_columns(count).await?;
        let mut rows = OwnRows::default();
        loop {
            let payload = session.packets.next(MOST).await?;
            if let Some(refusal) = Refusal::in_packet(&payload)? {
                return Err(refusal.into());
            }
            if Done::at_end(&payload)?.is_some() {
                return Ok(rows.rows);
            }
            let row = text_row(&payload, usize::from(count))?;
            rows.push(row, payload.len()).ok_or(WireError::TooLarge)?;
        }
    }

    /// By the protocol that takes several statements, if the session was opened for that.
    async fn tell(&mut self, statements: &str) -> Result<Vec<TextRow>, Fault> {
        self.session.packets.queue_command(&commands::query(statements));
        self.session.packets.flush().await?;
        Ok(self.session.text_rows().await??)
    }

    fn told(&self, fault: Fault) -> QueryError {
        match fault {
            Fault::Refused(refusal) => fault::database(&told_apart(refusal), self.opener),
            Fault::Wire(_) => QueryError::Broken,
            Fault::Stopped(error) => error,
        }
    }
}

/// A server's catch-all (42000) is of a syntax error as well as of a missing right: to us, they have the SQLSTATEs of
/// standard SQL, by the server's own number of the error.
fn told_apart(mut refusal: Refusal) -> Refusal {
    let state = match refusal.number {
        1064 | 1149 => "42601",
        1044 | 1142 | 1143 | 1227 | 1370 => "42501",
        _ => return refusal,
    };
    state.clone_into(&mut refusal.state);
    refusal
}

/// A row of the binary protocol, all of whose columns are text.
fn text_row(payload: &[u8], columns: usize) -> Result<TextRow, WireError> {
    let mut cursor = Cursor::new(payload);
    cursor.byte()?;
    let nulls = cursor.bytes((columns + 9) / 8)?;
    (2..columns + 2)
        .map(|bit| {
            if nulls.get(bit / 8).is_some_and(|byte| byte & (1 << (bit % 8)) != 0) {
                return Ok(None);
            }
            Ok(Some(String::from_utf8_lossy(cursor.counted()?).into_owned()))
        })
        .collect()
}

#[async_trait]
impl TextSession for Asked<'_> {
    async fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError> {
        let asked = if self.opener.locks.one_statement {
            self.ask(statement).await
        } else {
            self.tell(statement).await
        };
        asked.map_err(|fault| self.told(fault))
    }

    async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        let told = self.tell(statements).await;
        told.map(drop).map_err(|fault| self.told(fault))
    }
}
