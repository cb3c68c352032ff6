//! Which apps may use something: a part of several forms.

use access_control::UsableBy;
use apps::App;
use endpoint::Problem;
use maud::{Markup, html};

use crate::fields::Fields;

/// The fields.
pub(super) fn fields(apps: &[App], usable_by: &UsableBy, from_pages: bool) -> Markup {
    let every_app = *usable_by == UsableBy::EveryApp;
    html! {
        details {
            summary { "Which apps may use it" }
            label {
                "Usable by"
                select name="usable_by" {
                    option value="every_app" selected[every_app] { "Every app of the organization" }
                    option value="apps" selected[!every_app] { "The apps that are ticked" }
                }
            }
            @for app in apps {
                label {
                    span {
                        input type="checkbox" name="app" value=(app.id) checked[!every_app && usable_by.includes(app.id)];
                        " " (app.name)
                    }
                }
            }
            label {
                span {
                    input type="checkbox" name="from_pages" value="on" checked[from_pages];
                    " Pages of these apps may use it, too, and not only their servers"
                }
            }
        }
    }
}

/// What was chosen.
pub(super) fn given(fields: &Fields) -> Result<(UsableBy, bool), Problem> {
    let from_pages = fields.text("from_pages") == "on";
    if fields.text("usable_by") != "apps" {
        return Ok((UsableBy::EveryApp, from_pages));
    }
    let apps = fields.all("app").map(str::parse).collect::<Result<_, _>>();
    let apps = apps.map_err(|_| Problem::invalid("invalid_app", "Choose apps that the form offers."))?;
    Ok((UsableBy::Apps(apps), from_pages))
}

/// The same as people read it.
pub(super) fn shown(apps: &[App], usable_by: &UsableBy, from_pages: bool) -> Markup {
    html! {
        @match usable_by {
            UsableBy::EveryApp => { "every app" }
            UsableBy::Apps(these) => {
                @if these.is_empty() { "no app that you may see" }
                @for id in these {
                    @match apps.iter().find(|app| app.id == *id) {
                        Some(app) => { (app.name) }
                        None => { (id) }
                    }
                    br;
                }
            }
        }
        @if from_pages { " and their pages" } @else { ", from their servers only" }
    }
}
