//! What is in a PostgreSQL database, or in Redshift, from the system catalogue.

use super::assembly::{Assembly, MOST_COLUMNS, MOST_TABLES, Reference, fields};
use crate::text_session::{TextRow, TextSession};
use crate::{Column, ConnectError, Engine, QueryError, Schema};

/// Reads the schema: the tables that the user may read, without partitions of other tables, and of them the columns
/// that the user may read. The session is left in a transaction, if it fails.
///
/// # Errors
/// The session breaks, or the catalogue is a strange one.
pub(crate) async fn read(session: &mut dyn TextSession, engine: Engine) -> Result<Schema, QueryError> {
    let is_redshift = engine == Engine::Redshift;
    let begin =
        if is_redshift { "BEGIN READ ONLY" } else { "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" };
    session.command(begin).await?;
    let rows = session.rows(&tables(is_redshift)).await?;
    let mut assembly = Assembly::new(rows.into_iter().map(table).collect::<Result<_, _>>()?);
    let listed: Vec<String> = assembly.keys().map(u32::to_string).collect();
    if !listed.is_empty() {
        let listed = listed.join(",");
        let rows = session.rows(&columns(is_redshift, &listed)).await?;
        assembly.columns(rows.into_iter().map(column).collect::<Result<_, _>>()?);
        for row in session.rows(&constraints(&listed)).await? {
            let [kind, from, to, here, there] = fields(row)?;
            let (from, here) = (number(&from)?, numbers(&here)?);
            if kind == "p" {
                assembly.primary_key(&from, &here);
            } else {
                let columns = here.into_iter().zip(numbers(&there)?).collect();
                assembly.foreign_key(&Reference { from, to: number(&to)?, columns });
            }
        }
    }
    session.command("ROLLBACK").await?;
    Ok(assembly.finish())
}

/// Redshift has what PostgreSQL 8.0 had: two kinds of relations, and rights on whole tables.
fn tables(is_redshift: bool) -> String {
    let (kinds, readable) = if is_redshift {
        ("'r', 'v'", "pg_catalog.has_table_privilege(c.oid, 'SELECT')")
    } else {
        (
            "'r', 'p', 'v', 'm', 'f'",
            "NOT c.relispartition AND (pg_catalog.has_table_privilege(c.oid, 'SELECT') \
                OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))",
        )
    };
    format!(
        "SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ({kinds}) AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_internal') \
           AND n.nspname NOT LIKE 'pg!_t%' ESCAPE '!' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
           AND {readable} \
         ORDER BY n.nspname, c.relname LIMIT {}",
        MOST_TABLES + 1
    )
}

fn columns(is_redshift: bool, listed: &str) -> String {
    let readable =
        if is_redshift { "" } else { "AND pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT')" };
    format!(
        "SELECT a.attrelid::text, a.attnum::text, a.attname::text, \
           pg_catalog.format_type(a.atttypid, a.atttypmod)::text, CASE WHEN a.attnotnull THEN 'f' ELSE 't' END::text \
         FROM pg_catalog.pg_attribute a \
         WHERE a.attrelid IN ({listed}) AND a.attnum > 0 AND NOT a.attisdropped {readable} \
         ORDER BY a.attrelid, a.attnum LIMIT {}",
        MOST_COLUMNS + 1
    )
}

fn constraints(listed: &str) -> String {
    format!(
        "SELECT o.contype::text, o.conrelid::text, o.confrelid::text, \
           pg_catalog.array_to_string(o.conkey, ' ')::text, \
           CASE WHEN o.contype = 'f' THEN pg_catalog.array_to_string(o.confkey, ' ') ELSE '' END::text \
         FROM pg_catalog.pg_constraint o WHERE o.contype IN ('p', 'f') AND o.conrelid IN ({listed}) \
         ORDER BY o.conrelid, o.conname LIMIT {MOST_COLUMNS}"
    )
}

fn table(row: TextRow) -> Result<(u32, [String; 3]), QueryError> {
    let [id, schema, name, kind] = fields(row)?;
    let kind = match kind.as_str() {
        "p" => "partitioned table",
        "v" => "view",
        "m" => "materialized view",
        "f" => "foreign table",
        _ => "table",
    };
    Ok((number(&id)?, [schema, name, kind.to_owned()]))
}

fn column(row: TextRow) -> Result<(u32, u32, Column), QueryError> {
    let [table, place, name, type_name, nullable] = fields(row)?;
    Ok((number(&table)?, number(&place)?, Column { name, type_name, nullable: nullable == "t" }))
}

fn number(text: &str) -> Result<u32, QueryError> {
    text.parse().map_err(|_| QueryError::Connect(ConnectError::Protocol))
}

fn numbers(text: &str) -> Result<Vec<u32>, QueryError> {
    text.split_ascii_whitespace().map(number).collect()
}
