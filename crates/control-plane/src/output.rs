//! What the person at the terminal is told, apart from the log.

use std::io::Write as _;

use crate::StartError;

/// A line on standard output.
pub(crate) fn print(text: &str) -> Result<(), StartError> {
    writeln!(std::io::stdout(), "{text}").map_err(StartError::Output)
}
