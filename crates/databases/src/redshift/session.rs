//! A session with Redshift.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cryptography::SecretBytes;
use postgres_protocol::message::frontend;
use query_guard::Statement;
use tokio::io::AsyncWriteExt as _;

use super::login::{CancelKey, Login};
use super::messages::{Conversation, LONGEST};
use crate::dial::Way;
use crate::postgresql::wire::Wire;
use crate::read_only::ReadOnlyLocks;
use crate::refusal::Unsaid;
use crate::text_session::{TextRow, TextSession};
use crate::{Caller, ConnectError, QueryError, Tls};

/// How long signing in, and putting a session in order, may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What makes sessions with one database.
pub(super) struct Opener {
    pub(super) way: Way,
    pub(super) tls: Tls,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) password: SecretBytes,
    pub(super) unsaid: Arc<Unsaid>,
    /// The locks, if nothing may be written.
    pub(super) locks: Option<ReadOnlyLocks>,
}

/// A session.
pub(super) struct Session {
    pub(super) conversation: Conversation,
    pub(super) key: CancelKey,
    one_statement: bool,
}

impl Opener {
    /// Opens a session.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) async fn open(&self) -> Result<Session, ConnectError> {
        let mut conversation = Conversation::new(Box::new(self.wire().await?), Arc::clone(&self.unsaid));
        let login = Login {
            user: &self.user,
            database: &self.database,
            password: &self.password,
            encrypted: self.tls != Tls::Off,
        };
        let key = tokio::time::timeout(PATIENCE, login.run(&mut conversation))
            .await
            .map_err(|_| ConnectError::Timeout)??;
        let one_statement = self.locks.is_none_or(|locks| locks.one_statement);
        Ok(Session { conversation, key, one_statement })
    }

    /// Asks the server to break off what a session runs. Nobody is told whether it did.
    pub(super) async fn cancel(&self, key: CancelKey) {
        let ask = async {
            let mut wire = self.wire().await.ok()?;
            let mut request = bytes::BytesMut::new();
            frontend::cancel_request(key.process, key.secret, &mut request);
            wire.write_all(&request).await.ok()?;
            wire.shutdown().await.ok()
        };
        let _ = tokio::time::timeout(PATIENCE, ask).await;
    }

    async fn wire(&self) -> Result<Wire, ConnectError> {
        let stream = self.way.dial().await?;
        let host = self.way.host().to_string();
        let tls = crate::tls::configuration(&self.tls)?
            .map(|configuration| tokio_postgres_rustls::MakeRustlsConnect::new((*configuration).clone()));
        let begun = Wire::over(stream, tls.as_ref(), &host, LONGEST);
        tokio::time::timeout(PATIENCE, begun).await.map_err(|_| ConnectError::Timeout)?
    }

    /// Makes a session ready for a statement.
    ///
    /// # Errors
    /// The server does not do as it is told.
    pub(super) async fn prepare(
        &self,
        session: &mut Session,
        caller: &Caller,
        timeout: Duration,
    ) -> Result<(), QueryError> {
        let preparing = async {
            let milliseconds = timeout.as_millis().max(1);
            let caller = caller.as_str();
            let told = format!("SET statement_timeout TO {milliseconds}; SET application_name TO '{caller}'");
            session.conversation.command(&told).await?;
            let Some(locks) = self.locks else { return Ok(()) };
            self.lock(session, locks).await.map_err(|error| match error {
                QueryError::Database { .. } => QueryError::Connect(ConnectError::ReadOnly),
                error => error,
            })
        };
        tokio::time::timeout(PATIENCE, preparing).await.map_err(|_| QueryError::Broken)?
    }

    async fn lock(&self, session: &mut Session, locks: ReadOnlyLocks) -> Result<(), QueryError> {
        if locks.session {
            session.conversation.command("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").await?;
        }
        if locks.transaction {
            session.conversation.command("BEGIN READ ONLY").await?;
        }
        Ok(())
    }
}

impl Session {
    /// Undoes what a statement may have left behind that [leaves little](leaves_little).
    ///
    /// # Errors
    /// It is not known to be as new.
    pub(super) async fn restore(&mut self) -> Result<(), QueryError> {
        let restoring = async {
            self.conversation.command("ROLLBACK").await?;
            self.conversation.command("RESET ALL").await
        };
        tokio::time::timeout(PATIENCE, restoring).await.map_err(|_| QueryError::Broken)?
    }

    /// Ends it, and waits until the server has: what it held is free then.
    pub(super) async fn leave(mut self) {
        let leaving = async {
            frontend::terminate(self.conversation.outgoing());
            self.conversation.send().await?;
            self.conversation.end().await
        };
        let _ = tokio::time::timeout(PATIENCE, leaving).await;
    }
}

/// Whether `ROLLBACK` and `RESET ALL` are enough after a statement. Redshift has none of the statements by which
/// PostgreSQL discards temporary tables and whatever else a session keeps.
pub(super) fn leaves_little(statement: &Statement) -> bool {
    let changes_rows = matches!(statement.kind(), "insert" | "update" | "delete");
    !statement.calls_unknown_functions() && (changes_rows || !statement.writes())
}

#[async_trait]
impl TextSession for Session {
    async fn rows(&mut self, statement: &str) -> Result<Vec<TextRow>, QueryError> {
        if self.one_statement {
            self.conversation.extended(statement).await
        } else {
            self.conversation.simple(statement).await
        }
    }

    async fn command(&mut self, statements: &str) -> Result<(), QueryError> {
        self.conversation.command(statements).await
    }
}
