//! One account, and what can be done about it.

use std::marker::PhantomData;
use std::sync::Arc;

use access_control::{ListApps, Permit, SignedIn};
use apps::App;
use catalogue::Service;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::{AccountId, Name, OrganizationId};
use integrations::{Account, AccountDescription, Disconnected, KnownService, Trial};
use maud::{Markup, html};
use schemars::JsonSchema;

use super::accounts::state;
use super::{Holder, connecting, service_of, usable_by};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{again, minute, page};

/// What people say of an account.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct DescriptionFields {
    name: String,
    usable_by: String,
    app: Option<String>,
    from_pages: Option<String>,
    version: Option<i64>,
}

/// Whether an account goes although the service does not revoke it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct DisconnectFields {
    anyway: Option<String>,
}

/// An account, as the person may see it.
pub(super) struct Known<H> {
    account: Account,
    known: Option<KnownService>,
    apps: Vec<App>,
    manages: bool,
    holder: PhantomData<H>,
}

impl<H: Holder> Known<H> {
    /// The account that the path names.
    pub(super) async fn read(
        console: &Console,
        person: &SignedIn,
        organization: OrganizationId,
        id: AccountId,
        call: &Call,
    ) -> Result<Self, Problem> {
        let permit: Permit<H::List> = console.permit(person, organization, call.now())?;
        let account = console.accounts.find(&permit, id, call.now()).await?;
        let known = service_of(console, organization, &account.service).await?;
        let apps = console.apps.list_visible(&permit.also::<ListApps>()?, call.now()).await?;
        let manages = permit.also::<H::Manage>().is_ok();
        Ok(Self { account, known, apps, manages, holder: PhantomData })
    }

    pub(super) fn service(&self) -> Option<&Service> {
        self.known.as_ref().map(|known| &*known.service)
    }

    pub(super) fn name(&self) -> &str {
        self.account.name.as_str()
    }

    /// The path of its page.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", H::base(self.account.organization), self.account.id)
    }

    /// The page, perhaps with what came of trying the account.
    pub(super) fn content(&self, trial: Option<Trial>) -> Markup {
        let (account, path) = (&self.account, self.path());
        html! {
            @if let Some(trial) = trial { (shown_trial(trial)) }
            @if let Some(cause) = account.state.cause() {
                p.bad role="alert" id="cause" data-cause=(cause.as_str()) { (cause.sentence()) }
            } @else if let Some(failure) = &account.failure {
                p.bad role="alert" id="failure" {
                    "Its tokens could not be replaced the last time (" code { (failure) } "). It is tried again."
                }
            }
            (self.facts())
            @if self.manages {
                form method="post" action={ (path) "/test" } { button type="submit" { "Test the account" } }
                details open[account.state.cause().is_some()] {
                    summary { "Connect again" }
                    p { "Its identifier stays, so that apps go on with it." }
                    @match self.service() {
                        Some(service) => (connecting::form_again::<H>(service, account)),
                        None => p.bad { "There is no service of this name any more." },
                    }
                }
                details {
                    summary { "Change" }
                    form method="post" action={ (path) "/edit" } {
                        input type="hidden" name="version" value=(account.version);
                        label { "Name" input name="name" required maxlength="100" value=(account.name); }
                        (usable_by::fields(&self.apps, &account.usable_by, account.from_pages))
                        button type="submit" { "Save" }
                    }
                }
                details {
                    summary { "Disconnect" }
                    form method="post" action={ (path) "/disconnect" } {
                        p { "It is revoked at the service first. Apps that use it fail from then on." }
                        label { span { input type="checkbox" name="anyway" value="on"; " Forget it also if the service does not revoke it" } }
                        button.bad type="submit" { "Disconnect " (account.name) }
                    }
                }
            }
            p { a href=(H::base(account.organization)) { (H::WORDS) } }
        }
    }

    fn facts(&self) -> Markup {
        let account = &self.account;
        let missing: Vec<_> = account.asked_scopes.difference(&account.scopes).cloned().collect();
        html! {
            dl id="account" {
                dt { "State" } dd { (state(account)) }
                dt { "Service" } dd {
                    @match self.service() {
                        Some(service) => a href=(super::service_path(account.organization, &account.service)) { (service.name) },
                        None => (account.service),
                    }
                }
                dt { "Identifier, for apps" } dd { code { (account.id) } }
                @for (key, value) in &account.values { dt { (key) } dd { (value) } }
                @if !account.scopes.is_empty() {
                    dt { "Scopes" } dd { @for scope in &account.scopes { code { (scope) } " " } }
                }
                @if !missing.is_empty() {
                    dt { "Asked for and not granted" } dd { @for scope in &missing { code { (scope) } " " } }
                }
                dt { "Usable by" } dd { (usable_by::shown(&self.apps, &account.usable_by, account.from_pages)) }
                dt { "Connected" } dd { (minute(account.consented_at)) }
                dt { "Tokens replaced" } dd { (account.generation.saturating_sub(1)) " times" }
                dt { "Changed" } dd { (minute(account.updated_at)) ", version " (account.version) }
            }
        }
    }
}

/// `/organizations/{organization_id}/accounts/{account_id}` and `…/own-accounts/{own_account_id}`
pub(crate) async fn show<H: Holder>(
    console: Arc<Console>,
    permit: Permit<H::List>,
    call: Call,
) -> Result<Answer, Problem> {
    let known =
        Known::<H>::read(&console, permit.actor(), permit.organization(), call.path(H::ID)?, &call).await?;
    Ok(page(known.name(), &known.content(None)))
}

/// Tries an account.
pub(crate) async fn test<H: Holder>(
    console: Arc<Console>,
    permit: Permit<H::Manage>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: AccountId = call.path(H::ID)?;
    let tried = console.accounts.test(&permit, id).await;
    // What was seen there may have changed its state.
    let known = Known::<H>::read(&console, permit.actor(), permit.organization(), id, &call).await?;
    match tried {
        Ok(trial) => Ok(page(known.name(), &known.content(Some(trial)))),
        Err(error) => refused(error.into(), &known),
    }
}

/// Changes what people say of an account.
pub(crate) async fn change<H: Holder>(
    console: Arc<Console>,
    permit: Permit<H::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = Fields::of(&mut call).await?;
    let id: AccountId = call.path(H::ID)?;
    let known = Known::<H>::read(&console, permit.actor(), permit.organization(), id, &call).await?;
    let changed = async {
        let name = fields.text("name").parse::<Name>();
        let name = name.map_err(|error| Problem::invalid("invalid_name", endpoint::sentence(&error)))?;
        let (usable_by, from_pages) = usable_by::given(&fields)?;
        let description = AccountDescription { name, usable_by, from_pages };
        let version = connecting::version(&fields)?;
        console.accounts.describe(&permit, id, description, version, call.occasion()).await?;
        Ok::<_, Problem>(())
    };
    match changed.await {
        Ok(()) => Ok(Answer::see_other(&known.path())),
        Err(problem) => refused(problem, &known),
    }
}

/// Revokes an account at its service, and forgets it.
pub(crate) async fn disconnect<H: Holder>(
    console: Arc<Console>,
    permit: Permit<H::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let anyway = Fields::of(&mut call).await?.text("anyway") == "on";
    let id: AccountId = call.path(H::ID)?;
    let known = Known::<H>::read(&console, permit.actor(), permit.organization(), id, &call).await?;
    let base = H::base(permit.organization());
    match console.accounts.disconnect(&permit, id, anyway, call.occasion()).await {
        Ok(Disconnected::Revoked) => Ok(Answer::see_other(&base)),
        Ok(done) => {
            let content = html! {
                p role="status" id="disconnected" data-outcome=(done.as_str()) {
                    "It is forgotten here, and not revoked: take the permission back at the service, or delete the key there."
                    @if let Some(reason) = done.reason() { " " (endpoint::sentence(&reason)) }
                }
                p { a href=(base) { (H::WORDS) } }
            };
            Ok(page(known.name(), &content))
        }
        Err(error) => refused(error.into(), &known),
    }
}

fn refused<H: Holder>(problem: Problem, known: &Known<H>) -> Result<Answer, Problem> {
    // What is not there is no matter of this page.
    if problem.status() == StatusCode::NOT_FOUND {
        return Err(problem);
    }
    again(problem, known.name(), &known.content(None))
}

fn shown_trial(trial: Trial) -> Markup {
    html! {
        @match trial {
            Trial::Works => p role="status" id="trial" { "The service took it." },
            Trial::Answered(status) => p.bad role="alert" id="trial" { "The service answered " (status) "." },
            Trial::NoAnswer(code) => p.bad role="alert" id="trial" data-code=(code) { "The service did not answer." },
            Trial::Untried => p role="status" id="trial" { "The entry of this service has no call to try it with." },
        }
    }
}
