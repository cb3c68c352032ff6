//! Connecting accounts: with what people give here, or at the service.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_control::{Permit, UsableBy};
use apps::App;
use catalogue::{Authentication, Service, Values};
use endpoint::{Answer, Call, Problem};
use ids::{AccountId, Name, OrganizationId};
use integrations::{Account, AccountDescription, BegunAttempt, GivenAccount, GivenAttempt};
use maud::{Markup, html};
use schemars::JsonSchema;
use service_client::{SecretText, Secrets, asked_secrets};

use super::account::Known;
use super::service::Shown;
use super::{Holder, refused, usable_by};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{minute, page};

/// An account to connect. Of what the service asks, values are `value_…` and secrets `secret_…`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct ConnectFields {
    name: Option<String>,
    scopes: Option<String>,
    usable_by: Option<String>,
    app: Option<String>,
    from_pages: Option<String>,
}

/// The form for a new account.
pub(super) fn form<H: Holder>(organization: OrganizationId, service: &Service, apps: &[App]) -> Markup {
    let path = super::service_path(organization, &service.id);
    html! {
        form method="post" action={ (path) "/" (H::SEGMENT) } autocomplete="off" {
            label { "Name, as people call it" input name="name" required maxlength="100" autocomplete="off" value=(service.name); }
            (asked(service, None))
            (usable_by::fields(apps, &UsableBy::EveryApp, false))
            button type="submit" { @if service.authentication.needs_client() { "Go to " (service.name) } @else { "Connect" } }
        }
    }
}

/// The form to connect one again.
pub(super) fn form_again<H: Holder>(service: &Service, account: &Account) -> Markup {
    let path = format!("{}/{}", H::base(account.organization), account.id);
    html! {
        form method="post" action={ (path) "/reconnect" } autocomplete="off" {
            (asked(service, Some(account)))
            button type="submit" { @if service.authentication.needs_client() { "Go to " (service.name) } @else { "Connect again" } }
        }
    }
}

/// What the service asks.
fn asked(service: &Service, account: Option<&Account>) -> Markup {
    html! {
        @for variable in &service.variables {
            @let known = account.and_then(|account| account.values.get(&variable.key));
            @if known.is_none() {
                label {
                    (variable.label)
                    @if let Some(example) = &variable.example { ", such as " (example) }
                    input name={ "value_" (variable.key) } required[variable.default.is_none()] maxlength="2000" spellcheck="false" value=(variable.default.as_deref().unwrap_or_default());
                }
            }
        }
        @for secret in asked_secrets(&service.authentication) {
            label {
                (secret.label)
                @if secret.optional { ", if there is one" }
                @if secret.lines {
                    textarea name={ "secret_" (secret.name) } rows="4" required[!secret.optional] autocomplete="off" spellcheck="false" autocapitalize="off" {}
                } @else {
                    input type=(if secret.shown { "text" } else { "password" }) name={ "secret_" (secret.name) } required[!secret.optional] autocomplete="off" spellcheck="false";
                }
            }
        }
        @if let Authentication::Oauth2Code(code) = &service.authentication {
            @let before = account.map(|account| account.asked_scopes.iter().cloned().collect::<Vec<_>>().join(" "));
            details {
                summary { "Scopes" }
                label {
                    "Scopes to ask for, with spaces between them; empty: those of the registration, or " (code.default_scopes.join(" "))
                    input name="scopes" maxlength="4000" spellcheck="false" value=(before.unwrap_or_default());
                }
            }
        }
    }
}

/// Connects an account, or leads to the service.
pub(crate) async fn connect<H: Holder>(
    console: Arc<Console>,
    permit: Permit<H::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let shown = Shown::read(&console, permit.actor(), permit.organization(), &call).await?;
    let service = &shown.offered.known.service;
    let begun = async {
        let (usable_by, from_pages) = usable_by::given(&fields)?;
        let name = fields.text("name").parse::<Name>();
        let name = name.map_err(|error| Problem::invalid("invalid_name", endpoint::sentence(&error)))?;
        let description = AccountDescription { name, usable_by, from_pages };
        let (service_key, values) = (service.id.clone(), values(service, &fields));
        if service.authentication.needs_client() {
            let given = GivenAttempt {
                service: service_key,
                description,
                values,
                scopes: scopes(&fields),
                return_to: Some(H::base(permit.organization())),
            };
            Ok(Some(console.connect_attempts.begin(&permit, given, call.occasion()).await?))
        } else {
            let secrets = secrets(service, &mut fields)?;
            let given = GivenAccount { service: service_key, description, values, secrets, tested: true };
            console.accounts.connect(&permit, given, call.occasion()).await?;
            Ok(None)
        }
    };
    match begun.await {
        Ok(Some(begun)) => Ok(leave(service, &begun)),
        Ok(None) => Ok(Answer::see_other(&H::base(permit.organization()))),
        Err(problem) => {
            refused(problem, (permit.organization(), permit.role()), shown.name(), &shown.content(&call))
        }
    }
}

/// Connects an account again, or leads to the service.
pub(crate) async fn reconnect<H: Holder>(
    console: Arc<Console>,
    permit: Permit<H::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let id: AccountId = call.path(H::ID)?;
    let known = Known::<H>::read(&console, permit.actor(), permit.organization(), id, &call).await?;
    let Some(service) = known.service() else {
        return Err(Problem::conflict("unknown_service", "There is no service of this name any more."));
    };
    let begun = async {
        let values = values(service, &fields);
        if service.authentication.needs_client() {
            let back = Some(known.path());
            let scopes = scopes(&fields);
            let attempts = &console.connect_attempts;
            Ok(Some(attempts.begin_again(&permit, id, values, scopes, back, call.occasion()).await?))
        } else {
            let secrets = secrets(service, &mut fields)?;
            console.accounts.prove_again(&permit, id, values, secrets, true, call.occasion()).await?;
            Ok(None)
        }
    };
    match begun.await {
        Ok(Some(begun)) => Ok(leave(service, &begun)),
        Ok(None) => Ok(Answer::see_other(&known.path())),
        Err(problem) => {
            refused(problem, (permit.organization(), permit.role()), known.name(), &known.content(None))
        }
    }
}

/// The way to the service: a link, since a form that leads to another site is nothing that a page of ours sends.
fn leave(service: &Service, begun: &BegunAttempt) -> Answer {
    let host = begun.url.host_str().unwrap_or_default();
    let content = html! {
        p { "You decide at " strong { (host) } " what may be done there. Be back until " (minute(begun.expires_at)) ", in this browser." }
        p { a.button id="leave" href=(begun.url) rel="noreferrer" { "Go on to " (service.name) } }
    };
    page(&format!("Connect {}", service.name), &content)
}

fn values(service: &Service, fields: &Fields) -> Values {
    let given = |key: &String| {
        let text = fields.text(&format!("value_{key}"));
        (!text.is_empty()).then(|| (key.clone(), text.to_owned()))
    };
    service.variables.iter().filter_map(|variable| given(&variable.key)).collect()
}

fn secrets(service: &Service, fields: &mut Fields) -> Result<Secrets, Problem> {
    let mut secrets = Secrets::new();
    for asked in asked_secrets(&service.authentication) {
        if let Some(secret) = fields.take_secret(&format!("secret_{}", asked.name)) {
            let text = SecretText::try_from(secret);
            let text = text.map_err(|_| Problem::invalid("invalid_account", "A secret is no text."))?;
            secrets.insert(asked.name, text);
        }
    }
    Ok(secrets)
}

fn scopes(fields: &Fields) -> Option<BTreeSet<String>> {
    let scopes: BTreeSet<String> = fields.text("scopes").split_whitespace().map(str::to_owned).collect();
    Some(scopes).filter(|scopes| !scopes.is_empty())
}

/// The version that a form was filled in for.
pub(super) fn version(fields: &Fields) -> Result<Option<i64>, Problem> {
    if fields.text("version").is_empty() { Ok(None) } else { fields.number("version").map(Some) }
}
