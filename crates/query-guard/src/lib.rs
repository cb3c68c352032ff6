//! What may be sent to a database: one statement, understood by a parser of that database's language, with as many
//! placeholders as parameters, that leaves nothing behind in the session; on a read-only connection only what reads.
//!
//! Whatever is not understood is refused. This crate is pure: no I/O, no database, no HTTP.
//!
//! A statement goes through these rooms: `scan` cuts it into tokens as the server does, `text` makes what is
//! sent of them, `bounds` keeps it within what parsers survive, and one room per language reads it. It stands on
//! settings that sessions are given: `standard_conforming_strings = on` in PostgreSQL, an `sql_mode` without
//! `ANSI_QUOTES`, `NO_BACKSLASH_ESCAPES` and `ORACLE` in MySQL, UTF-8 everywhere.

mod bounds;
mod findings;
mod fingerprint;
mod function_name;
#[cfg(any(test, fuzzing))]
pub mod invariants;
mod language;
mod mysql;
mod names;
mod postgresql;
mod redshift;
mod refusal;
mod scan;
mod standard;
mod statement;
mod text;
mod token;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use language::{Language, Mode};
pub use refusal::{Reason, Refusal};
pub use statement::{Fingerprint, Statement};

use crate::{scan::Names, text::Text};

/// Lets a statement through, or says why not.
///
/// # Errors
/// See [`Reason`].
pub fn check(language: Language, mode: Mode, sql: &str) -> Result<Statement, Refusal> {
    examine(language, mode, Names::Ordinary, sql)
}

/// Lets a statement with `:name` placeholders through, which are rewritten to those of the language, one parameter
/// for each name (in MySQL, whose placeholders have no numbers, one for each place). For Redshift this is what
/// [`check`] does.
///
/// # Errors
/// As [`check`].
pub fn check_named(language: Language, mode: Mode, sql: &str) -> Result<Statement, Refusal> {
    examine(language, mode, Names::Placeholders, sql)
}

fn examine(language: Language, mode: Mode, names: Names, sql: &str) -> Result<Statement, Refusal> {
    let text = Text::new(language, names, sql)?;
    let findings = match language {
        Language::Postgresql => postgresql::examine(mode, &text)?,
        Language::Mysql => mysql::examine(mode, &text)?,
        Language::Redshift => redshift::examine(mode, &text)?,
    };
    let fingerprint = fingerprint::fingerprint(language, &text);
    Ok(Statement {
        sql: text.sql,
        mode,
        placeholders: text.placeholders,
        names: text.names,
        kind: findings.kind,
        fingerprint,
        writes: findings.writes,
        calls_unknown_functions: findings.calls_unknown_functions,
        relations: findings.relations,
    })
}

/// Runs a parser. One that gives up in the middle has not understood the statement.
fn parsing<Answer>(work: impl FnOnce() -> Answer) -> Result<Answer, Refusal> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| scan::not_understood("the parser gave up"))
}
