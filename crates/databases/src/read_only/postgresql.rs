//! The read-only examination of PostgreSQL.

use query_guard::Language;

use super::examination::{Procedure, role, run, some};
use super::{ReadOnlyExamination, ReadOnlyLocks};
use crate::QueryError;
use crate::text_session::TextSession;

/// Each is taken back with its transaction.
const WRITES: &[&str] = &[
    "CREATE TABLE {} (a integer)",
    "SELECT 1 AS a INTO {}",
    "CREATE SEQUENCE {}",
    "CREATE FUNCTION {}() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "DO 'BEGIN CREATE TABLE {} (a integer); END'",
];

const PROCEDURE: Procedure = Procedure {
    language: Language::Postgresql,
    version: "SELECT pg_catalog.version()",
    default: "SELECT pg_catalog.current_setting('default_transaction_read_only')",
    begin: "BEGIN",
    begin_read_only: "BEGIN READ ONLY",
    open_session: "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    close_session: "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    transaction_writes: WRITES,
    session_writes: WRITES,
};

/// Attributes of the role. What is in it by membership counts, too: a member may take another role on.
const ATTRIBUTES: &str = "SELECT DISTINCT a.name FROM pg_catalog.pg_roles r, LATERAL (VALUES \
    ('is a superuser', r.rolsuper), ('may create databases', r.rolcreatedb), ('may create roles', r.rolcreaterole), \
    ('may replicate', r.rolreplication)) AS a (name, has) \
    WHERE a.has AND pg_catalog.pg_has_role(r.oid, 'MEMBER') ORDER BY 1";

/// Predefined roles that give rights to write.
const MEMBERSHIPS: &str = "SELECT r.rolname::text FROM pg_catalog.pg_roles r WHERE r.rolname IN \
    ('pg_write_server_files', 'pg_execute_server_program', 'pg_write_all_data', 'pg_signal_backend', 'pg_checkpoint', \
     'pg_maintain', 'pg_create_subscription') \
    AND pg_catalog.pg_has_role(r.oid, 'MEMBER') ORDER BY 1";

const DATABASE: &str =
    "SELECT 'x' WHERE pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')";

const SCHEMAS: &str = "SELECT n.nspname::text FROM pg_catalog.pg_namespace n WHERE n.nspname NOT LIKE 'pg!_%' ESCAPE '!' \
    AND n.nspname <> 'information_schema' AND pg_catalog.has_schema_privilege(n.oid, 'CREATE') ORDER BY 1";

const TABLES: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'f') \
    AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname <> 'information_schema' \
    AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
    AND (pg_catalog.has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') \
      OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT, UPDATE')) ORDER BY 1";

const SEQUENCES: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
    AND CASE WHEN c.relkind = 'S' THEN pg_catalog.has_sequence_privilege(c.oid, 'USAGE, UPDATE') END ORDER BY 1";

/// Functions that PostgreSQL itself gives to few, or that act outside the transaction.
const FUNCTIONS: &str = "SELECT DISTINCT p.proname::text FROM pg_catalog.pg_proc p WHERE (p.proname LIKE 'dblink%' \
      OR p.proname IN ('pg_read_file', 'pg_read_binary_file', 'pg_ls_dir', 'pg_stat_file', 'pg_reload_conf', \
        'pg_rotate_logfile', 'pg_switch_wal', 'pg_create_restore_point', 'pg_promote', 'pg_file_write', 'lo_import', \
        'lo_export', 'pg_logical_emit_message', 'pg_create_physical_replication_slot', 'pg_drop_replication_slot', \
        'lo_create', 'lo_from_bytea', 'lo_unlink')) \
    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1";

/// Functions of others that run with the rights of their owner.
const DEFINERS: &str = "SELECT pg_catalog.format('%I.%I', n.nspname, p.proname) FROM pg_catalog.pg_proc p \
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.prosecdef \
    AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1";

/// Examines a session that was opened as for a query; none of the locks are expected of a connection that writes.
///
/// # Errors
/// The session breaks.
pub(crate) async fn examine(
    session: &mut dyn TextSession,
    locks: Option<ReadOnlyLocks>,
) -> Result<ReadOnlyExamination, QueryError> {
    let mut rights = names(session, ATTRIBUTES).await?;
    for (query, what) in [
        (MEMBERSHIPS, "is a member of"),
        (DATABASE, "may create schemas in the database"),
        (SCHEMAS, "may create objects in"),
        (TABLES, "may write to"),
        (SEQUENCES, "may advance"),
    ] {
        let names = names(session, query).await?;
        if !names.is_empty() {
            let named = if query == DATABASE { String::new() } else { format!(" {}", some(&names)) };
            rights.push(format!("{what}{named}"));
        }
    }
    let mut privileges = rights.clone();
    for (query, what) in
        [(FUNCTIONS, "may call"), (DEFINERS, "may call functions that run with the rights of their owner:")]
    {
        let names = names(session, query).await?;
        if !names.is_empty() {
            privileges.push(format!("{what} {}", names.join(", ")));
        }
    }
    run(&PROCEDURE, session, locks, privileges, role(&rights)).await
}

async fn names(session: &mut dyn TextSession, query: &str) -> Result<Vec<String>, QueryError> {
    Ok(session.rows(query).await?.into_iter().flatten().flatten().collect())
}
