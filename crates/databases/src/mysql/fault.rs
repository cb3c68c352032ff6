//! Why a statement did not come to its end, and what is said of it.

use super::Settings;
use super::wire::{Refusal, WireError};
use crate::QueryError;

/// What went wrong, and with it whether the session is still of use.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server refused the statement, and waits for the next one.
    Refused(Refusal),
    /// The conversation has ended.
    Wire(WireError),
    /// We do not want to hear the rest.
    Stopped(QueryError),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<WireError> for Fault {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<QueryError> for Fault {
    fn from(error: QueryError) -> Self {
        Self::Stopped(error)
    }
}

impl Fault {
    /// What the caller is told.
    pub(crate) fn told(self, settings: &Settings, milliseconds: u32) -> QueryError {
        match self {
            // The server's own limit of time: MariaDB's, MySQL's.
            Self::Refused(Refusal { number: 1969 | 3024, .. }) => QueryError::Timeout(milliseconds),
            // The server stops, or somebody has ended the session.
            Self::Refused(Refusal { number: 1053 | 1079 | 1927 | 3169 | 4031, .. }) => QueryError::Broken,
            Self::Refused(refusal) => database(&refusal, settings),
            Self::Wire(_) => QueryError::Broken,
            Self::Stopped(error) => error,
        }
    }
}

/// The server's refusal: SQLSTATE, and the first line of what it says, with its own number of the error.
pub(crate) fn database(refusal: &Refusal, settings: &Settings) -> QueryError {
    let code = match refusal.number {
        // Servers give these two the catch-all; the first is of a read-only transaction, the second of a server that is
        // read-only as a whole.
        1792 | 1290 | 1836 => "25006".to_owned(),
        _ => refusal.state.clone(),
    };
    let first = refusal.message.lines().next().unwrap_or_default();
    let scrubbed = scrubbed(first, &[&settings.user, &settings.database, &settings.way.host().to_string()]);
    QueryError::Database { code, message: format!("{scrubbed} (error {})", refusal.number) }
}

/// What is put in a name's place.
const NAME: &str = "…";
/// The longest text of a server that is passed on.
const MOST: usize = 500;

/// The text without accounts (`'user'@'host'`) and without these names.
fn scrubbed(text: &str, names: &[&str]) -> String {
    let mut text = without_accounts(text);
    for name in names {
        if !name.is_empty() {
            text = without_word(&text, name);
        }
    }
    match text.char_indices().nth(MOST) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text,
    }
}

/// Every `'…'@'…'` loses both its names.
fn without_accounts(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("'@'") {
        let user = before.rfind('\'').unwrap_or(0);
        let (plain, _) = before.split_at(user);
        result.push_str(plain);
        result.push('\'');
        result.push_str(NAME);
        result.push('\'');
        rest = after.split_once('\'').map_or("", |(_, after)| after);
    }
    result.push_str(rest);
    result
}

/// The text without a name where it stands for itself and not as a part of a longer word.
fn without_word(text: &str, name: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name) {
        let (before, from) = rest.split_at(at);
        let after = from.get(name.len()..).unwrap_or_default();
        result.push_str(before);
        let joined =
            result.chars().next_back().is_some_and(is_word) || after.chars().next().is_some_and(is_word);
        result.push_str(if joined { name } else { NAME });
        rest = after;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d19_accounts_and_names_are_left_out() {
        for (said, told) in [
            (
                "SELECT command denied to user 'shop_app'@'10.1.2.3' for table `shop`.`orders`",
                "SELECT command denied to user '…' for table `…`.`orders`",
            ),
            ("Table 'shop.nothing' doesn't exist", "Table '….nothing' doesn't exist"),
            ("Unknown column 'shopping' in 'field list'", "Unknown column 'shopping' in 'field list'"),
            ("Access denied for user 'a'@'b' to 'c'@'d'", "Access denied for user '…' to '…'"),
            ("Got error from db.example.com", "Got error from …"),
            ("'@'", "'…'"),
        ] {
            assert_eq!(scrubbed(said, &["shop_app", "shop", "db.example.com"]), told);
        }
    }
}
