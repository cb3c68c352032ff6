//! Which queries apps and people ran on the databases of an organization.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use access_control::{ListApps, ListConnections, ListQueryRecords, Permit, ReadOrganization};
use data_gateway::{Outcome, QueryRecord, QueryRecordFilter, RETENTION};
use endpoint::{Answer, Call, PagingParameters, Problem};
use ids::{AppId, ConnectionId, UserId};
use maud::{Markup, html};
use schemars::JsonSchema;

use crate::Console;
use crate::layout::{page, second};

/// The most connections that are offered to choose from.
const MOST_OFFERED: usize = 1000;

/// What the list is narrowed to.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct RecordParameters {
    app: Option<String>,
    connection: Option<String>,
    outcome: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

/// Names in place of identifiers.
struct Names {
    apps: BTreeMap<AppId, String>,
    connections: BTreeMap<ConnectionId, String>,
    people: BTreeMap<UserId, String>,
}

/// `/organizations/{organization_id}/queries`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListQueryRecords>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let filter = QueryRecordFilter {
        app: chosen(&call, "app")?,
        connection: chosen(&call, "connection")?,
        user: None,
        outcome: outcome(&call)?,
    };
    let most = paging.limit.saturating_add(1);
    let mut records = console.query_records.list(&permit, &filter, paging.after()?, most).await?;
    let next_cursor = paging.cut(&mut records, |record| record.id.to_string());
    let names = names(&console, &permit, &records, &call).await?;
    let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
    let base = format!("/organizations/{}", organization.id);
    let content = html! {
        p { "One line for each second, app, person, database and shape of statement, kept for " (RETENTION.whole_days()) " days. Values of parameters and texts of statements are not kept." }
        (search(&base, &filter, &names))
        @if records.is_empty() {
            p.quiet { "Nothing was run." }
        } @else {
            table id="query-records" {
                tr { th { "When" } th { "App" } th { "Database" } th { "Statement" } th { "Outcome" } th { "Rows" } th { "Longest" } }
                @for record in &records { (row(record, &names)) }
            }
        }
        @if let Some(cursor) = &next_cursor {
            p { a href={ (base) "/queries?" (following(&filter, cursor)) } { "Earlier ones" } }
        }
        p { a href={ (base) "/databases" } { "Databases" } " · " a href=(base) { (organization.name) } }
    };
    Ok(page(&format!("Queries of {}", organization.name), &content))
}

async fn names(
    console: &Console,
    permit: &Permit<ListQueryRecords>,
    records: &[QueryRecord],
    call: &Call,
) -> Result<Names, Problem> {
    let apps = console.apps.list_visible(&permit.also::<ListApps>()?, call.now()).await?;
    let list = permit.also::<ListConnections>()?;
    let connections = console.connections.list(&list, None, MOST_OFFERED, call.now()).await?;
    let mut people: Vec<UserId> = records.iter().filter_map(|record| record.asked.user).collect();
    people.sort_unstable();
    people.dedup();
    let people = console.users.people(&people).await?;
    Ok(Names {
        apps: apps.into_iter().map(|app| (app.id, app.name.to_string())).collect(),
        connections: connections.into_iter().map(|one| (one.id, one.definition.name.to_string())).collect(),
        people: people.into_iter().map(|person| (person.id, person.name.to_string())).collect(),
    })
}

fn search(base: &str, filter: &QueryRecordFilter, names: &Names) -> Markup {
    html! {
        form method="get" action={ (base) "/queries" } {
            label {
                "App"
                select name="app" {
                    option value="" { "all" }
                    @for (id, name) in &names.apps { option value=(id) selected[filter.app == Some(*id)] { (name) } }
                }
            }
            label {
                "Database"
                select name="connection" {
                    option value="" { "all" }
                    @for (id, name) in &names.connections { option value=(id) selected[filter.connection == Some(*id)] { (name) } }
                }
            }
            label {
                "Outcome"
                select name="outcome" {
                    option value="" { "all" }
                    @for known in Outcome::ALL { option value=(known.as_str()) selected[filter.outcome == Some(known)] { (words(known)) } }
                }
            }
            button.quiet type="submit" { "Search" }
        }
    }
}

fn row(record: &QueryRecord, names: &Names) -> Markup {
    let asked = &record.asked;
    let named = |found: Option<&String>, id: &dyn ToString| found.cloned().unwrap_or_else(|| id.to_string());
    html! {
        tr {
            td { (second(record.at)) }
            td {
                (named(names.apps.get(&asked.app), &asked.app))
                br; small.quiet {
                    (asked.via.as_str())
                    @if let Some(user) = asked.user { ", " (named(names.people.get(&user), &user)) }
                }
            }
            td { (named(names.connections.get(&asked.connection), &asked.connection)) }
            td {
                @if asked.kind.is_empty() { "not understood" } @else { (asked.kind) }
                @if asked.data_query.is_some() { " (saved)" }
                br; small.quiet { code { (asked.fingerprint) } }
            }
            td { (words(record.outcome)) @if record.count > 1 { br; small.quiet { (record.count) " times" } } }
            td { (record.rows) }
            td { (record.longest.as_millis()) " ms" }
        }
    }
}

/// The query string of the next piece.
fn following(filter: &QueryRecordFilter, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(app) = filter.app {
        query.append_pair("app", &app.to_string());
    }
    if let Some(connection) = filter.connection {
        query.append_pair("connection", &connection.to_string());
    }
    if let Some(outcome) = filter.outcome {
        query.append_pair("outcome", outcome.as_str());
    }
    query.append_pair("cursor", cursor).finish()
}

/// What the search form says; nothing, if the field is empty.
fn chosen<T: FromStr>(call: &Call, name: &str) -> Result<Option<T>, Problem> {
    let text = call.query(name)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().ok().ok_or_else(unknown)).transpose()
}

fn outcome(call: &Call) -> Result<Option<Outcome>, Problem> {
    let text = call.query("outcome")?.filter(|text| !text.is_empty());
    let known = |text: String| Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == text);
    text.map(|text| known(text).ok_or_else(unknown)).transpose()
}

fn unknown() -> Problem {
    Problem::invalid("invalid_search", "Search for what the form offers.")
}

const fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "answered",
        Outcome::Refused => "refused by the platform",
        Outcome::Parameters => "parameters do not fit",
        Outcome::Busy => "found no turn",
        Outcome::Unreachable => "no session with the database",
        Outcome::Failed => "refused by the database",
        Outcome::TimedOut => "took too long",
        Outcome::Capped => "too many rows or bytes",
        Outcome::BrokeOff => "connection broke",
        Outcome::Abandoned => "nobody waited",
    }
}
