//! What holds for whatever text is given to the guard; for the fuzzer (`xtask/fuzz`) and the tests.

use crate::{Language, Mode, Statement, check, check_named};

/// Words that begin what only reads, in any of the languages.
const READING: &[&str] = &["select", "with", "values", "table", "show", "explain", "describe", "desc"];

/// Texts longer than this are checked with little stack.
const LONG: usize = 512;

/// One text as a statement of this language. It neither panics nor takes much stack, and what is let through is one
/// statement without comments by a second reading, which is let through again, and on a read-only connection reads.
///
/// # Panics
/// Something does not hold.
pub fn statement(language: Language, bytes: &[u8]) {
    let Ok(sql) = std::str::from_utf8(bytes) else { return };
    if sql.len() <= LONG {
        return holds(language, sql);
    }
    // As a server's threads have, which are many.
    let outcome = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(256 * 1024);
        thread.spawn_scoped(scope, || holds(language, sql)).map(|thread| thread.join().is_ok())
    });
    assert!(matches!(outcome, Ok(true) | Err(_)), "see above");
}

fn holds(language: Language, sql: &str) {
    let reads = check(language, Mode::ReadOnly, sql);
    let writes = check(language, Mode::ReadWrite, sql);
    if let Ok(statement) = &reads {
        one_statement(language, statement);
        reads_only(language, statement);
        // What may be read may be read where writing is allowed.
        let both = writes.as_ref().map(|other| (other.sql(), other.kind(), other.fingerprint()));
        assert_eq!(both, Ok((statement.sql(), statement.kind(), statement.fingerprint())), "{sql:?}");
        assert!(!statement.writes(), "{sql:?}");
    }
    if let Ok(statement) = &writes {
        one_statement(language, statement);
    }
    if let Ok(statement) = check_named(language, Mode::ReadOnly, sql) {
        one_statement(language, &statement);
        reads_only(language, &statement);
        assert_eq!(statement.placeholders(), statement.names().len(), "{sql:?}");
    }
}

fn one_statement(language: Language, statement: &Statement) {
    let sent = statement.sql();
    let Some(pieces) = pieces(language, sent) else {
        panic_with("not read by a second reader", sent);
        return;
    };
    assert!(!pieces.iter().any(|piece| matches!(piece, Piece::Comment)), "a comment is sent: {sent:?}");
    assert!(!pieces.contains(&Piece::Symbol(';')), "more than one statement is sent: {sent:?}");
    let placeholders: Vec<usize> = pieces
        .iter()
        .filter_map(|piece| if let Piece::Placeholder(at) = piece { Some(*at) } else { None })
        .collect();
    let expected = match language {
        Language::Mysql => placeholders.len(),
        _ => placeholders.iter().copied().max().unwrap_or(0),
    };
    assert_eq!(statement.placeholders(), expected, "{sent:?}");

    // Redshift's placeholders are written in another way than they are sent.
    if language != Language::Redshift {
        let again = check(language, statement.mode(), sent);
        let again = again.as_ref().map(|again| (again.sql(), again.fingerprint(), again.writes()));
        assert_eq!(again, Ok((sent, statement.fingerprint(), statement.writes())), "{sent:?} again");
    }
}

fn reads_only(language: Language, statement: &Statement) {
    let sent = statement.sql();
    let pieces = pieces(language, sent).unwrap_or_default();
    let first = pieces.iter().find(|piece| **piece != Piece::Symbol('('));
    let begins = matches!(first, Some(Piece::Word(word)) if READING.contains(&word.as_str()));
    assert!(begins, "{sent:?} does not begin as what reads");
    // The guard lets stand behind SHOW what no server takes there; nothing that any takes there writes.
    let shows =
        language != Language::Postgresql && matches!(first, Some(Piece::Word(word)) if word == "show");
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Word(word) = piece else { continue };
        let before = at.checked_sub(1).and_then(|at| pieces.get(at));
        let after = pieces.get(at + 1);
        // `a.into` and `1 AS into` are names.
        let is_name = matches!(before, Some(Piece::Symbol('.')))
            || matches!(before, Some(Piece::Word(word)) if word == "as");
        let opens = matches!(before, Some(Piece::Symbol('(')));
        let goes_on = |next: &str| matches!(after, Some(Piece::Word(word)) if word == next);
        match word.as_str() {
            // Into a table, a file or a variable: reserved everywhere.
            "into" => assert!(is_name, "{sent:?} reads into something"),
            _ if shows => {}
            "delete" => assert!(!(opens && goes_on("from")), "{sent:?} deletes"),
            "insert" | "merge" | "replace" => assert!(!(opens && goes_on("into")), "{sent:?} inserts"),
            _ => {}
        }
    }
}

/// `panic!` is for what cannot be; this cannot be, either, and clippy knows.
fn panic_with(what: &str, sent: &str) {
    assert!(sent.is_empty() && !sent.is_empty(), "{what}: {sent:?}");
}

/// What a statement is made of, for a reader that knows nothing but quotes.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Word(String),
    Quoted,
    Comment,
    Placeholder(usize),
    Symbol(char),
}

/// Cuts a text; `None` if a quote or a comment is not closed.
fn pieces(language: Language, sql: &str) -> Option<Vec<Piece>> {
    let mysql = language == Language::Mysql;
    let mut pieces = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => {
                rest = &rest[1..];
                continue;
            }
            '-' if rest.starts_with("--") && (!mysql || blank_behind(rest)) => (line(rest), Piece::Comment),
            '#' if mysql => (line(rest), Piece::Comment),
            '/' if rest.starts_with("/*") => (block(rest, !mysql)?, Piece::Comment),
            '\'' => (quoted(rest, '\'', mysql)?, Piece::Quoted),
            '"' => (quoted(rest, '"', mysql)?, Piece::Quoted),
            '`' if mysql => (quoted(rest, '`', false)?, Piece::Quoted),
            'e' | 'E' if !mysql && rest[1..].starts_with('\'') => {
                (1 + quoted(&rest[1..], '\'', true)?, Piece::Quoted)
            }
            '$' if !mysql && rest[1..].starts_with(|next: char| next.is_ascii_digit()) => {
                let digits = rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                (1 + digits, Piece::Placeholder(rest[1..=digits].parse().ok()?))
            }
            '$' if !mysql => (dollars(rest)?, Piece::Quoted),
            '?' if mysql => (1, Piece::Placeholder(pieces.len())),
            _ if in_word(first) || (mysql && first == '$') => {
                let length = rest.find(|next| !(in_word(next) || next == '$')).unwrap_or(rest.len());
                (length, Piece::Word(rest[..length].to_ascii_lowercase()))
            }
            _ => (first.len_utf8(), Piece::Symbol(first)),
        };
        pieces.push(taken.1);
        rest = rest.get(taken.0..)?;
    }
    Some(pieces)
}

fn in_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

fn blank_behind(rest: &str) -> bool {
    rest[2..].chars().next().is_none_or(|next| next <= ' ' || next == '\x7f')
}

fn line(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

fn block(rest: &str, nests: bool) -> Option<usize> {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 {
        let close = rest.get(at..)?.find("*/")?;
        let open = rest[at..].find("/*").filter(|open| nests && *open < close);
        depth = if open.is_some() { depth + 1 } else { depth - 1 };
        at += open.unwrap_or(close) + 2;
    }
    Some(at)
}

/// The length from the opening quote to behind the closing one.
fn quoted(rest: &str, quote: char, escapes: bool) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && escapes {
            characters.next()?;
        } else if character == quote {
            if characters.peek().is_some_and(|(_, next)| *next == quote) {
                characters.next();
            } else {
                return Some(at + 1);
            }
        }
    }
    None
}

fn dollars(rest: &str) -> Option<usize> {
    let tag = &rest[..rest[1..].find('$')? + 2];
    Some(tag.len() + rest[tag.len()..].find(tag)? + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_postgresql_hold() {
        hostile_input::replay("postgresql", 1_500, |bytes| statement(Language::Postgresql, bytes));
    }

    #[test]
    fn statements_of_mysql_hold() {
        hostile_input::replay("mysql", 1_500, |bytes| statement(Language::Mysql, bytes));
    }

    #[test]
    fn statements_of_redshift_hold() {
        hostile_input::replay("redshift", 1_500, |bytes| statement(Language::Redshift, bytes));
    }

    #[test]
    fn the_second_reader_finds_what_hides_behind_quotes() {
        let symbols = |language, sql: &str| {
            let pieces = pieces(language, sql);
            pieces.map(|pieces| pieces.iter().filter(|piece| **piece == Piece::Symbol(';')).count())
        };
        for (language, sql, expected) in [
            (Language::Postgresql, r"select '\'; drop table a; --'", Some(2)),
            (Language::Postgresql, r"select e'\'; drop table a; --'", Some(0)),
            (Language::Postgresql, "select $a$;$$;$a$;", Some(1)),
            (Language::Postgresql, "select /* /* */ ; */ ;", Some(1)),
            (Language::Postgresql, "select 'a", None),
            (Language::Mysql, r"select '\'; drop table a; --'", Some(0)),
            (Language::Mysql, "select `;`;\";\"", Some(1)),
            (Language::Mysql, "select 1 --1;", Some(1)),
            (Language::Mysql, "select 1 -- 1;", Some(0)),
        ] {
            assert_eq!(symbols(language, sql), expected, "{sql}");
        }
    }
}
