//! What is in a database: tables, columns, keys.

use std::sync::Arc;

use access_control::{Permit, ReadDatabaseSchema};
use databases::{Schema, Table};
use endpoint::{Answer, Call, Problem};
use maud::{Markup, html};
use schemars::JsonSchema;

use super::{Known, unanswered};
use crate::Console;
use crate::layout::{page, page_with};

/// Whether to read it anew.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct SchemaParameters {
    afresh: Option<bool>,
}

/// `/organizations/{organization_id}/databases/{connection_id}/schema`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ReadDatabaseSchema>,
    call: Call,
) -> Result<Answer, Problem> {
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    let afresh = match call.query("afresh")?.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::invalid("invalid_query", "afresh is true or false.")),
    };
    let title = format!("Tables of {}", known.name());
    let path = known.path();
    let back = html! {
        p {
            a href={ (path) "/schema?afresh=true" } { "Read again" } " · "
            a href=(path) { (known.name()) }
        }
    };
    let schema = console.connections.schema(&permit, known.connection.id, afresh).await;
    match schema {
        Ok(schema) => Ok(page(&title, &html! { (content(&schema)) (back) })),
        Err(error) => {
            let (status, said) = unanswered(error);
            let content = html! {
                (said)
                p { a href=(path) { "Test the connection" } " to see which step fails." }
                (back)
            };
            Ok(page_with(status, &title, &content))
        }
    }
}

fn content(schema: &Schema) -> Markup {
    html! {
        p { "What the connection's user may read, as of at most five minutes ago. Saved queries and apps can ask for exactly this." }
        @if schema.tables.is_empty() { p.quiet { "No table that this user may read." } }
        @for table in &schema.tables { (one(table)) }
        @if schema.truncated { p { "There are more tables than are listed here." } }
    }
}

fn one(table: &Table) -> Markup {
    html! {
        details {
            summary { (table.schema) "." strong { (table.name) } " " small.quiet { (table.kind) ", " (table.columns.len()) " columns" } }
            table {
                tr { th { "Column" } th { "Type" } th { "NULL" } th { "Key" } }
                @for column in &table.columns {
                    tr {
                        td { code { (column.name) } }
                        td { (column.type_name) }
                        td { @if column.nullable { "may be" } @else { "never" } }
                        td { (keys(table, &column.name)) }
                    }
                }
            }
        }
    }
}

fn keys(table: &Table, column: &str) -> Markup {
    let referring = table.foreign_keys.iter().filter(|key| key.columns.iter().any(|here| here == column));
    html! {
        @if table.primary_key.iter().any(|key| key == column) { "primary key " }
        @for key in referring {
            "→ " (key.to_schema) "." (key.to_table) " (" (key.to_columns.join(", ")) ") "
        }
    }
}
