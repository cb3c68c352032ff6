//! The list of an organization's connections.

use std::sync::Arc;

use access_control::{Action as _, ListConnections, ListQueryRecords, Permit, ReadOrganization};
use data_gateway::Connection;
use endpoint::{Answer, Call, Problem};
use maud::{Markup, html};

use super::form::{KINDS, engine_name};
use crate::Console;
use crate::layout::page;

/// `/organizations/{organization_id}/databases`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let most = paging.limit.saturating_add(1);
    let mut connections = console.connections.list(&permit, paging.after()?, most, call.now()).await?;
    let next_cursor = paging.cut(&mut connections, |connection| connection.id.to_string());
    let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
    let home = format!("/organizations/{}", organization.id);
    let content = html! {
        p { "Apps ask these databases by name. Host, user and password stay here, every statement is checked, and a read-only connection writes nothing." }
        @if connections.is_empty() {
            p.quiet { "No database yet." }
        } @else {
            table id="databases" {
                tr { th { "Name" } th { "Engine" } th { "Kind" } th { "Writes" } th { "State" } }
                @for connection in &connections { (row(connection, &home)) }
            }
        }
        @if let Some(cursor) = &next_cursor {
            p { a href={ (home) "/databases?cursor=" (cursor) } { "More databases" } }
        }
        p { a.button href={ (home) "/new-database" } { "Add a database" } }
        p {
            @if ListQueryRecords::RULE.contains(&permit.role()) { a href={ (home) "/queries" } { "Queries" } " · " }
            a href=(home) { (organization.name) }
        }
    };
    Ok(page(&format!("Databases of {}", organization.name), &content))
}

fn row(connection: &Connection, home: &str) -> Markup {
    let definition = &connection.definition;
    html! {
        tr {
            td { a href={ (home) "/databases/" (connection.id) } { (definition.name) } }
            td { (engine_name(definition.destination.engine)) }
            td { (kind_name(definition.kind.as_str())) }
            td { @if definition.read_only { "none: read-only" } @else { "allowed" } }
            td { (state(connection)) }
        }
    }
}

/// A kind of connection, as people say it.
pub(super) fn kind_name(kind: &str) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, words)| words)
}

/// Whether it can be used.
pub(super) fn state(connection: &Connection) -> Markup {
    html! {
        @if connection.changed_host_key.is_some() {
            strong.bad { "blocked: a host key changed" }
        } @else {
            "ok"
        }
    }
}
