//! A statement from its beginning to a session that is as if nothing had been.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use super::parameters::{Parameter, execute};
use super::wire::{Prepared, Refusal, WireError};
use super::{Borrowed, Fault, Opener, Session, commands, opening};
use crate::{Caller, QueryError};

/// How long a session may take to be as new.
const RESETTING: Duration = Duration::from_secs(10);
/// How long the request to stop a statement may take, dialling and all.
const STOPPING: Duration = Duration::from_secs(15);
/// By how much the server's own limit of time is later than ours.
const LATER: Duration = Duration::from_secs(1);
/// The most bytes of an answer's packet before rows.
const MOST: usize = super::session::MOST;

/// What is run.
pub(crate) struct Running {
    pub(crate) opener: Arc<Opener>,
    pub(crate) caller: Caller,
    pub(crate) sql: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) deadline: Instant,
    /// How long it may run, as the caller is told.
    pub(crate) milliseconds: u32,
}

impl Running {
    /// Runs the statement, and leaves nothing of it: neither at the server, nor in the session.
    pub(crate) async fn run(
        self,
        mut borrowed: Borrowed,
        mut answer: Answer,
        pieces: mpsc::Sender<Result<bytes::Bytes, QueryError>>,
    ) {
        let opener = &self.opener;
        let outcome = tokio::select! {
            biased;
            () = pieces.closed() => Err(Fault::Stopped(QueryError::Abandoned)),
            outcome = timeout_at(self.deadline, self.exchange(&mut borrowed, &mut answer)) => outcome
                .unwrap_or(Err(Fault::Stopped(QueryError::Timeout(self.milliseconds)))),
        };
        drop(pieces);
        let fault = match outcome {
            Ok(()) => {
                // The answer has ended: nobody waits for what follows.
                drop(answer);
                return give_back(borrowed, opener).await;
            }
            Err(fault) => fault,
        };
        let stops = matches!(fault, Fault::Stopped(_));
        let is_of_use = matches!(fault, Fault::Refused(_));
        let untold = answer.fail(fault.told(opener, self.milliseconds));
        if is_of_use {
            give_back(borrowed, opener).await;
        } else {
            // A connection that broke is left to the server's limit of time: behind it may be a server that has started
            // anew, where the number is another session's.
            if stops {
                let _ = timeout(STOPPING, stop(borrowed.session(), opener)).await;
            }
            // Not reused, whatever became of the statement.
            borrowed.close();
        }
        if let Err(error) = untold {
            answer.fail_later(error).await;
        }
    }

    async fn exchange(&self, borrowed: &mut Borrowed, answer: &mut Answer) -> Result<(), Fault> {
        let prepared = loop {
            match self.prepare(borrowed.session()).await {
                // It was closed while it was kept, and nothing has been run in it.
                Err(Fault::Wire(WireError::Closed)) if !borrowed.session().is_new => {
                    let opener = &self.opener;
                    borrowed.replace(opening::open(opener).await.map_err(QueryError::from)?);
                }
                prepared => break prepared?,
            }
        };
        let session = borrowed.session();
        session.packets.queue_command(&execute(prepared.id, &self.parameters));
        session.packets.flush().await?;
        answer.read(session).await
    }

    /// The limit of time, the transaction and the statement go together; then what the server says of each.
    async fn prepare(&self, session: &mut Session) -> Result<Prepared, Fault> {
        let opener = &self.opener;
        let begins = opener.read_only() && opener.locks.transaction;
        let left = self.deadline.saturating_duration_since(Instant::now()) + LATER;
        session
            .packets
            .queue_command(&commands::query(&commands::limit_time(session.is_maria, left.as_millis())));
        if begins {
            session.packets.queue_command(&commands::query(commands::BEGIN_READ_ONLY));
        }
        session.packets.queue_command(&commands::prepare(self.caller.as_str(), &self.sql));
        session.packets.flush().await?;
        // A server that does not know this limit is held to ours.
        let _ = session.simple().await?;
        let begun = if begins { session.simple().await? } else { Ok(Default::default()) };
        let prepared = prepared(session, self.parameters.len()).await?;
        if begun?.in_read_only_transaction() != begins {
            return Err(QueryError::Connect(crate::ConnectError::ReadOnly).into());
        }
        Ok(prepared?)
    }
}

/// What the server says of a statement that it was to prepare with so many parameters; not of its columns, which
/// execution will describe again.
pub(crate) async fn prepared(
    session: &mut Session,
    parameters: usize,
) -> Result<Result<Prepared, Refusal>, Fault> {
    session.packets.begin_answer();
    let payload = session.packets.next(MOST).await?;
    if let Some(refusal) = Refusal::in_packet(&payload)? {
        return Ok(Err(refusal));
    }
    let prepared = Prepared::parse(&payload)?;
    // The server reads the statement as the guard does, or it is not run.
    if usize::from(prepared.parameters) != parameters {
        return Err(Fault::Stopped(QueryError::Parameters(format!(
            "the database finds {} placeholders in the statement",
            prepared.parameters
        ))));
    }
    for count in [prepared.parameters, prepared.columns] {
        if count > 0 {
            session.skip_columns(count).await?;
        }
    }
    Ok(Ok(prepared))
}

/// The session goes back as if it were new, or not at all.
async fn give_back(mut borrowed: Borrowed, opener: &Opener) {
    if timeout(RESETTING, borrowed.session().reset(opener)).await == Ok(true) {
        borrowed.give_back();
    } else {
        borrowed.close();
    }
}

/// Stops what the session runs, from a second session that came the same way.
async fn stop(session: &mut Session, opener: &Opener) -> Result<(), QueryError> {
    let mut second = opening::open(opener).await?;
    // Behind one name there may be several servers, where the number is somebody else's.
    if !second.is_at_the_server_of(session) {
        return Ok(());
    }
    // Not `KILL QUERY`, which does nothing to a statement that the server has not read yet.
    second.packets.queue_command(&commands::query(&format!("KILL CONNECTION {}", session.id())));
    let answer = async {
        second.packets.flush().await?;
        second.simple().await
    };
    let _ = answer.await.map_err(|_| QueryError::Broken)?;
    second.leave().await;
    Ok(())
}
