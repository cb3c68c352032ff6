//! The attempts of the guard's own list, for tests of what each lock stops.

use std::fs::File;

use query_guard::{Language, Mode, Refusal, Statement, check};
use tokio::sync::{Mutex, MutexGuard};

use crate::ReadOnlyExamination;
use crate::read_only::{Lock, ReadOnlyLocks};

/// The group that the guard lets through.
const LEFT_TO_THE_DATABASE: &str = "left to the database's own locks";

static TURN: Mutex<()> = Mutex::const_new(());

/// One test after the other, also of runs beside this one: each looks at a whole server, and at the files that attempts would
/// write, whose names stand in the list.
pub(crate) async fn turn() -> (MutexGuard<'static, ()>, File) {
    let turn = TURN.lock().await;
    let file = File::create("/tmp/vybe-attempts.lock").unwrap();
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    (turn, locked.await.unwrap().unwrap())
}

/// An attempt to write.
#[derive(Clone, Copy)]
pub(crate) struct Listed {
    pub(crate) group: &'static str,
    pub(crate) sql: &'static str,
}

impl Listed {
    pub(crate) fn is_left_to_the_database(&self) -> bool {
        self.group == LEFT_TO_THE_DATABASE
    }
}

/// All of them; at least as many as are promised.
pub(crate) fn listed(language: Language) -> Vec<Listed> {
    let text = match language {
        Language::Postgresql => include_str!("../../../query-guard/attempts/postgresql.sql"),
        Language::Mysql => include_str!("../../../query-guard/attempts/mysql.sql"),
        Language::Redshift => include_str!("../../../query-guard/attempts/redshift.sql"),
    };
    let mut group = "";
    let mut attempts = Vec::new();
    for sql in text.lines().filter(|line| !line.is_empty()) {
        match sql.strip_prefix("-- ") {
            Some(heading) => group = heading,
            None => attempts.push(Listed { group, sql }),
        }
    }
    assert!(attempts.len() >= 120, "{}", attempts.len());
    attempts
}

/// Whether it does nothing but call a function, which a guard that knows no functions lets through.
fn calls_function(sql: &str) -> bool {
    let name = sql.strip_prefix("SELECT ").and_then(|rest| rest.split_once('(')).map(|(name, _)| name);
    name.is_some_and(|name| {
        name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    })
}

fn without_functions(language: Language, mode: Mode, sql: &str) -> Result<Statement, Refusal> {
    check(language, mode, if calls_function(sql) { "SELECT 1" } else { sql })
}

fn without_parser(language: Language, mode: Mode, sql: &str) -> Result<Statement, Refusal> {
    let wider = if calls_function(sql) { mode } else { Mode::ReadWrite };
    check(language, wider, sql)
}

/// All locks of ours but this one.
pub(crate) fn all_but(lock: Lock) -> ReadOnlyLocks {
    let all = ReadOnlyLocks::ALL;
    match lock {
        Lock::Parser => ReadOnlyLocks { guard: without_parser, ..all },
        Lock::Functions => ReadOnlyLocks { guard: without_functions, ..all },
        Lock::OneStatement => ReadOnlyLocks { one_statement: false, ..all },
        Lock::Transaction => ReadOnlyLocks { transaction: false, ..all },
        Lock::Session => ReadOnlyLocks { session: false, ..all },
        Lock::Role => all,
    }
}

/// The locks that an examination says are missing.
pub(crate) fn missing(examination: &ReadOnlyExamination) -> Vec<Lock> {
    examination.locks.iter().filter(|state| !state.holds).map(|state| state.lock).collect()
}
