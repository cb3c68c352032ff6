//! What is said of a statement that the database refused.

use tokio_postgres::Error;
use tokio_postgres::error::DbError;
use tokio_postgres::types::Type;

use super::parameters;
use crate::QueryError;
use crate::refusal::Unsaid;

/// The error of a statement that had this much time.
pub(crate) fn query_error(error: &Error, unsaid: &Unsaid, milliseconds: u32, kinds: &[Type]) -> QueryError {
    let Some(said) = error.as_db_error() else { return QueryError::Broken };
    match said.code().code() {
        // Only the server's own limit and its administrators cancel what this process still waits for.
        "57014" => return QueryError::Timeout(milliseconds),
        "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => return QueryError::Broken,
        _ => {}
    }
    if let Some(number) = parameter(said)
        && let Some(kind) = kinds.get(number.wrapping_sub(1))
    {
        return parameters::unfit(number, kind, "a value that the database can read as one");
    }
    unsaid.refusal(said.code().code(), said.message())
}

/// The number of the parameter that the server could not read. Its message would repeat the value.
fn parameter(said: &DbError) -> Option<usize> {
    if !said.code().code().starts_with("22") {
        return None;
    }
    // "unnamed portal parameter $1 = '...'", in whatever language its words are; outermost, so last.
    let (_, after) = said.where_()?.lines().last()?.split_once('$')?;
    let digits = after.split_once(" = ").map_or(after, |(digits, _)| digits);
    digits.parse().ok()
}
