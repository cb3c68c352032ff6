//! The course of an examination, the same for every kind of database.

use cryptography::Token;
use query_guard::{Language, Mode};

use super::{Attempt, Lock, LockState, ReadOnlyExamination, ReadOnlyLocks, admit, attempts};
use crate::text_session::TextSession;
use crate::{ConnectError, QueryError};

/// SQLSTATE of a statement that a read-only transaction refuses.
const READ_ONLY: &str = "25006";
/// SQLSTATE of a syntax error, which is how two statements end where one is expected.
const SYNTAX: &str = "42601";
/// SQLSTATE of a missing right.
const NO_RIGHT: &str = "42501";

/// How a kind of database is examined.
pub(super) struct Procedure {
    pub(super) language: Language,
    /// Asks for the version.
    pub(super) version: &'static str,
    /// Asks whether the session's default is read-only: `on` or `1`.
    pub(super) default: &'static str,
    /// Begins a transaction as the session's default is.
    pub(super) begin: &'static str,
    /// Begins a transaction as a query does.
    pub(super) begin_read_only: &'static str,
    /// Makes the session's default one that writes.
    pub(super) open_session: &'static str,
    /// Makes it read-only again.
    pub(super) close_session: &'static str,
    /// Statements with `{}` for a name that nothing has, which a read-only transaction refuses. In one that is rolled
    /// back, in a session that is closed, they leave nothing behind even if nothing stops them.
    pub(super) transaction_writes: &'static [&'static str],
    /// The same for what the session's default refuses.
    pub(super) session_writes: &'static [&'static str],
}

/// What was found so far.
struct Course<'a> {
    procedure: &'a Procedure,
    locks: ReadOnlyLocks,
    /// A name that nothing has.
    name: String,
    states: Vec<LockState>,
    attempts: Vec<Attempt>,
}

/// Examines a session that was opened as for a query. Of the role, the engine has found out these privileges already.
///
/// # Errors
/// The session breaks.
pub(super) async fn run(
    procedure: &Procedure,
    session: &mut dyn TextSession,
    locks: Option<ReadOnlyLocks>,
    privileges: Vec<String>,
    role: LockState,
) -> Result<ReadOnlyExamination, QueryError> {
    let server = value(session, procedure.version).await?;
    let Some(locks) = locks else {
        let open =
            |lock| LockState { lock, holds: false, evidence: "the connection is not read-only".to_owned() };
        let mut locks: Vec<LockState> = Lock::OURS.into_iter().map(open).collect();
        locks.push(role);
        return Ok(ReadOnlyExamination { server, locks, privileges, attempts: Vec::new() });
    };
    let token = Token::generate().map_err(|_| QueryError::Broken)?.hash();
    let digits = cryptography::hexadecimal::encode(token.get(..8).unwrap_or_default());
    let name = format!("vybe_probe_{digits}");
    let mut course = Course { procedure, locks, name, states: Vec::new(), attempts: Vec::new() };
    course.guard();
    course.one_statement(session).await?;
    course.transaction(session).await?;
    course.session_default(session).await?;
    course.states.push(role);
    Ok(ReadOnlyExamination { server, locks: course.states, privileges, attempts: course.attempts })
}

impl Course<'_> {
    /// The locks before the database, of which nothing is sent: what the guard says, and what an engine does with a statement that was checked
    /// for a connection that writes.
    fn guard(&mut self) {
        let language = self.procedure.language;
        let mut through = [Vec::new(), Vec::new()];
        let mut refused = [0_usize; 2];
        for (statement, lock) in attempts::of(language) {
            let stopped = (self.locks.guard)(language, Mode::ReadOnly, statement).is_err();
            let place = usize::from(lock == Lock::Functions);
            if stopped {
                refused[place] += 1;
            } else {
                through[place].push(statement);
            }
            let stopped_by = stopped.then_some(lock);
            self.attempts.push(Attempt {
                statement: statement.to_owned(),
                without: Vec::new(),
                sent: false,
                stopped_by,
            });
        }
        let writing = query_guard::check(language, Mode::ReadWrite, "DELETE FROM vybe_probe");
        if writing.is_ok_and(|statement| admit(true, &statement).is_ok()) {
            through[0].push("DELETE FROM vybe_probe, checked for a connection that writes");
        }
        for (place, lock) in [Lock::Parser, Lock::Functions].into_iter().enumerate() {
            let holds = through[place].is_empty();
            let evidence = if holds {
                format!("{} of {} statements refused", refused[place], refused[place])
            } else {
                format!("let through: {}", through[place].join("; "))
            };
            self.states.push(LockState { lock, holds, evidence });
        }
    }

    async fn one_statement(&mut self, session: &mut dyn TextSession) -> Result<(), QueryError> {
        const TWO: &str = "SELECT '1'; SELECT '2'";
        let said = code(session.rows(TWO).await)?;
        let holds = said.as_deref() == Some(SYNTAX);
        let evidence = match &said {
            Some(_) if holds => "to the server, two statements in one message are a syntax error".to_owned(),
            Some(code) => format!("two statements in one message are refused for another reason ({code})"),
            None => "the server takes two statements in one message".to_owned(),
        };
        let without = vec![Lock::Parser, Lock::Functions];
        let stopped_by = holds.then_some(Lock::OneStatement);
        self.attempts.push(Attempt { statement: TWO.to_owned(), without, sent: true, stopped_by });
        self.states.push(LockState { lock: Lock::OneStatement, holds, evidence });
        Ok(())
    }

    /// The transaction alone: the session's default is one that writes meanwhile.
    async fn transaction(&mut self, session: &mut dyn TextSession) -> Result<(), QueryError> {
        session.command(self.procedure.open_session).await?;
        let begin =
            if self.locks.transaction { self.procedure.begin_read_only } else { self.procedure.begin };
        let state = self
            .writes(session, (begin, self.procedure.transaction_writes), Lock::Transaction, &[Lock::Session])
            .await?;
        if self.locks.session {
            session.command(self.procedure.close_session).await?;
        }
        self.states.push(state);
        Ok(())
    }

    /// The session's default alone: transactions do not say what they are.
    async fn session_default(&mut self, session: &mut dyn TextSession) -> Result<(), QueryError> {
        let default = value(session, self.procedure.default).await?;
        let begin = self.procedure.begin;
        let mut state = self
            .writes(session, (begin, self.procedure.session_writes), Lock::Session, &[Lock::Transaction])
            .await?;
        if !matches!(default.to_ascii_lowercase().as_str(), "on" | "1") {
            state.holds = false;
            state.evidence = format!("the session's default is not read-only; {}", state.evidence);
        }
        self.states.push(state);
        Ok(())
    }

    /// Attempts to write in transactions that are rolled back.
    async fn writes(
        &mut self,
        session: &mut dyn TextSession,
        (begin, writes): (&str, &[&str]),
        lock: Lock,
        also_without: &[Lock],
    ) -> Result<LockState, QueryError> {
        let mut reasons = Vec::new();
        let (mut refused, mut unfit) = (0, 0);
        for write in writes {
            let statement = write.replace("{}", &self.name);
            session.command(begin).await?;
            let said = code(session.rows(&statement).await);
            session.command("ROLLBACK").await?;
            let said = said?;
            let stopped_by = match said.as_deref() {
                Some(READ_ONLY) => Some(lock),
                Some(NO_RIGHT) => Some(Lock::Role),
                _ => None,
            };
            match stopped_by {
                Some(Lock::Role) => unfit += 1,
                Some(_) => refused += 1,
                None => {
                    let said = said.unwrap_or_else(|| "nothing refuses it".to_owned());
                    reasons.push(format!("{write}: {said}"));
                }
            }
            let without = [&[Lock::Parser, Lock::Functions], also_without].concat();
            self.attempts.push(Attempt { statement, without, sent: true, stopped_by });
        }
        // What the role may not do at all says nothing of this lock.
        let holds = reasons.is_empty() && refused > 0;
        let all = writes.len();
        let evidence = if holds {
            format!("the server refuses {refused} of {all} attempts to write as read-only ({READ_ONLY})")
        } else if reasons.is_empty() {
            format!("{unfit} of {all} attempts are refused, but only because the role has no right")
        } else {
            format!("not stopped: {}", reasons.join("; "))
        };
        Ok(LockState { lock, holds, evidence })
    }
}

/// The SQLSTATE with which the server refuses; none, if it does not.
fn code<T>(said: Result<T, QueryError>) -> Result<Option<String>, QueryError> {
    match said {
        Ok(_) => Ok(None),
        Err(QueryError::Database { code, .. }) => Ok(Some(code)),
        Err(error) => Err(error),
    }
}

/// The one value that a query of ours answers.
pub(super) async fn value(session: &mut dyn TextSession, query: &str) -> Result<String, QueryError> {
    let rows = session.rows(query).await?;
    let first = rows.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
    first.ok_or(QueryError::Connect(ConnectError::Protocol))
}

/// Lines, the first of them only, with how many there are.
pub(super) fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// The state of the role's own lock.
pub(super) fn role(rights: &[String]) -> LockState {
    let holds = rights.is_empty();
    let evidence = if holds {
        "the role has no right to write".to_owned()
    } else {
        format!("the role itself could write: {}", rights.join("; "))
    };
    LockState { lock: Lock::Role, holds, evidence }
}
