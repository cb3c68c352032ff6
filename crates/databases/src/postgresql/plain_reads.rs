//! Reads after which there is nothing to reset.
//!
//! A statement can leave something in a session only through code: a function, or what calls one behind its back. The
//! guard knows the functions that a statement names. What it cannot know is in the database: views and policies call
//! what their authors like; so do operators, casts, domains, and columns that are functions in disguise (`t.f`). So a
//! read is plain if all its relations are tables without policies, in a database that has no code of its own but
//! triggers, which reads do not pull, and extensions.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use query_guard::Statement;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Whoever changes the database by another way is noticed after this time.
const FRESH: Duration = Duration::from_secs(60);
/// The most sets of relations that are remembered.
const MOST: usize = 512;

/// Oids from 16384 on are not PostgreSQL's own (FirstNormalObjectId).
const IS_PLAIN: &str = "SELECT \
    NOT EXISTS (SELECT FROM pg_catalog.unnest($1) AS named (relation) WHERE NOT EXISTS ( \
        SELECT FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(relation)::pg_catalog.oid \
            AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity)) \
    AND NOT EXISTS (SELECT FROM ( \
        SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid AS class, oid FROM pg_catalog.pg_proc \
            WHERE prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype::pg_catalog.oid, \
                'pg_catalog.event_trigger'::pg_catalog.regtype::pg_catalog.oid) \
        UNION ALL SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid, oid FROM pg_catalog.pg_operator \
        UNION ALL SELECT 'pg_catalog.pg_cast'::pg_catalog.regclass::pg_catalog.oid, oid FROM pg_catalog.pg_cast \
        UNION ALL SELECT 'pg_catalog.pg_opclass'::pg_catalog.regclass::pg_catalog.oid, oid FROM pg_catalog.pg_opclass \
        UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass::pg_catalog.oid, oid \
            FROM pg_catalog.pg_constraint WHERE contypid > 0::pg_catalog.oid \
        ) AS code (class, oid) \
        WHERE code.oid >= 16384::pg_catalog.oid AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
            WHERE d.classid = code.class AND d.objid = code.oid AND d.deptype = 'e'))";

/// What is known of a database, for a while.
#[derive(Default)]
pub(crate) struct PlainReads {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Whether reads of these relations are plain, and when that was asked.
    plain: HashMap<String, (Instant, bool)>,
    /// How often the database may have changed.
    changes: u64,
}

impl PlainReads {
    /// Whether nothing can be left in a session by this statement. What cannot be found out counts as no.
    pub(crate) async fn includes(&self, statement: &Statement, client: &Client) -> bool {
        if statement.writes() || statement.calls_unknown_functions() {
            return false;
        }
        let relations = statement.relations();
        // No name has this character.
        let key = relations.join("\0");
        let changes = {
            let known = self.known();
            if let Some((asked, is_plain)) = known.plain.get(&key)
                && asked.elapsed() < FRESH
            {
                return *is_plain;
            }
            known.changes
        };
        // Rare, and larger than all that runs usually.
        Box::pin(self.find_out(key, relations, changes, client)).await
    }

    async fn find_out(&self, key: String, relations: &[String], changes: u64, client: &Client) -> bool {
        let asked = Instant::now();
        let is_plain = match client.query_typed(IS_PLAIN, &[(&relations, Type::TEXT_ARRAY)]).await {
            Ok(rows) => rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false)),
            Err(_) => false,
        };
        let mut known = self.known();
        // Not what was true before a change that came meanwhile.
        if known.changes == changes {
            if known.plain.len() >= MOST {
                known.plain.clear();
            }
            known.plain.insert(key, (asked, is_plain));
        }
        is_plain
    }

    /// The database may have changed.
    pub(crate) fn forget(&self) {
        let mut known = self.known();
        known.changes += 1;
        known.plain.clear();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
