//! The page about one saved query, and trying it.

use std::sync::Arc;

use access_control::{ListDataQueries, Permit, TryDataQuery};
use data_gateway::{Answered, DataQuery, Given};
use endpoint::{Answer, Call, Problem};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::answer::Rows;
use super::value::{field, field_name, read};
use super::{Around, base, find};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{minute, page, page_with};

/// The most bytes of an answer that a page shows.
const MOST_SHOWN: usize = 1 << 20;

/// `/apps/{app_id}/data-queries/{data_query_id}`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListDataQueries>,
    call: Call,
) -> Result<Answer, Problem> {
    let query = find(&console, &permit, &call).await?;
    let around = Around::read(&console, permit.actor(), permit.app(), &call).await?;
    Ok(page(query.definition.name.as_str(), &content(&query, &around, None)))
}

/// Runs it, and shows the first rows.
pub(crate) async fn run(
    console: Arc<Console>,
    permit: Permit<TryDataQuery>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = Fields::with_secret(&mut call).await?;
    let list = console.permit::<ListDataQueries>(permit.actor(), permit.app(), call.now())?;
    let query = find(&console, &list, &call).await?;
    let around = Around::read(&console, permit.actor(), permit.app(), &call).await?;
    let answered = async {
        let given = given(&query, &fields)?;
        let running = console.data_queries.try_out(&permit, query.id, &given).await?;
        Ok::<_, Problem>(running.answer(MOST_SHOWN).await?)
    };
    let title = query.definition.name.as_str();
    let form = content(&query, &around, Some(&fields));
    match answered.await {
        Ok(answered) => Ok(page(title, &html! { (result(&answered)) (form) })),
        // The database's own state is shown as well: whoever tries a query looks for what is wrong.
        Err(problem) => {
            let content = html! {
                p.bad role="alert" id="problem" { (problem.detail()) " " code { (problem.code()) } }
                (form)
            };
            Ok(page_with(problem.status(), title, &content))
        }
    }
}

/// The values that were typed, by name.
fn given(query: &DataQuery, fields: &Fields) -> Result<Given, Problem> {
    let mut given = Map::new();
    for parameter in &query.definition.parameters {
        if let Some(value) = read(parameter.kind, &fields.lines(&field_name(&parameter.name)))? {
            given.insert(parameter.name.clone(), value);
        }
    }
    Ok(Given::Map(given))
}

fn result(answered: &Answered) -> Markup {
    html! {
        h2 id="result" { "Answer" }
        @match answered {
            Answered::Going(_) => p { "The answer has more than 1 MiB, which this page does not show; the query was stopped. The app gets it whole." },
            Answered::Whole(bytes, summary) => {
                @match Rows::read(bytes) {
                    Some(rows) => { (rows.table()) }
                    None => { pre { (String::from_utf8_lossy(bytes)) } }
                }
                p.quiet { (summary.rows) " rows, " (summary.bytes) " bytes, " (summary.duration.as_millis()) " ms" }
            }
        }
    }
}

fn content(query: &DataQuery, around: &Around, typed: Option<&Fields>) -> Markup {
    let definition = &query.definition;
    let path = format!("{}/{}", base(query.app), query.id);
    html! {
        p { "Running it here runs it on the real database, as the app would; it is recorded with your name." }
        pre.statement { (definition.sql) }
        form method="post" action={ (path) "/run" } autocomplete="off" id="run" {
            @for parameter in &definition.parameters {
                (field(parameter, &typed.map(|fields| fields.lines(&field_name(&parameter.name))).unwrap_or_default()))
            }
            button type="submit" { "Run" }
        }
        dl {
            dt { "Database" } dd { (around.connection(query)) }
            dt { "May run for" } dd { (definition.timeout) " ms" }
            dt { "From pages" } dd { @if definition.from_pages { "yes" } @else { "no: only the app's server runs it" } }
            dt { "Changed" } dd { (minute(query.updated_at)) ", version " (query.version) }
        }
        h2 { "From the app" }
        pre { (example(query)) }
        p { a href={ (path) "/edit" } { "Change" } " · " a href=(base(query.app)) { "Saved queries" } }
        details {
            summary { "Delete" }
            form method="post" action={ (path) "/delete" } {
                p { "The app fails where it runs it." }
                button.bad type="submit" { "Delete " (definition.name) }
            }
        }
    }
}

/// The body of the call with which the app runs it.
fn example(query: &DataQuery) -> String {
    let params: Map<String, Value> = query
        .definition
        .parameters
        .iter()
        .map(|parameter| (parameter.name.clone(), Value::String(format!("… {}", parameter.kind))))
        .collect();
    let name = Value::String(query.definition.name.to_string());
    format!("POST /api/data-queries/run\n{{\"dataQueryName\":{name},\"params\":{}}}", Value::Object(params))
}
