//! The form with which saved queries are made and changed.

use data_gateway::LONGEST_TIMEOUT;
use maud::{Markup, html};

use super::filled::{Filled, of};
use super::{Around, base};

/// The types of parameters.
const TYPES: [&str; 13] = [
    "text",
    "integer",
    "number",
    "boolean",
    "date",
    "timestamp",
    "json",
    "text[]",
    "integer[]",
    "number[]",
    "boolean[]",
    "date[]",
    "timestamp[]",
];

/// The form, filled in with something.
pub(super) fn content(around: &Around, filled: &Filled) -> Markup {
    let base = base(around.app.id);
    let id = filled.text("data_query_id");
    let action = if id.is_empty() { base.clone() } else { format!("{base}/{id}/edit") };
    html! {
        p { "Write " code { ":name" } " where a value belongs, whatever the database, and declare it below. Values are sent beside the statement, never in it." }
        form method="post" action=(action) autocomplete="off" id="data-query" {
            input type="hidden" name="version" value=(filled.text("version"));
            label { "Name, by which the app runs it" input name="name" value=(filled.text("name")) required maxlength="100" spellcheck="false"; }
            (connection(around, filled.text("connection_id")))
            label {
                "Statement"
                textarea.statement name="sql" rows="8" required spellcheck="false" autocapitalize="off" { (filled.text("sql")) }
            }
            fieldset {
                legend { "Parameters" }
                table {
                    tr { th { "Name" } th { "Type" } th { "Required" } th { "Taken if none is given" } }
                    @for number in 0..filled.room() { (parameter(filled, number)) }
                }
                p.quiet { "Leave rows empty that you do not need; there is room for more after saving. A default of a list has one value in each line." }
            }
            label {
                "Milliseconds that it may run"
                input name="timeout" value=(filled.text("timeout")) required inputmode="numeric" pattern="[0-9]+" title={ "1 to " (LONGEST_TIMEOUT) };
            }
            label {
                span {
                    input type="checkbox" name="from_pages" value="on" checked[filled.text("from_pages") == "on"];
                    " Pages of the app may run it: everybody who may open the app can, with any parameters"
                }
            }
            button type="submit" { "Save" }
        }
        p { a href=(base) { "Saved queries" } }
    }
}

fn connection(around: &Around, chosen: &str) -> Markup {
    html! {
        label {
            "Database"
            @match &around.connections {
                Some(connections) => {
                    select name="connection_id" required {
                        @for connection in connections {
                            option value=(connection.id) selected[connection.id.to_string() == chosen] { (connection.definition.name) }
                        }
                    }
                }
                None => {
                    input name="connection_id" value=(chosen) required placeholder="identifier: ask an Editor of the organization" spellcheck="false";
                }
            }
        }
        @if around.connections.as_ref().is_some_and(Vec::is_empty) {
            p.bad { "This app may use no database yet. " a href={ "/organizations/" (around.app.organization) "/databases" } { "Add one" } " first." }
        }
    }
}

fn parameter(filled: &Filled, number: usize) -> Markup {
    let chosen = filled.of_parameter(number, "type");
    let required = filled.of_parameter(number, "required") == "on";
    html! {
        tr {
            td { input name=(of(number, "name")) value=(filled.of_parameter(number, "name")) maxlength="63" aria-label="Name" spellcheck="false"; }
            td {
                select name=(of(number, "type")) aria-label="Type" {
                    @for kind in TYPES { option value=(kind) selected[kind == chosen] { (kind) } }
                }
            }
            td { input type="checkbox" name=(of(number, "required")) value="on" checked[required] aria-label="Required"; }
            td { textarea name=(of(number, "default")) rows="1" aria-label="Default" spellcheck="false" { (filled.of_parameter(number, "default")) } }
        }
    }
}
