//! What a caller is told when a query gives no answer.

use databases::{ConnectError, QueryError};
use endpoint::http::StatusCode;
use endpoint::{Problem, sentence};
use query_guard::Reason;

use crate::{DataQueryError, RunError, StoreError};

/// What a client may wait before it tries again, in seconds.
pub(super) const TRY_AGAIN_AFTER: u32 = 2;

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        let said = sentence(&error);
        match error {
            RunError::UnknownConnection => Self::new(
                StatusCode::NOT_FOUND,
                "unknown_database",
                "The app may use no database of this name.",
            ),
            RunError::UnknownDataQuery => Self::new(
                StatusCode::NOT_FOUND,
                "unknown_data_query",
                "The app has no saved query of this name, or none that may be run from here.",
            ),
            RunError::Blocked(code) => Self::new(
                StatusCode::BAD_GATEWAY,
                code,
                "The connection is blocked until an Admin of the organization has looked at it.",
            ),
            RunError::TimeoutRange(_) => Self::invalid("invalid_timeout", said),
            RunError::Parameters(_) => Self::invalid("invalid_parameters", said),
            RunError::Refused(refusal) => {
                let status = match refusal.reason {
                    Reason::ReadOnly => StatusCode::FORBIDDEN,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self::new(status, refusal.reason.as_str(), said)
            }
            RunError::Busy => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "database_busy",
                "The database is busy with other calls. Try again in a few seconds.",
            )
            .after(TRY_AGAIN_AFTER),
            RunError::Query(error) => of_query(error, said),
            RunError::Unavailable => Self::unavailable(),
        }
    }
}

fn of_query(error: QueryError, said: String) -> Problem {
    match error {
        QueryError::Parameters(_) => Problem::invalid("invalid_parameters", said),
        // SQLSTATE 25006: a statement that writes, in a transaction that only reads.
        QueryError::Database { code, message } if code == "25006" => {
            Problem::new(StatusCode::FORBIDDEN, "read_only", sentence(&message))
        }
        QueryError::Database { code, message } => Problem::invalid(
            "database_refused",
            format!("The database refuses the statement (SQLSTATE {code}): {message}"),
        ),
        QueryError::Timeout(_) => Problem::new(StatusCode::GATEWAY_TIMEOUT, "statement_timeout", said),
        QueryError::Rows(_) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_rows", said),
        QueryError::Bytes(_) | QueryError::Row(_) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "answer_too_large", said)
        }
        QueryError::Column(_) => Problem::invalid("column_type", said),
        QueryError::Connect(error) => {
            let status = match error {
                ConnectError::Timeout => StatusCode::GATEWAY_TIMEOUT,
                _ => StatusCode::BAD_GATEWAY,
            };
            // Which step failed, and no more: an app is told nothing of hosts and users.
            Problem::new(status, error.code(), "There is no session with the database.")
        }
        QueryError::Broken | QueryError::Abandoned => {
            Problem::new(StatusCode::BAD_GATEWAY, "database_broke_off", said)
        }
    }
}

impl From<DataQueryError> for Problem {
    fn from(error: DataQueryError) -> Self {
        let said = sentence(&error);
        match error {
            DataQueryError::NotFound => Self::not_found(),
            DataQueryError::NameTaken => Self::conflict("name_taken", said),
            DataQueryError::TooMany(_) => Self::conflict("too_many_data_queries", said),
            DataQueryError::Changed => Self::conflict("changed_meanwhile", said),
            DataQueryError::Invalid(_) => Self::invalid("invalid_data_query", said),
            // Whoever writes a query is told what is wrong with it; nothing was attempted that they may not do.
            DataQueryError::Refused(refusal) => Self::invalid(refusal.reason.as_str(), said),
            DataQueryError::Run(RunError::UnknownConnection) => {
                Self::invalid("unknown_database", "The app may use no such connection.")
            }
            DataQueryError::Run(error) => error.into(),
            DataQueryError::Store(error) => error.into(),
            DataQueryError::Audit(error) => error.into(),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a table of the gateway could not be read or written"
        );
        match error {
            StoreError::Database(_) => Self::unavailable(),
            StoreError::Unreadable(_) => Self::internal(),
        }
    }
}
