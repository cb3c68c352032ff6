//! A list of secrets, with what can be done about each.

use maud::{Markup, html};
use secrets_vault::{Secret, SecretScope};

use super::form;
use crate::layout::minute;

/// The secrets of one owner, a piece of them.
pub(super) struct Listing {
    pub(super) scope: SecretScope,
    /// The path of the page.
    pub(super) base: String,
    pub(super) secrets: Vec<Secret>,
    pub(super) next_cursor: Option<String>,
}

impl Listing {
    /// The list, and the forms to add to it.
    pub(super) fn content(&self) -> Markup {
        html! {
            @if self.secrets.is_empty() {
                p.quiet { "Nothing yet." }
            } @else {
                table id="secrets" {
                    tr { th { "Name" } th { "Kind" } th { "Value" } th { "Updated" } th { "Last injected" } th {} }
                    @for secret in &self.secrets { (self.row(secret)) }
                }
            }
            @if let Some(cursor) = &self.next_cursor {
                p { a href={ (self.base) "?cursor=" (cursor) } { "More secrets" } }
            }
            (form::create(self.scope, &self.base))
        }
    }

    fn row(&self, secret: &Secret) -> Markup {
        let path = format!("{}/{}", self.base, secret.id);
        html! {
            tr {
                td {
                    (secret.name)
                    @if let Some(variable) = secret.variable.as_ref().filter(|variable| **variable != secret.name) {
                        br; small.quiet { (variable) }
                    }
                }
                td {
                    (form::words(secret.kind))
                    @if let Some(environment) = secret.environment { br; small.quiet { (environment.as_str()) } }
                }
                td { code { (secret.mask()) } }
                td { (minute(secret.updated_at)) br; small.quiet { "version " (secret.version) } }
                td {
                    @if secret.variable.is_some() {
                        (secret.last_injected_at.map_or_else(|| "not yet".to_owned(), minute))
                    }
                }
                td {
                    details {
                        summary { "Replace" }
                        form method="post" action={ (path) "/replace" } autocomplete="off" {
                            input type="hidden" name="version" value=(secret.version);
                            (form::value(secret.kind))
                            button type="submit" { "Replace the value" }
                        }
                    }
                    details {
                        summary { "Delete" }
                        form method="post" action={ (path) "/delete" } {
                            p { "Nobody can bring it back." }
                            button.bad type="submit" { "Delete " (secret.name) }
                        }
                    }
                }
            }
        }
    }
}
