//! What would come out of a document.

use catalogue::{Authentication, Service, ServiceChange, Template};
use integrations::Proposed;
use maud::{Markup, html};

use super::super::kind;

/// The entry and what is to be known of it; for one that is imported again, what would change.
pub(super) fn shown(proposed: &Proposed, again: bool) -> Markup {
    html! {
        @if let Some(service) = &proposed.proposal.service {
            @if again { (changes(&proposed.changes, proposed.accounts_to_reconnect)) }
            h2 { "What comes out" }
            (entry(service, proposed.proposal.format))
        } @else {
            p.quiet { "Read as " (proposed.proposal.format) "." }
        }
        @if !proposed.proposal.notes.is_empty() {
            details open {
                summary { "What was assumed or left out" }
                ul id="notes" { @for note in &proposed.proposal.notes { li { (note) } } }
            }
        }
        @if let Some(entry) = &proposed.entry {
            details {
                summary { "The whole entry" }
                pre id="entry" { (entry.text) }
            }
        }
    }
}

fn entry(service: &Service, format: &str) -> Markup {
    html! {
        dl id="proposal" {
            dt { "Document" } dd { (format) }
            dt { "Name" } dd { (service.name) }
            dt { "Name in the API" } dd { code { (service.id) } }
            dt { "Accounts are connected with" } dd { (kind(&service.authentication)) }
            @for (what, url) in places(&service.authentication) { dt { (what) } dd { (url) } }
            dt { "Calls go to" } dd { (service.api.base) }
            dt { "Credentials go to" } dd { @for host in &service.api.hosts { (host.as_str()) br; } }
            @if !service.variables.is_empty() {
                dt { "Asked of each account" } dd { @for variable in &service.variables { (variable.label) br; } }
            }
            dt { "Actions" } dd { (service.actions.len()) }
        }
    }
}

/// Where people and this platform are sent for tokens.
fn places(authentication: &Authentication) -> Vec<(&'static str, &Template)> {
    let Authentication::Oauth2Code(code) = authentication else { return Vec::new() };
    let revocation = code.revocation.as_ref().map(|revocation| ("Tokens are revoked at", &revocation.url));
    [("People consent at", &code.authorize_url), ("Tokens come from", &code.token_url)]
        .into_iter()
        .chain(revocation)
        .collect()
}

fn changes(changes: &[ServiceChange], accounts: u64) -> Markup {
    html! {
        h2 { "What changes" }
        @if changes.is_empty() {
            p id="unchanged" { "Nothing." }
        } @else {
            ul id="changes" {
                @for change in changes {
                    li { @if change.is_breaking { strong.bad { "Breaking: " } } (change.text) }
                }
            }
        }
        @if accounts > 0 {
            p.bad role="alert" id="accounts-to-reconnect" data-accounts=(accounts) {
                "Credentials would go elsewhere: "
                @if accounts == 1 { "1 account has" } @else { (accounts) " accounts have" }
                " to be connected again. Until then, apps that use " @if accounts == 1 { "it" } @else { "them" } " fail."
            }
        }
    }
}
