//! Statements that the guard has let through a moment ago. Apps run the same few again and again, and what the guard says
//! depends on nothing but the statement, its language and the mode.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use ids::ConnectionId;
use query_guard::{Mode, Refusal, Statement, check, check_named};

use crate::Usable;

/// The longest statement that is remembered, in bytes.
const LONGEST: usize = 8 << 10;

/// How many bytes of statements are remembered in each of two generations.
const MOST_BYTES: usize = 4 << 20;

/// Each connection's own, so that nobody can tell from the time of an answer what others run.
#[derive(Default)]
pub(crate) struct KnownStatements {
    generations: RwLock<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Place, HashMap<Box<str>, Statement>>,
    old: HashMap<Place, HashMap<Box<str>, Statement>>,
    bytes: usize,
}

/// The connection, what it lets through, and whether placeholders are names.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    connection: ConnectionId,
    mode: Mode,
    named: bool,
}

impl KnownStatements {
    /// What the guard says, now or a moment ago.
    pub(crate) fn judge(&self, usable: &Usable, named: bool, sql: &str) -> Result<Statement, Refusal> {
        let place = Place { connection: usable.id, mode: usable.mode(), named };
        if let Some(known) = self.known(place, sql) {
            return Ok(known);
        }
        let judge = if named { check_named } else { check };
        let statement = judge(usable.engine.language(), usable.mode(), sql)?;
        if sql.len() <= LONGEST {
            self.remember(place, sql, &statement);
        }
        Ok(statement)
    }

    fn known(&self, place: Place, sql: &str) -> Option<Statement> {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = generations.young.get(&place).and_then(|known| known.get(sql)) {
            return Some(found.clone());
        }
        let found = generations.old.get(&place)?.get(sql)?.clone();
        drop(generations);
        self.remember(place, sql, &found);
        Some(found)
    }

    fn remember(&self, place: Place, sql: &str, statement: &Statement) {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        let generations = &mut *generations;
        if generations.bytes + sql.len() > MOST_BYTES {
            generations.old = std::mem::take(&mut generations.young);
            generations.bytes = 0;
        }
        let known = generations.young.entry(place).or_default();
        if known.insert(sql.into(), statement.clone()).is_none() {
            generations.bytes += sql.len().max(64);
        }
    }
}

#[cfg(test)]
mod tests {
    use query_guard::{Language, check};

    use super::*;

    fn place(mode: Mode) -> Place {
        Place { connection: ConnectionId::generate(), mode, named: false }
    }

    #[test]
    fn what_is_remembered_is_each_connections_and_modes_own_and_bounded() {
        let known = KnownStatements::default();
        let here = place(Mode::ReadWrite);
        let statement = check(Language::Postgresql, Mode::ReadWrite, "DELETE FROM fruit").unwrap();
        known.remember(here, "DELETE FROM fruit", &statement);
        assert_eq!(known.known(here, "DELETE FROM fruit").unwrap().sql(), statement.sql());
        assert!(known.known(Place { mode: Mode::ReadOnly, ..here }, "DELETE FROM fruit").is_none());
        assert!(known.known(place(Mode::ReadWrite), "DELETE FROM fruit").is_none());
        assert!(known.known(Place { named: true, ..here }, "DELETE FROM fruit").is_none());
        let long = "x".repeat(LONGEST - 8);
        for number in 0..3 * MOST_BYTES / LONGEST {
            known.remember(here, &format!("{number:08}{long}"), &statement);
            // What is asked for again stays.
            assert!(known.known(here, "DELETE FROM fruit").is_some(), "{number}");
        }
        let generations = known.generations.read().unwrap();
        let held = |generation: &HashMap<Place, HashMap<Box<str>, Statement>>| {
            generation.values().flatten().map(|(sql, _)| sql.len()).sum::<usize>()
        };
        assert!(held(&generations.young) <= MOST_BYTES && held(&generations.old) <= MOST_BYTES);
    }
}
