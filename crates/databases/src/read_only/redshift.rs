//! The read-only examination of Redshift.

use query_guard::Language;

use super::examination::{Procedure, role, run, some};
use super::{ReadOnlyExamination, ReadOnlyLocks};
use crate::QueryError;
use crate::text_session::TextSession;

/// Each is taken back with its transaction.
const WRITES: &[&str] =
    &["CREATE TABLE {} (a integer)", "SELECT 1 AS a INTO {}", "CREATE VIEW {} AS SELECT 1 AS a"];

const PROCEDURE: Procedure = Procedure {
    language: Language::Redshift,
    version: "SELECT version()",
    default: "SHOW default_transaction_read_only",
    begin: "BEGIN",
    begin_read_only: "BEGIN READ ONLY",
    open_session: "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    close_session: "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    transaction_writes: WRITES,
    session_writes: WRITES,
};

const ATTRIBUTES: &str = "SELECT CASE WHEN usesuper THEN 'is a superuser' ELSE 'may create databases' END \
    FROM pg_catalog.pg_user WHERE usename = current_user AND (usesuper OR usecreatedb)";

const DATABASE: &str = "SELECT 'x' WHERE has_database_privilege(current_database(), 'CREATE')";

const SCHEMAS: &str = "SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE n.nspname NOT LIKE 'pg!_%' ESCAPE '!' \
    AND n.nspname <> 'information_schema' AND has_schema_privilege(n.oid, 'CREATE') ORDER BY n.nspname";

const TABLES: &str = "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' \
    AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname <> 'information_schema' \
    AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE') \
      OR has_table_privilege(c.oid, 'DELETE')) ORDER BY n.nspname, c.relname";

/// Examines a session; as of PostgreSQL 8.0, rights are on whole tables, and there are no sequences.
///
/// # Errors
/// The session breaks.
pub(crate) async fn examine(
    session: &mut dyn TextSession,
    locks: Option<ReadOnlyLocks>,
) -> Result<ReadOnlyExamination, QueryError> {
    if locks.is_some_and(|locks| locks.session) {
        session.command(PROCEDURE.close_session).await?;
    }
    let mut rights = Vec::new();
    for (query, what) in [
        (ATTRIBUTES, ""),
        (DATABASE, "may create schemas in the database"),
        (SCHEMAS, "may create objects in "),
        (TABLES, "may write to "),
    ] {
        let names: Vec<String> = session.rows(query).await?.into_iter().flatten().flatten().collect();
        if !names.is_empty() {
            let named = if query == DATABASE { String::new() } else { some(&names) };
            rights.push(format!("{what}{named}"));
        }
    }
    run(&PROCEDURE, session, locks, rights.clone(), role(&rights)).await
}
