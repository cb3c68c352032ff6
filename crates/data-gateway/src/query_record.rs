//! What is kept of queries that were run.

use std::time::Duration;

use access_control::Environment;
use databases::{Ending, QueryError};
use ids::{AppId, ConnectionId, DataQueryId, OrganizationId, QueryRecordId, UserId};
use time::OffsetDateTime;

use crate::RunError;

/// Queries of one second that differ in nothing but their constants, their duration and their rows. It holds no
/// parameter and no text of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryRecord {
    /// Its identifier; ordered by the time of writing.
    pub id: QueryRecordId,
    /// The second in which they began.
    pub at: OffsetDateTime,
    /// Who ran what.
    pub asked: Asked,
    /// What came of them.
    pub outcome: Outcome,
    /// How many.
    pub count: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// Bytes of all answers.
    pub bytes: u64,
    /// How long all of them took, waiting for a turn included.
    pub duration: Duration,
    /// How long the longest took.
    pub longest: Duration,
}

/// Who ran what, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    /// The organization.
    pub organization: OrganizationId,
    /// The app.
    pub app: AppId,
    /// The person, if one is known.
    pub user: Option<UserId>,
    /// Where the call came from.
    pub via: Via,
    /// The connection.
    pub connection: ConnectionId,
    /// The saved query, if it is one.
    pub data_query: Option<DataQueryId>,
    /// `select`, `insert`, …; empty for what was not understood.
    pub kind: String,
    /// What statements of one shape have in common; empty for what was not understood.
    pub fingerprint: String,
}

/// Where a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// The server of a deployed app.
    Production,
    /// The server of an app that is being built.
    Preview,
    /// A page of the app.
    Page,
    /// The console.
    Console,
}

impl Via {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Production, Self::Preview, Self::Page, Self::Console];

    /// The word for it in tables and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Preview => "preview",
            Self::Page => "page",
            Self::Console => "console",
        }
    }
}

impl From<Environment> for Via {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Production => Self::Production,
            Environment::Preview => Self::Preview,
        }
    }
}

/// What came of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was answered whole.
    Answered,
    /// The guard did not let it through.
    Refused,
    /// Its parameters do not fit.
    Parameters,
    /// It found no turn.
    Busy,
    /// There was no session with the database.
    Unreachable,
    /// The database refused it.
    Failed,
    /// It ran too long.
    TimedOut,
    /// The answer had too many rows or bytes.
    Capped,
    /// The connection to the database broke.
    BrokeOff,
    /// Nobody waited for the answer any more, or took it too slowly.
    Abandoned,
}

impl From<Ending> for Outcome {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Finished => Self::Answered,
            Ending::Failed => Self::Failed,
            Ending::TimedOut => Self::TimedOut,
        }
    }
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Answered,
        Self::Refused,
        Self::Parameters,
        Self::Busy,
        Self::Unreachable,
        Self::Failed,
        Self::TimedOut,
        Self::Capped,
        Self::BrokeOff,
        Self::Abandoned,
    ];

    /// The word for it in tables and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Parameters => "parameters",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Capped => "capped",
            Self::BrokeOff => "broke_off",
            Self::Abandoned => "abandoned",
        }
    }
}

impl From<&QueryError> for Outcome {
    fn from(error: &QueryError) -> Self {
        match error {
            QueryError::Parameters(_) => Self::Parameters,
            QueryError::Database { .. } | QueryError::Column(_) => Self::Failed,
            QueryError::Timeout(_) => Self::TimedOut,
            QueryError::Rows(_) | QueryError::Bytes(_) | QueryError::Row(_) => Self::Capped,
            QueryError::Connect(_) => Self::Unreachable,
            QueryError::Broken => Self::BrokeOff,
            QueryError::Abandoned => Self::Abandoned,
        }
    }
}

impl From<&RunError> for Outcome {
    fn from(error: &RunError) -> Self {
        match error {
            RunError::Refused(_) => Self::Refused,
            RunError::Parameters(_) | RunError::TimeoutRange(_) => Self::Parameters,
            RunError::Busy => Self::Busy,
            RunError::Query(error) => Self::from(error),
            RunError::UnknownConnection
            | RunError::UnknownDataQuery
            | RunError::Blocked(_)
            | RunError::Unavailable => Self::Unreachable,
        }
    }
}
