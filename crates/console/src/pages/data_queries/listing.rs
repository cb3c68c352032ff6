//! The list of an app's saved queries.

use std::sync::Arc;

use access_control::{ListDataQueries, Permit};
use endpoint::{Answer, Call, Problem};
use maud::html;

use super::{Around, base};
use crate::Console;
use crate::layout::{minute, page};

/// `/apps/{app_id}/data-queries`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListDataQueries>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let most = paging.limit.saturating_add(1);
    let mut queries = console.data_queries.list(&permit, paging.after()?, most).await?;
    let next_cursor = paging.cut(&mut queries, |query| query.id.to_string());
    let around = Around::read(&console, permit.actor(), permit.app(), &call).await?;
    let base = base(permit.app());
    let content = html! {
        p { "A saved query is a statement with a name. The app runs it by its name with parameters, and has no statement in its own code; its pages in the browser run only those that say so." }
        @if queries.is_empty() {
            p.quiet { "No saved query yet." }
        } @else {
            table id="data-queries" {
                tr { th { "Name" } th { "Database" } th { "Parameters" } th { "From pages" } th { "Changed" } }
                @for query in &queries {
                    tr {
                        td { a href={ (base) "/" (query.id) } { (query.definition.name) } }
                        td { (around.connection(query)) }
                        td {
                            @for parameter in &query.definition.parameters {
                                code { (parameter.name) } " " small.quiet { (parameter.kind) } br;
                            }
                        }
                        td { @if query.definition.from_pages { "yes" } @else { "no" } }
                        td { (minute(query.updated_at)) }
                    }
                }
            }
        }
        @if let Some(cursor) = &next_cursor {
            p { a href={ (base) "?cursor=" (cursor) } { "More saved queries" } }
        }
        p { a.button href={ "/apps/" (permit.app()) "/new-data-query" } { "Save a query" } }
        p { a href="/apps" { "Apps" } }
    };
    Ok(page(&format!("Saved queries of {}", around.app.name), &content))
}
