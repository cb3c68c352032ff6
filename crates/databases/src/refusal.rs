//! What is told of a statement that a database refused, the same for every engine.
//!
//! The first line, at most 500 characters of it, without the names by which the database is reached. A message about a
//! value that does not fit (class 22) ends where it quotes: the value may be a parameter, or of a row that the caller
//! of a saved query may not see. Query records and logs hold no message at all.
//!
//! The password is not looked for: a caller whose own text comes back in a message would learn from a gap in it that a
//! guess was right. No message can hold it either. It is sent while signing in only, and of a failed sign-in no word of
//! the server's is told. The names are no secrets: whoever writes statements may ask for user and database.

use std::borrow::Cow;

use crate::{QueryError, Target};

/// What is put in a name's place.
const LEFT_OUT: &str = "…";
/// The longest text of a server that is passed on, in characters.
const MOST: usize = 500;

/// What no message says.
pub(crate) struct Unsaid {
    /// Host, user and database.
    names: [String; 3],
}

impl Unsaid {
    /// What opens this database.
    pub(crate) fn of(target: &Target) -> Self {
        Self { names: [target.host.to_string(), target.user.clone(), target.database.clone()] }
    }

    /// What a caller is told of a server's words.
    pub(crate) fn refusal(&self, code: &str, message: &str) -> QueryError {
        QueryError::Database { code: code.to_owned(), message: self.told(code, message) }
    }

    /// What may be said of a server's words.
    pub(crate) fn told(&self, code: &str, message: &str) -> String {
        let line = message.lines().next().unwrap_or_default();
        let line = if code.starts_with("22") { without_values(line) } else { Cow::Borrowed(line) };
        let mut text = without_accounts(&line);
        for name in self.names.iter().filter(|name| !name.is_empty()) {
            text = without_word(&text, name);
        }
        match text.char_indices().nth(MOST) {
            Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
            None => text,
        }
    }
}

/// A message up to its first quote: a value may hold quotes itself, so that nothing says where it ends. The name of a
/// column is no value.
fn without_values(line: &str) -> Cow<'_, str> {
    match line.split_once(['"', '\'']) {
        Some((before, _)) if !before.ends_with("column ") => Cow::Owned(format!("{before}{LEFT_OUT}")),
        _ => Cow::Borrowed(line),
    }
}

/// Every `'…'@'…'` of MySQL loses both its names.
fn without_accounts(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("'@'") {
        let user = before.rfind('\'').unwrap_or(0);
        let (plain, _) = before.split_at(user);
        result.push_str(plain);
        result.push('\'');
        result.push_str(LEFT_OUT);
        result.push('\'');
        rest = after.split_once('\'').map_or("", |(_, after)| after);
    }
    result.push_str(rest);
    result
}

/// The text without a name, in whatever letters, where it stands for itself and not as a part of a longer word.
fn without_word(text: &str, name: &str) -> String {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let (lower, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut result = String::with_capacity(text.len());
    let mut end = 0;
    // Letters change their case one by one: every place in the one text is the same place in the other.
    for (at, _) in lower.match_indices(&name) {
        let after = at + name.len();
        let is_part = lower.get(..at).is_some_and(|before| before.ends_with(is_word))
            || lower.get(after..).is_some_and(|after| after.starts_with(is_word));
        if !is_part {
            result.push_str(text.get(end..at).unwrap_or_default());
            result.push_str(LEFT_OUT);
            end = after;
        }
    }
    result.push_str(text.get(end..).unwrap_or_default());
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: &str, message: &str) -> String {
        let unsaid = Unsaid { names: ["db.example.com", "shop_app", "shop"].map(str::to_owned) };
        unsaid.told(code, message)
    }

    #[test]
    fn d19_accounts_and_names_are_left_out() {
        for (said, expected) in [
            (
                "SELECT command denied to user 'shop_app'@'10.1.2.3' for table `shop`.`orders`",
                "SELECT command denied to user '…' for table `…`.`orders`",
            ),
            ("Table 'shop.nothing' doesn't exist", "Table '….nothing' doesn't exist"),
            ("Unknown column 'shopping' in 'field list'", "Unknown column 'shopping' in 'field list'"),
            ("Access denied for user 'a'@'b' to 'c'@'d'", "Access denied for user '…' to '…'"),
            ("Got error from DB.Example.com\nand more", "Got error from …"),
            ("permission denied for database \"Shop\"", "permission denied for database \"…\""),
            ("'@'", "'…'"),
            ("ÄÖ shop ÄÖ", "ÄÖ … ÄÖ"),
            ("", ""),
        ] {
            assert_eq!(told("42000", said), expected);
        }
        assert_eq!(told("42000", &"é".repeat(10_000)).chars().count(), MOST);
    }

    #[test]
    fn d19_a_value_that_does_not_fit_is_left_out() {
        for (said, expected) in [
            (
                "invalid input syntax for type integer: \"4111 1111\"",
                "invalid input syntax for type integer: …",
            ),
            ("value \"9\" of \"9\" is out of range for type integer", "value …"),
            ("invalid input syntax for type integer: \"a\nb\"", "invalid input syntax for type integer: …"),
            ("Truncated incorrect DOUBLE value: 'it's'", "Truncated incorrect DOUBLE value: …"),
            ("Data too long for column 'name' at row 1", "Data too long for column 'name' at row 1"),
            ("division by zero", "division by zero"),
        ] {
            assert_eq!(told("22P02", said), expected);
        }
        assert_eq!(told("42P01", "relation \"a\" does not exist"), "relation \"a\" does not exist");
    }
}
