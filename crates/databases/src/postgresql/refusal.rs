//! What is said of a statement that the database refused.

use tokio_postgres::Error;
use tokio_postgres::error::DbError;
use tokio_postgres::types::Type;

use super::parameters;
use crate::QueryError;

/// Names that no answer says.
pub(crate) struct Secrets {
    pub(crate) host: String,
    pub(crate) user: String,
    pub(crate) database: String,
}

impl Secrets {
    fn scrub(&self, line: &str) -> String {
        let names = [&self.host, &self.user, &self.database];
        names.into_iter().fold(line.to_owned(), |line, name| without(&line, name))
    }
}

/// A text in which a name does not stand by itself.
fn without(text: &str, name: &str) -> String {
    let part_of_name = |character: char| character.is_alphanumeric() || character == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, from) = rest.split_at(at);
        let after = from.get(name.len()..).unwrap_or_default();
        out.push_str(before);
        let stands_alone = !out.ends_with(part_of_name) && !after.starts_with(part_of_name);
        out.push_str(if stands_alone { "…" } else { name });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The error of a statement that had this much time.
pub(crate) fn query_error(error: &Error, secrets: &Secrets, milliseconds: u32, kinds: &[Type]) -> QueryError {
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
    QueryError::Database {
        code: said.code().code().to_owned(),
        message: secrets.scrub(said.message().lines().next().unwrap_or_default()),
    }
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
