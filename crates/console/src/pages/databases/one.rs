//! The page about one connection.

use std::sync::Arc;

use access_control::{
    Action as _, ConfirmHostKey, ListApps, ListConnections, ManageConnections, Permit, ProveReadOnly,
    UsableBy,
};
use apps::App;
use data_gateway::{ChangedHostKey, Connection};
use endpoint::{Answer, Call, Problem};
use maud::{Markup, html};

use super::Known;
use super::filled::mode;
use super::form::engine_name;
use super::listing::{kind_name, state};
use crate::Console;
use crate::layout::{minute, page};

/// `/organizations/{organization_id}/databases/{connection_id}`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    let content = content(&console, &known, &call).await?;
    Ok(page(known.name(), &content))
}

/// Everything about a connection, and what can be done about it.
pub(super) async fn content(console: &Console, known: &Known, call: &Call) -> Result<Markup, Problem> {
    let apps = console.apps.list_visible(&known.permit.also::<ListApps>()?, call.now()).await?;
    let role = known.permit.role();
    let path = known.path();
    Ok(html! {
        @if let Some(changed) = &known.connection.changed_host_key {
            (changed_host_key(known, changed))
        }
        p { "Apps name this database in their calls; the platform opens it, checks every statement and says what it refuses." }
        (facts(&known.connection, &apps))
        @if ManageConnections::RULE.contains(&role) {
            form method="post" action={ (path) "/test" } {
                button type="submit" { "Test the connection" }
            }
        }
        p {
            @if ManageConnections::RULE.contains(&role) { a href={ (path) "/edit" } { "Change" } " · " }
            a href={ (path) "/schema" } { "Tables and columns" }
            @if ProveReadOnly::RULE.contains(&role) && known.connection.definition.read_only {
                " · " a href={ (path) "/read-only" } { "Does read-only hold?" }
            }
        }
        @if ManageConnections::RULE.contains(&role) {
            details {
                summary { "Delete" }
                form method="post" action={ (path) "/delete" } {
                    p { "Apps and saved queries that name it fail from then on. Nobody can bring password and keys back." }
                    button.bad type="submit" { "Delete " (known.name()) }
                }
            }
        }
        p { a href=(super::base(known.organization.id)) { "Databases" } }
    })
}

/// What is wrong with a host key, and the choice of whoever may say which one is right.
fn changed_host_key(known: &Known, changed: &ChangedHostKey) -> Markup {
    let hops = &known.connection.definition.destination.hops;
    let decides = ConfirmHostKey::RULE.contains(&known.permit.role());
    let choice = |words: &str, host_key: &str, class: &str| {
        html! {
            form method="post" action={ (known.path()) "/host-key" } {
                input type="hidden" name="hop" value=(changed.hop);
                input type="hidden" name="host_key" value=(host_key);
                button class=(class) type="submit" { (words) }
            }
        }
    };
    html! {
        @if let Some(hop) = hops.get(changed.hop) {
            p.bad role="alert" id="changed-host-key" {
                "The SSH server " (hop.host) " has another host key than the confirmed one since " (minute(changed.seen_at))
                ". Either its operator changed it, or somebody else answers. Nothing is sent there until this is settled."
            }
            dl {
                dt { "Confirmed" } dd { (hop.host_key) }
                dt { "Seen now" } dd { (changed.presented) }
            }
            @if decides {
                (choice("The new host key is right: its operator says so", &changed.presented.to_string(), "bad"))
                (choice("The confirmed one is right: try again", &hop.host_key.to_string(), "quiet"))
            } @else {
                p { "An Owner or Admin has to say which one is right." }
            }
        }
    }
}

fn facts(connection: &Connection, apps: &[App]) -> Markup {
    let definition = &connection.definition;
    let destination = &definition.destination;
    let limits = &definition.limits;
    let name = |id| apps.iter().find(|app| app.id == id).map(|app| app.name.to_string());
    html! {
        dl id="connection" {
            dt { "State" } dd { (state(connection)) }
            dt { "Kind" } dd {
                (kind_name(definition.kind.as_str()))
                @if let Some(app) = definition.kind.app() { ": " (name(app).unwrap_or_else(|| app.to_string())) }
            }
            dt { "Engine" } dd { (engine_name(destination.engine)) }
            dt { "Host" } dd { (destination.host) ":" (destination.port) }
            dt { "Database" } dd { (destination.database) }
            dt { "User" } dd { (destination.user) }
            dt { "TLS" } dd {
                (mode(&destination.tls))
                @if let Some(reason) = destination.tls.reason() { ": " (reason) }
            }
            @for (number, hop) in destination.hops.iter().enumerate() {
                dt { "SSH server " (number + 1) } dd { (hop.user) "@" (hop.host) ":" (hop.port) br; (hop.host_key) }
            }
            dt { "Read-only" } dd { @if definition.read_only { "yes" } @else { "no" } }
            dt { "Limits" } dd {
                (limits.most_rows) " rows, " (limits.most_bytes) " bytes, " (limits.most_milliseconds) " ms, "
                (limits.most_sessions) " sessions"
            }
            dt { "Usable by" } dd {
                @match &definition.usable_by {
                    UsableBy::EveryApp => { "every app" }
                    UsableBy::Apps(these) => {
                        @if these.is_empty() { "no app that you may see" }
                        @for app in these { (name(*app).unwrap_or_else(|| app.to_string())) br; }
                    }
                }
            }
            dt { "Changed" } dd { (minute(connection.updated_at)) ", version " (connection.version) }
        }
    }
}
