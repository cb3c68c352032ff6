//! What the platform needs of its store beyond an answer.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm::sqlx::postgres::PgListener;
use sea_orm::{ConnectionTrait as _, DatabaseBackend, DatabaseConnection, DbErr, QueryResult, Statement};
use time::OffsetDateTime;

use super::findings::Findings;

const SUBJECT: &str = "database";
/// The oldest PostgreSQL that it is tested with (docs/operating.md), as `server_version_num` says it.
const OLDEST: i64 = 150_000;
/// How long a notification may take from one connection to another.
const PATIENCE: Duration = Duration::from_secs(2);
/// How far clocks may be apart before it is spoken of.
const APART: f64 = 1.0;
/// Less is not enough for a day.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;
/// Less, and SQLite soon cannot write.
const NO_ROOM: u64 = 100 * 1024 * 1024;

/// Looks at the store that was opened at this address.
pub(super) async fn look_at(url: &str, database: &DatabaseConnection, findings: &mut Findings) {
    if database.get_database_backend() != DatabaseBackend::Postgres {
        return file(url, findings);
    }
    // First: a pooler that they do not get through may disturb whatever is asked after it.
    notifications(database, findings).await;
    if let Err(error) = server(database, findings).await {
        findings.fail(SUBJECT, error, "check that it is running");
    }
}

/// The path in an address that [`migrations::connect`] understands.
fn path_of(url: &str) -> PathBuf {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = path.strip_prefix("//").unwrap_or(path);
    PathBuf::from(path.split('?').next().unwrap_or(path))
}

/// A SQLite file: who else reads it, and how much room is left beside it.
fn file(url: &str, findings: &mut Findings) {
    let path = path_of(url);
    let mode = path.metadata().map(|metadata| metadata.permissions().mode() & 0o777);
    if let Ok(mode) = mode
        && mode & 0o077 != 0
    {
        findings.warn(
            SUBJECT,
            format!("{} can be used by others than its owner (mode {mode:03o})", path.display()),
            "chmod 600 it, and the files that SQLite puts beside it",
        );
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match rustix::fs::statvfs(folder) {
        Ok(room) => room_left(room.f_bavail.saturating_mul(room.f_frsize), findings),
        Err(error) => findings.warn(
            SUBJECT,
            format!("how much room is left beside it cannot be asked: {error}"),
            "look",
        ),
    }
}

fn room_left(bytes: u64, findings: &mut Findings) {
    const MORE: &str = "make room: without it every change is refused";
    let left = format!("{} MB are left for it", bytes / 1_000_000);
    match bytes {
        ..NO_ROOM => findings.fail(SUBJECT, left, MORE),
        NO_ROOM..LITTLE_ROOM => findings.warn(SUBJECT, left, MORE),
        LITTLE_ROOM.. => findings.ok(SUBJECT, left),
    }
}

/// A PostgreSQL server: its version, whether it takes writes, what this account may do, and its clock.
async fn server(database: &DatabaseConnection, findings: &mut Findings) -> Result<(), DbErr> {
    let version = one(
        database,
        "SELECT current_setting('server_version') AS name, current_setting('server_version_num')::bigint AS number, \
         pg_is_in_recovery() AS standby, (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS super",
    );
    let Some(version) = version.await? else { return Ok(()) };
    let name: String = version.try_get("", "name")?;
    if version.try_get::<i64>("", "number")? < OLDEST {
        findings.warn(SUBJECT, format!("is PostgreSQL {name}"), "upgrade it to PostgreSQL 15 or newer");
    } else {
        findings.ok(SUBJECT, format!("is PostgreSQL {name}"));
    }
    if version.try_get::<bool>("", "standby")? {
        findings.fail(SUBJECT, "is a standby, which takes no writes", "name its primary in database.url");
    }
    if version.try_get::<Option<bool>>("", "super")? == Some(true) {
        findings.warn(
            SUBJECT,
            "is used as a superuser",
            "give the platform a role of its own that owns its database and nothing else",
        );
    }
    privileges(database, findings).await?;
    clock(database, findings).await
}

async fn privileges(database: &DatabaseConnection, findings: &mut Findings) -> Result<(), DbErr> {
    let schema =
        "SELECT current_schema() IS NOT NULL AND has_schema_privilege(current_schema(), 'CREATE') AS may";
    let may = one(database, schema).await?.map(|row| row.try_get::<Option<bool>>("", "may")).transpose()?;
    if may.flatten() != Some(true) {
        findings.fail(
            SUBJECT,
            "no tables may be made in it by this account",
            "make the account the database's owner, or GRANT it CREATE and USAGE on the schema",
        );
    }
    // Rows of the trail are only ever added.
    let tables = "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = current_schema() AND c.relkind = 'r' \
         AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') \
         AND (c.relname IN ('audit_events', 'audit_heads') OR has_table_privilege(c.oid, 'UPDATE') \
         AND has_table_privilege(c.oid, 'DELETE'))) ORDER BY 1";
    let statement = Statement::from_string(DatabaseBackend::Postgres, tables);
    let rows = database.query_all_raw(statement).await?;
    let names = rows.iter().map(|row| row.try_get::<String>("", "name")).collect::<Result<Vec<_>, _>>()?;
    if names.is_empty() {
        findings.ok(SUBJECT, "lets this account read and write");
    } else {
        findings.fail(
            SUBJECT,
            format!("refuses this account to read or write {}", names.join(", ")),
            "GRANT SELECT, INSERT, UPDATE, DELETE on them, or make the account their owner",
        );
    }
    Ok(())
}

/// Leases count by the database's clock, sessions and tokens by each process's own.
async fn clock(database: &DatabaseConnection, findings: &mut Findings) -> Result<(), DbErr> {
    let before = OffsetDateTime::now_utc();
    let row = one(database, "SELECT clock_timestamp() AS now").await?;
    let after = OffsetDateTime::now_utc();
    let Some(row) = row else { return Ok(()) };
    let there: OffsetDateTime = row.try_get("", "now")?;
    // Whatever the way took, it was asked somewhere in between.
    let apart = if there < before {
        before - there
    } else if there > after {
        there - after
    } else {
        time::Duration::ZERO
    };
    let seconds = apart.as_seconds_f64();
    if seconds > APART {
        findings.warn(
            "clock",
            format!("this machine's and the database's are {seconds:.1} s apart"),
            "let both follow the same time servers (NTP)",
        );
    } else {
        findings.ok("clock", "this machine's and the database's agree");
    }
    Ok(())
}

/// Whether what one connection notifies of reaches another that listens: a pooler that hands out connections for one
/// transaction each accepts `LISTEN`, and nothing ever comes.
async fn notifications(database: &DatabaseConnection, findings: &mut Findings) {
    const NOTIFY: &str = "notifications";
    const ADVICE: &str = "processes hear of each other's changes by LISTEN and NOTIFY: connect to PostgreSQL itself, or through a pooler \
         in session mode";
    match round_trip(database).await {
        Ok(true) => findings.ok(NOTIFY, "reach another connection"),
        Ok(false) => findings.fail(
            NOTIFY,
            format!("do not reach another connection within {} s", PATIENCE.as_secs()),
            ADVICE,
        ),
        Err(error) => findings.fail(NOTIFY, error, ADVICE),
    }
}

async fn round_trip(database: &DatabaseConnection) -> Result<bool, sea_orm::sqlx::Error> {
    // One that nobody else listens on.
    let channel = format!("vybe_doctor_{}", std::process::id());
    let mut listener = PgListener::connect_with(database.get_postgres_connection_pool()).await?;
    listener.listen(&channel).await?;
    let notify = format!("NOTIFY {channel}");
    if let Err(error) = database.execute_unprepared(&notify).await {
        return Err(sea_orm::sqlx::Error::Protocol(error.to_string()));
    }
    match tokio::time::timeout(PATIENCE, listener.try_recv()).await {
        Ok(received) => Ok(received?.is_some()),
        Err(_) => Ok(false),
    }
}

async fn one(database: &DatabaseConnection, sql: &str) -> Result<Option<QueryResult>, DbErr> {
    database.query_one_raw(Statement::from_string(DatabaseBackend::Postgres, sql)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_spoken_of_before_there_is_none() {
        for (bytes, word) in [(0, "fail"), (NO_ROOM, "warn"), (LITTLE_ROOM - 1, "warn"), (LITTLE_ROOM, "ok")]
        {
            let mut findings = Findings::default();
            room_left(bytes, &mut findings);
            assert!(findings.text().starts_with(word), "{bytes}: {}", findings.text());
        }
    }

    #[test]
    fn the_file_in_an_address_is_found() {
        for url in ["/a/b.db", "sqlite:/a/b.db", "sqlite:///a/b.db?mode=rwc"] {
            assert_eq!(path_of(url), Path::new("/a/b.db"), "{url}");
        }
    }
}
