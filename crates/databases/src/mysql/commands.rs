//! The commands that are sent, and the statements of ours.

use super::Opener;

/// How callers' statements are understood and what they leave in answers: as the guard reads them (backslashes escape,
/// double quotes are strings, `||` is OR), strictly, in UTC, in UTF-8. A session that nobody uses any more ends.
pub(crate) const STATE: &str = "SET NAMES utf8mb4, \
    SESSION sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', \
    SESSION time_zone = '+00:00', SESSION autocommit = 1, SESSION wait_timeout = 3600";

/// Every transaction of the session is read-only from now on.
pub(crate) const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";

/// A transaction that cannot write.
pub(crate) const BEGIN_READ_ONLY: &str = "START TRANSACTION READ ONLY";

/// Asks what the session is like: first whether it is read-only, last its number. What is asked for is what a caller
/// could have changed and a reset would leave.
pub(crate) fn ask_state(is_maria: bool, is_version_8: bool, opener: &Opener) -> String {
    let mut statement = "SELECT ".to_owned();
    if opener.read_only() && opener.locks.session {
        statement.push_str(if is_maria {
            "@@SESSION.tx_read_only, "
        } else {
            "@@SESSION.transaction_read_only, "
        });
    }
    statement.push_str(
        "DATABASE(), @@SESSION.sql_mode, @@SESSION.time_zone, @@SESSION.autocommit, @@SESSION.character_set_client, \
         @@SESSION.character_set_connection, @@SESSION.character_set_results, CURRENT_USER(), @@hostname, @@port, \
         @@server_id",
    );
    if is_maria || is_version_8 {
        statement.push_str(", CURRENT_ROLE()");
    }
    statement.push_str(", CONNECTION_ID()");
    statement
}

/// The longest that the server lets statements run. Not every server knows it: it is there for when the request to stop
/// does not come through.
pub(crate) fn limit_time(is_maria: bool, milliseconds: u128) -> String {
    if is_maria {
        format!("SET SESSION max_statement_time = {}.{:03}", milliseconds / 1000, milliseconds % 1000)
    } else {
        format!("SET SESSION max_execution_time = {milliseconds}")
    }
}

/// A statement of ours, as text. Callers' statements never go this way.
pub(crate) fn query(statement: &str) -> Vec<u8> {
    command(0x03, statement.as_bytes())
}

/// A caller's statement, with who calls in front. One statement: a semicolon after it would be an error, not another.
pub(crate) fn prepare(caller: &str, statement: &str) -> Vec<u8> {
    command(0x16, format!("/* vybe {caller} */ {statement}").as_bytes())
}

/// Makes this the current database. The name is taken as it is.
pub(crate) fn open_database(name: &str) -> Vec<u8> {
    command(0x02, name.as_bytes())
}

/// Ends transaction, locks, temporary tables, variables and prepared statements.
pub(crate) fn reset() -> Vec<u8> {
    command(0x1f, &[])
}

/// Says goodbye.
pub(crate) fn quit() -> Vec<u8> {
    command(0x01, &[])
}

fn command(number: u8, argument: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(1 + argument.len());
    payload.push(number);
    payload.extend_from_slice(argument);
    payload
}
