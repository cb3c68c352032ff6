//! The accounts of an organization, or of a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_control::Permit;
use endpoint::{Answer, Call, Problem};
use integrations::{Account, AccountState};
use maud::{Markup, html};

use super::{Holder, home, organization, service_of};
use crate::Console;
use crate::layout::{minute, page};

/// `/organizations/{organization_id}/accounts` and `…/own-accounts`
pub(crate) async fn list<H: Holder>(
    console: Arc<Console>,
    permit: Permit<H::List>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let most = paging.limit.saturating_add(1);
    let mut accounts = console.accounts.list(&permit, None, paging.after()?, most, call.now()).await?;
    let next_cursor = paging.cut(&mut accounts, |account| account.id.to_string());
    let organization = organization(&console, permit.actor(), permit.organization(), &call).await?;
    let mut names = BTreeMap::new();
    for account in &accounts {
        if !names.contains_key(&account.service) {
            let known = service_of(&console, organization.id, &account.service).await?;
            names.insert(account.service.clone(), known.map(|known| known.service.name.clone()));
        }
    }
    let (home, base) = (home(organization.id), H::base(organization.id));
    let content = html! {
        p { (H::ABOUT) }
        @if accounts.is_empty() {
            p.quiet { "No account yet." }
        } @else {
            table id="accounts" {
                tr { th { "Account" } th { "Service" } th { "State" } th { "Connected" } }
                @for account in &accounts {
                    tr {
                        td { a href={ (base) "/" (account.id) } { (account.name) } }
                        td {
                            @match names.get(&account.service) {
                                Some(Some(name)) => { (name) }
                                _ => { (account.service) }
                            }
                        }
                        td { (state(account)) }
                        td { (minute(account.consented_at)) }
                    }
                }
            }
        }
        @if let Some(cursor) = &next_cursor { p { a href={ (base) "?cursor=" (cursor) } { "More accounts" } } }
        p { a.button href={ (home) "/services" } { "Connect an account" } }
        p { a href=(home) { (organization.name) } }
    };
    Ok(page(&format!("{} in {}", H::WORDS, organization.name), &content))
}

/// Whether it can be used.
pub(super) fn state(account: &Account) -> Markup {
    html! {
        @match account.state {
            AccountState::Active => { "connected" }
            AccountState::NeedsReconnect(cause) => { strong.bad data-cause=(cause.as_str()) { "to be connected again" } }
        }
    }
}
