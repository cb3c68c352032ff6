//! What is in a store already, found out without changing it.

use std::path::Path;

use sea_orm_migration::sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement};

use crate::Release;

/// The table of applied migrations.
const APPLIED: &str = "seaql_migrations";

/// Which releases may run on this schema: one row.
const SUPPORT: &str = "schema_support";

/// Tables that say something about the schema; the migrations fill them.
const BOOKKEEPING: &[&str] = &[APPLIED, SUPPORT];

/// Tables in which the processes that use a store at this moment find each other: nothing in them outlives them.
const OF_PROCESSES: &[&str] =
    &["announcement_counter", "announcement_effects", "announcements", "leases", "replicas"];

/// Whether a table holds what the platform keeps, and not what its schema or its processes say of themselves.
#[must_use]
pub fn is_kept(table: &str) -> bool {
    !BOOKKEEPING.contains(&table) && !OF_PROCESSES.contains(&table)
}

/// How a store's schema stands to this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the one that this program makes.
    Current,
    /// These migrations are not applied yet.
    Behind(Vec<String>),
    /// It has these migrations of a newer release, which permit this one to run beside it.
    Newer(Vec<String>),
    /// It has migrations of a newer release, on which this one may not run.
    TooNew {
        /// The migrations that this program does not know.
        unknown: Vec<String>,
        /// The oldest release that may; none if the schema does not say.
        oldest_release: Option<Release>,
    },
    /// It has migrations that this program does not know, and lacks others: it is of another line of releases.
    Apart {
        /// The migrations that this program does not know.
        unknown: Vec<String>,
        /// Those that it lacks.
        missing: Vec<String>,
    },
}

/// Whether there can be anything at this address: connecting makes a SQLite file that is missing, so whoever
/// only wants to look asks first.
#[must_use]
pub fn is_there(url: &str) -> bool {
    let path = match url.split_once(':') {
        Some(("sqlite", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some((scheme, _)) if !scheme.contains('/') => return true,
        _ => url,
    };
    Path::new(path.split('?').next().unwrap_or(path)).exists()
}

/// Whether the store has this table.
///
/// # Errors
/// The store does not answer.
pub async fn has_table(database: &impl ConnectionTrait, table: &str) -> Result<bool, DbErr> {
    // As `SchemaManager::has_table`, which takes no transaction that somebody else goes on with.
    let sql = match database.get_database_backend() {
        DatabaseBackend::Sqlite => "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = $1",
        _ => {
            "SELECT 1 AS found FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = $1"
        }
    };
    let statement = Statement::from_sql_and_values(database.get_database_backend(), sql, [table.into()]);
    Ok(database.query_one_raw(statement).await?.is_some())
}

/// What time it is for the store, in seconds since 1970, where it has a clock of its own: PostgreSQL. SQLite has this
/// machine's.
///
/// # Errors
/// The store does not answer.
pub async fn clock(database: &impl ConnectionTrait) -> Result<Option<f64>, DbErr> {
    if database.get_database_backend() == DatabaseBackend::Sqlite {
        return Ok(None);
    }
    let query = "SELECT EXTRACT(EPOCH FROM clock_timestamp())::double precision AS seconds";
    let row = database.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, query)).await?;
    row.map(|row| row.try_get("", "seconds")).transpose()
}

/// The migrations that this program knows, oldest first.
#[must_use]
pub fn known() -> Vec<String> {
    crate::history().iter().map(|step| step.migration.name().to_owned()).collect()
}

/// The migrations that are applied, oldest first.
///
/// # Errors
/// The store does not answer.
pub async fn applied(database: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    if !has_table(database, APPLIED).await? {
        return Ok(Vec::new());
    }
    let query = format!("SELECT version FROM {APPLIED}");
    let rows = database.query_all_raw(Statement::from_string(database.get_database_backend(), query)).await?;
    let mut applied: Vec<String> =
        rows.iter().map(|row| row.try_get("", "version")).collect::<Result<_, _>>()?;
    applied.sort();
    Ok(applied)
}

/// How the schema stands to this program.
///
/// # Errors
/// The store does not answer.
pub async fn standing(database: &impl ConnectionTrait) -> Result<Standing, DbErr> {
    let applied = applied(database).await?;
    let oldest_release = oldest_release(database).await?;
    Ok(compare(&known(), &applied, oldest_release, Release::of_this_program().ok()))
}

fn compare(
    known: &[String],
    applied: &[String],
    oldest_release: Option<Release>,
    ours: Option<Release>,
) -> Standing {
    let without = |all: &[String], some: &[String]| -> Vec<String> {
        all.iter().filter(|name| !some.contains(name)).cloned().collect()
    };
    let (missing, unknown) = (without(known, applied), without(applied, known));
    match (missing.is_empty(), unknown.is_empty()) {
        (true, true) => Standing::Current,
        (false, true) => Standing::Behind(missing),
        (false, false) => Standing::Apart { unknown, missing },
        (true, false) => match (oldest_release, ours) {
            (Some(oldest), Some(ours)) if oldest <= ours => Standing::Newer(unknown),
            _ => Standing::TooNew { unknown, oldest_release },
        },
    }
}

async fn oldest_release(database: &impl ConnectionTrait) -> Result<Option<Release>, DbErr> {
    if !has_table(database, SUPPORT).await? {
        return Ok(None);
    }
    let query = format!("SELECT oldest_release FROM {SUPPORT}");
    let statement = Statement::from_string(database.get_database_backend(), query);
    let Some(row) = database.query_one_raw(statement).await? else { return Ok(None) };
    Ok(row.try_get::<String>("", "oldest_release")?.parse().ok())
}

/// Writes which release is the oldest that may run on what these migrations made.
pub(crate) async fn write_support(database: &impl ConnectionTrait, applied: usize) -> Result<(), DbErr> {
    // The first migrations say nothing.
    if !has_table(database, SUPPORT).await? {
        return Ok(());
    }
    let Some(oldest) = crate::history().iter().take(applied).map(|step| step.oldest_release).max() else {
        return Ok(());
    };
    let backend = database.get_database_backend();
    database.execute_unprepared(&format!("DELETE FROM {SUPPORT}")).await?;
    let insert = format!("INSERT INTO {SUPPORT} (id, oldest_release) VALUES (1, $1)");
    let statement = Statement::from_sql_and_values(backend, insert, [oldest.to_string().into()]);
    database.execute_raw(statement).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_run_on_only_if_it_says_so() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let known = names(&["m1", "m2"]);
        let newer = names(&["m1", "m2", "m3"]);
        let [older, ours, later] =
            [(1, 3), (1, 4), (1, 5)].map(|(major, minor)| Release::new(major, minor, 0));
        let compare = |applied: &[String], oldest| compare(&known, applied, oldest, Some(ours));
        assert_eq!(compare(&known, Some(ours)), Standing::Current);
        assert_eq!(compare(&known[..1], Some(older)), Standing::Behind(names(&["m2"])));
        assert_eq!(compare(&[], None), Standing::Behind(known.clone()));
        for oldest in [older, ours] {
            assert_eq!(compare(&newer, Some(oldest)), Standing::Newer(names(&["m3"])));
        }
        for oldest_release in [Some(later), None] {
            let unknown = names(&["m3"]);
            assert_eq!(compare(&newer, oldest_release), Standing::TooNew { unknown, oldest_release });
        }
        let apart = Standing::Apart { unknown: names(&["m3"]), missing: names(&["m2"]) };
        assert_eq!(compare(&names(&["m1", "m3"]), Some(older)), apart);
    }
}
