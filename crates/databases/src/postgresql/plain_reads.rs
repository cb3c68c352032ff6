//! Reads after which there is nothing to reset.
//!
//! A statement can leave something in a session only through code: a function, or what calls one behind its back. The
//! guard knows the functions that a statement names. What it cannot know is in the database: views and policies call
//! what their authors like; so do operators, casts, domains, and columns that are functions in disguise (`t.f`). So a
//! read is plain if all its relations are tables without policies, in a database that has no code of its own but
//! triggers, which reads do not pull, and the compiled code of extensions that come with PostgreSQL. Anybody may give
//! a function of theirs to an extension, so that it is a member says nothing of it.
//!
//! That is remembered for as long as nothing has changed, by this connection or by another one: two of them may lead
//! to one database.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use query_guard::Statement;
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Whoever changes the database by another way is noticed after this time.
const FRESH: Duration = Duration::from_secs(5);
/// The most sets of relations that are remembered.
const MOST: usize = 512;

/// Oids from 16384 on are not PostgreSQL's own (FirstNormalObjectId); 12 and 13 are the languages `internal` and `c`,
/// in which only superusers write. The extensions are those that PostgreSQL brings along and calls trusted, without its
/// languages.
const IS_PLAIN: &str = "WITH member (class, object) AS ( \
    SELECT d.classid, d.objid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON d.refobjid = e.oid \
        WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid AND d.deptype = 'e' \
        AND e.extname IN ('btree_gin', 'btree_gist', 'citext', 'cube', 'dict_int', 'fuzzystrmatch', 'hstore', \
            'intarray', 'isn', 'lo', 'ltree', 'pg_trgm', 'pgcrypto', 'seg', 'tcn', 'tsm_system_rows', \
            'tsm_system_time', 'unaccent', 'uuid-ossp') \
    ), compiled (oid) AS ( \
        SELECT p.oid FROM pg_catalog.pg_proc p JOIN member m ON m.object = p.oid \
            WHERE m.class = 'pg_catalog.pg_proc'::pg_catalog.regclass::pg_catalog.oid \
            AND p.prolang IN (12::pg_catalog.oid, 13::pg_catalog.oid) \
    ), code (oid) AS ( \
        SELECT p.oid FROM pg_catalog.pg_proc p \
            WHERE p.prorettype NOT IN ('pg_catalog.trigger'::pg_catalog.regtype::pg_catalog.oid, \
                'pg_catalog.event_trigger'::pg_catalog.regtype::pg_catalog.oid) \
            AND NOT EXISTS (SELECT FROM compiled c WHERE c.oid = p.oid) \
        UNION ALL SELECT o.oid FROM pg_catalog.pg_operator o WHERE NOT ( \
            EXISTS (SELECT FROM compiled c WHERE c.oid = o.oprcode::pg_catalog.oid) \
            AND EXISTS (SELECT FROM member m WHERE m.object = o.oid \
                AND m.class = 'pg_catalog.pg_operator'::pg_catalog.regclass::pg_catalog.oid)) \
        UNION ALL SELECT t.oid FROM pg_catalog.pg_cast t WHERE NOT ( \
            (t.castfunc = 0::pg_catalog.oid OR EXISTS (SELECT FROM compiled c WHERE c.oid = t.castfunc)) \
            AND EXISTS (SELECT FROM member m WHERE m.object = t.oid \
                AND m.class = 'pg_catalog.pg_cast'::pg_catalog.regclass::pg_catalog.oid)) \
        UNION ALL SELECT k.oid FROM pg_catalog.pg_opclass k WHERE NOT \
            EXISTS (SELECT FROM member m WHERE m.object = k.oid \
                AND m.class = 'pg_catalog.pg_opclass'::pg_catalog.regclass::pg_catalog.oid) \
        UNION ALL SELECT n.oid FROM pg_catalog.pg_constraint n WHERE n.contypid > 0::pg_catalog.oid \
    ) SELECT NOT EXISTS (SELECT FROM pg_catalog.unnest($1) AS named (relation) WHERE NOT EXISTS ( \
        SELECT FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass(relation)::pg_catalog.oid \
            AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity)) \
    AND NOT EXISTS (SELECT FROM code WHERE code.oid >= 16384::pg_catalog.oid)";

/// How many statements that may change what a read means have begun, and how many of these have ended.
struct Changes {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Changes {
    const fn none() -> Self {
        Self { begun: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }

    /// How many there have been, if none is under way.
    fn at_rest(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(ended)
    }
}

/// Changes by any connection of this process to any database: names do not say which of them are the same one.
static ANYWHERE: Changes = Changes::none();
/// Changes by statements that usually change data only, by the name of the database. Databases may share a place.
static BY_NAME: [Changes; 256] = [const { Changes::none() }; 256];

/// A statement that may change what a read means. It counts as under way until this is dropped.
pub(crate) struct Changing(&'static Changes);

impl Changing {
    fn begin(changes: &'static Changes) -> Self {
        changes.begun.fetch_add(1, Ordering::SeqCst);
        Self(changes)
    }
}

impl Drop for Changing {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

/// When something was found out: after so many changes anywhere, and so many under the name of the database.
pub(crate) type Epoch = (u64, u64);

/// What is known of a database, for a while.
pub(crate) struct PlainReads {
    known: Mutex<HashMap<String, Known>>,
    by_name: &'static Changes,
}

/// Whether reads of some relations are plain.
struct Known {
    asked: Instant,
    is_plain: bool,
    epoch: Epoch,
}

impl PlainReads {
    /// Nothing is known yet of the database of this name.
    pub(crate) fn of(database: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        database.hash(&mut hasher);
        let place = usize::from(hasher.finish().to_le_bytes()[0]);
        Self { known: Mutex::default(), by_name: BY_NAME.get(place).unwrap_or(&ANYWHERE) }
    }

    /// Counts a statement as a change, if it may be one. A transaction that only reads changes nothing; nor does a view
    /// without a function of somebody's own behind it, and in a database that has any, no read is plain.
    pub(crate) fn changing(&self, statement: &Statement, is_read_only: bool) -> Option<Changing> {
        if is_read_only {
            return None;
        }
        let changes_data_only =
            matches!(statement.kind(), "select" | "insert" | "update" | "delete" | "merge" | "values");
        if statement.writes() && !changes_data_only {
            return Some(Changing::begin(&ANYWHERE));
        }
        // A trigger or a function may change more, but in its own database.
        (statement.writes() || statement.calls_unknown_functions()).then(|| Changing::begin(self.by_name))
    }

    /// Now, unless a change is under way.
    fn epoch(&self) -> Option<Epoch> {
        Some((ANYWHERE.at_rest()?, self.by_name.at_rest()?))
    }

    /// Whether nothing has changed since.
    pub(crate) fn is_still(&self, epoch: Epoch) -> bool {
        self.epoch() == Some(epoch)
    }

    /// Since when nothing can be left in a session by this statement, unless something can be. What cannot be found out
    /// counts so, too.
    pub(crate) async fn includes(&self, statement: &Statement, client: &Client) -> Option<Epoch> {
        if statement.writes() || statement.calls_unknown_functions() {
            return None;
        }
        let epoch = self.epoch()?;
        let relations = statement.relations();
        // No name has this character.
        let key = relations.join("\0");
        if let Some(known) = self.known().get(&key)
            && known.asked.elapsed() < FRESH
        {
            if !known.is_plain {
                return None;
            }
            if known.epoch == epoch {
                return Some(epoch);
            }
        }
        // Rare, and larger than all that runs usually.
        Box::pin(self.find_out(key, relations, epoch, client)).await
    }

    async fn find_out(
        &self,
        key: String,
        relations: &[String],
        epoch: Epoch,
        client: &Client,
    ) -> Option<Epoch> {
        let asked = Instant::now();
        let is_plain = match client.query_typed(IS_PLAIN, &[(&relations, Type::TEXT_ARRAY)]).await {
            Ok(rows) => rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false)),
            Err(_) => false,
        };
        // What was true before a change that came meanwhile is of no use.
        if !self.is_still(epoch) {
            return None;
        }
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, Known { asked, is_plain, epoch });
        is_plain.then_some(epoch)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
