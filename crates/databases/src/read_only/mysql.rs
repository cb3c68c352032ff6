//! The read-only examination of MySQL and MariaDB.

use query_guard::Language;

use super::examination::{Procedure, role, run};
use super::{ReadOnlyExamination, ReadOnlyLocks};
use crate::QueryError;
use crate::text_session::TextSession;

/// Definitions are no part of a transaction here: they end it, so that a read-only one does not stop them, and nothing
/// could take back what they made. So the attempts on tables are to change what does not exist, which the session's
/// default refuses before it looks; those in a transaction are on temporary tables, which end none.
const PROCEDURE: Procedure = Procedure {
    language: Language::Mysql,
    version: "SELECT CONVERT(VERSION() USING utf8mb4)",
    default: "SELECT CONVERT(@@session.tx_read_only USING utf8mb4)",
    begin: "START TRANSACTION",
    begin_read_only: "START TRANSACTION READ ONLY",
    open_session: "SET SESSION TRANSACTION READ WRITE",
    close_session: "SET SESSION TRANSACTION READ ONLY",
    transaction_writes: &["DROP TEMPORARY TABLE `{}`", "CREATE TEMPORARY TABLE `{}` (a INT)"],
    session_writes: &[
        "DROP TEMPORARY TABLE `{}`",
        "DROP TABLE `{}`",
        "ALTER TABLE `{}` ADD COLUMN a INT",
        "RENAME TABLE `{}` TO `{}_2`",
        "DROP VIEW `{}`",
        "DROP FUNCTION `{}`",
    ],
};

/// MySQL has called the variable so since 8.0, and MariaDB since 11.1.
const RENAMED: Procedure =
    Procedure { default: "SELECT CONVERT(@@session.transaction_read_only USING utf8mb4)", ..PROCEDURE };

/// Rights with which nothing can be written.
const HARMLESS: [&str; 9] = [
    "USAGE",
    "SELECT",
    "SHOW VIEW",
    "SHOW DATABASES",
    "PROCESS",
    "REPLICATION CLIENT",
    "BINLOG MONITOR",
    "SLAVE MONITOR",
    "SHOW CREATE ROUTINE",
];

/// Examines a session that was opened as for a query; none of the locks are expected of a connection that writes.
///
/// # Errors
/// The session breaks.
pub(crate) async fn examine(
    session: &mut dyn TextSession,
    locks: Option<ReadOnlyLocks>,
) -> Result<ReadOnlyExamination, QueryError> {
    let mut rights = Vec::new();
    let mut privileges = Vec::new();
    for line in session.rows("SHOW GRANTS").await?.into_iter().flatten().flatten() {
        let Some((granted, on)) = granted(&line) else { continue };
        let writing: Vec<&str> = granted.iter().copied().filter(|right| !is_harmless(right)).collect();
        if !writing.is_empty() {
            rights.push(format!("has {} on {on}", writing.join(", ")));
        }
        privileges.push(format!("has {} on {on}", granted.join(", ")));
    }
    let is_old = session.rows(PROCEDURE.default).await.is_ok();
    let procedure = if is_old { &PROCEDURE } else { &RENAMED };
    run(procedure, session, locks, privileges, role(&rights)).await
}

/// A right may be for some columns only.
fn is_harmless(right: &str) -> bool {
    let name = right.split('(').next().unwrap_or_default().trim();
    HARMLESS.contains(&name)
}

/// The rights that a line grants, and on what. Who has them, and the hash of a password, is left out.
fn granted(line: &str) -> Option<(Vec<&str>, &str)> {
    let line = line.strip_prefix("GRANT ")?;
    let (rights, rest) = match cut(line, " ON ") {
        Some(parts) => parts,
        // A role: what it grants is in lines of its own, if it is active.
        None => return cut(line, " TO ").map(|(role, _)| (vec![role], "roles")),
    };
    let (on, _) = cut(rest, " TO ")?;
    let mut separate = Vec::new();
    let (mut rest, mut depth, mut start) = (rights, 0_i32, 0);
    for (place, character) in outside_of_names(rights) {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                separate.push(rights.get(start..place)?.trim());
                start = place + 1;
                rest = rights.get(start..)?;
            }
            _ => {}
        }
    }
    separate.push(rest.trim());
    Some((separate, on))
}

/// What is before and after a word that is not part of a quoted name.
fn cut<'a>(text: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let (place, _) = outside_of_names(text)
        .find(|(place, _)| text.get(*place..).is_some_and(|rest| rest.starts_with(word)))?;
    Some((text.get(..place)?, text.get(place + word.len()..)?))
}

/// The characters that are not between quotes.
fn outside_of_names(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    text.char_indices().filter(move |(_, character)| match quote {
        None => {
            if matches!(character, '`' | '\'') {
                quote = Some(*character);
            }
            quote.is_none()
        }
        Some(open) => {
            if *character == open {
                quote = None;
            }
            false
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_is_read_without_the_account_and_its_password() {
        let line = "GRANT SELECT (`a, ON b`), INSERT (`c`, `d`), UPDATE ON `my``db`.* TO `x`@`%` IDENTIFIED BY PASSWORD '*1'";
        let (rights, on) = granted(line).unwrap();
        assert_eq!(rights, ["SELECT (`a, ON b`)", "INSERT (`c`, `d`)", "UPDATE"]);
        assert_eq!(on, "`my``db`.*");
        assert_eq!(rights.iter().map(|right| is_harmless(right)).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(granted("GRANT `writer`@`%` TO `x`@`%`").unwrap().0, ["`writer`@`%`"]);
    }
}
