//! The calls of apps: from a statement to its answer.

use std::sync::Arc;
use std::time::Duration;

use access_control::{AppCredential, Permit, RunQuery};
use databases::{Caller, Query, QueryError};
use ids::{AppId, ConnectionId, DataQueryId, OrganizationId, UserId};
use query_guard::Statement;
use serde_json::Value;

use crate::known_statements::KnownStatements;
use crate::parameters::{Given, bind};
use crate::query_record::{Asked, Outcome, Via};
use crate::recording::{Begun, QueryRecorder};
use crate::running::Running;
use crate::turns::{TurnFor, Turns};
use crate::{Named, OpenDatabases, RunError, Unusable, Usable};

/// How long a statement may run if the call does not say, in milliseconds.
pub const USUAL_TIMEOUT: u32 = 10_000;

/// The longest that a call may ask for, in milliseconds.
pub const LONGEST_TIMEOUT: u32 = 720_000;

/// How long a call waits for its turn at most; it waits no longer than its statement may run.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How much longer than its own limit a database is waited for, which cancels by itself.
const GRACE: Duration = Duration::from_secs(15);

/// Statements of apps on the databases that they may use.
#[derive(Clone)]
pub struct Queries {
    databases: OpenDatabases,
    turns: Turns,
    recorder: QueryRecorder,
    known: Arc<KnownStatements>,
}

/// A statement that a call brings along.
#[derive(Debug)]
pub struct Told<'a> {
    /// The connection.
    pub named: Named<'a>,
    /// The statement.
    pub sql: &'a str,
    /// Its parameters.
    pub parameters: Given,
    /// How long it may run, in milliseconds; [`USUAL_TIMEOUT`], if it is not said.
    pub timeout: Option<u64>,
}

/// On whose behalf something is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    pub organization: OrganizationId,
    pub app: AppId,
    pub user: Option<UserId>,
    pub via: Via,
}

/// What is run.
pub(crate) struct Ask<'a> {
    pub asker: Asker,
    pub named: Named<'a>,
    pub sql: &'a str,
    /// Whether its placeholders are names, whatever the language.
    pub named_placeholders: bool,
    pub data_query: Option<DataQueryId>,
    /// In milliseconds; [`USUAL_TIMEOUT`], if it is not said.
    pub timeout: Option<u64>,
}

impl Queries {
    /// Queries on these databases, in these turns, recorded there.
    #[must_use]
    pub fn new(databases: OpenDatabases, turns: Turns, recorder: QueryRecorder) -> Self {
        Self { databases, turns, recorder, known: Arc::default() }
    }

    /// Runs a statement of the app's own.
    ///
    /// # Errors
    /// See [`RunError`]. Once the answer has begun, errors come with its pieces.
    pub async fn run(&self, permit: &Permit<RunQuery>, told: Told<'_>) -> Result<Running, RunError> {
        let Told { named, sql, parameters, timeout } = told;
        let asker = Asker::from(permit.credential());
        let bind = |statement: &Statement| bind(statement, parameters);
        let ask = Ask { asker, named, sql, named_placeholders: false, data_query: None, timeout };
        self.execute(ask, bind).await
    }

    /// Runs what was asked; `bind` makes the list of parameters for what the guard let through. As soon as the connection
    /// is known there is a record of it, whatever comes of it. A call that names no connection of the app's has none: it
    /// reached nobody's data, and is answered alike whether there is such a connection or not.
    pub(crate) async fn execute(
        &self,
        ask: Ask<'_>,
        bind: impl FnOnce(&Statement) -> Result<Vec<Value>, RunError> + Send,
    ) -> Result<Running, RunError> {
        let Asker { organization, app, .. } = ask.asker;
        let usable = match self.databases.usable(organization, app, ask.named).await {
            Ok(usable) => usable,
            Err(Unusable { connection: None, error }) => return Err(error),
            Err(Unusable { error: RunError::UnknownConnection, .. }) => {
                return Err(RunError::UnknownConnection);
            }
            Err(Unusable { connection: Some(connection), error }) => {
                self.recorder.begin(ask.asked(connection)).await?.end(Outcome::from(&error));
                return Err(error);
            }
        };
        let mut begun = self.recorder.begin(ask.asked(usable.id)).await?;
        match self.attempt(&ask, bind, &usable, &mut begun).await {
            Ok((rows, turn)) => Ok(Running::new(rows, turn, begun)),
            Err(error) => {
                begun.end(Outcome::from(&error));
                Err(error)
            }
        }
    }

    async fn attempt(
        &self,
        ask: &Ask<'_>,
        bind: impl FnOnce(&Statement) -> Result<Vec<Value>, RunError> + Send,
        usable: &Usable,
        begun: &mut Begun,
    ) -> Result<(databases::Rows, crate::turns::Turn), RunError> {
        let timeout = checked_timeout(ask.timeout)?;
        let statement = self.known.judge(usable, ask.named_placeholders, ask.sql)?;
        begun.known.kind = statement.kind().to_owned();
        begun.known.fingerprint = statement.fingerprint().to_string();
        let parameters = bind(&statement)?;
        let milliseconds = timeout.min(usable.limits.most_milliseconds);
        let timeout = Duration::from_millis(milliseconds.into());
        let turn = TurnFor {
            connection: usable.id,
            organization: ask.asker.organization,
            app: ask.asker.app,
            most_sessions: usable.limits.most_sessions,
            values: parameters.iter().map(values).sum(),
        };
        let turn = self.turns.take(turn, timeout.min(LONGEST_WAIT)).await.map_err(|_| RunError::Busy)?;
        let room = self.databases.make_room(usable, ask.asker.organization, &self.turns);
        room.map_err(|_| RunError::Busy)?;
        let query = Query { statement, parameters, timeout, caller: ask.asker.caller() };
        let running = usable.database.run(query);
        let rows = tokio::time::timeout(timeout + GRACE, running).await;
        Ok((rows.map_err(|_| QueryError::Timeout(milliseconds))??, turn))
    }
}

impl Ask<'_> {
    fn asked(&self, connection: ConnectionId) -> Asked {
        Asked {
            organization: self.asker.organization,
            app: self.asker.app,
            user: self.asker.user,
            via: self.asker.via,
            connection,
            data_query: self.data_query,
            kind: String::new(),
            fingerprint: String::new(),
        }
    }
}

impl Asker {
    /// As sessions of a database show it: there is room for the last 24 of 32 digits of each identifier, which differ.
    fn caller(&self) -> Caller {
        let end = |text: String| text.get(text.len().saturating_sub(24)..).unwrap_or_default().to_owned();
        let app = end(self.app.to_string());
        Caller::new(&match self.user {
            Some(user) => format!("vybe app={app} user={}", end(user.to_string())),
            None => format!("vybe app={app}"),
        })
    }
}

impl From<&AppCredential> for Asker {
    fn from(credential: &AppCredential) -> Self {
        Self {
            organization: credential.organization,
            app: credential.app,
            user: credential.user.as_ref().map(|user| user.user),
            via: credential.environment.into(),
        }
    }
}

/// How many values there are in one, itself included.
fn values(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.iter().map(values).sum::<usize>() + 1,
        Value::Object(members) => members.values().map(values).sum::<usize>() + members.len() + 1,
        _ => 1,
    }
}

fn checked_timeout(asked: Option<u64>) -> Result<u32, RunError> {
    match asked {
        None => Ok(USUAL_TIMEOUT),
        Some(asked) => match u32::try_from(asked) {
            Ok(asked) if (1..=LONGEST_TIMEOUT).contains(&asked) => Ok(asked),
            _ => Err(RunError::TimeoutRange(LONGEST_TIMEOUT)),
        },
    }
}
