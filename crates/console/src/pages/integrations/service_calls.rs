//! Which services apps and people called.

use std::collections::BTreeMap;
use std::sync::Arc;

use access_control::{ListApps, ListServiceCalls, Permit, ReadOrganization};
use endpoint::{Answer, Call, PagingParameters, Problem};
use ids::{AppId, UserId};
use integrations::{CallOutcome, CalledWith, SERVICE_CALL_RETENTION, ServiceCall, ServiceCallFilter};
use maud::{Markup, html};
use schemars::JsonSchema;

use super::home;
use crate::Console;
use crate::layout::{page, second};

/// What the list is narrowed to.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct CallParameters {
    app: Option<String>,
    service: Option<String>,
    outcome: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

/// Names in place of identifiers.
struct Names {
    apps: BTreeMap<AppId, String>,
    people: BTreeMap<UserId, String>,
}

/// `/organizations/{organization_id}/service-calls`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListServiceCalls>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let given = |name| Ok::<_, Problem>(call.query(name)?.filter(|text| !text.is_empty()));
    let outcome = given("outcome")?
        .map(|text| CallOutcome::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(unknown));
    let filter = ServiceCallFilter {
        app: given("app")?.map(|text| text.parse().map_err(|_| unknown())).transpose()?,
        service: given("service")?,
        outcome: outcome.transpose()?,
        ..ServiceCallFilter::default()
    };
    let most = paging.limit.saturating_add(1);
    let mut calls = console.service_calls.list(&permit, &filter, paging.after()?, most).await?;
    let next_cursor = paging.cut(&mut calls, |call| call.id.to_string());
    let apps = console.apps.list_visible(&permit.also::<ListApps>()?, call.now()).await?;
    let mut people: Vec<UserId> = calls.iter().filter_map(|call| call.called.user).collect();
    people.sort_unstable();
    people.dedup();
    let people = console.users.people(&people).await?;
    let names = Names {
        apps: apps.into_iter().map(|app| (app.id, app.name.to_string())).collect(),
        people: people.into_iter().map(|person| (person.id, person.name.to_string())).collect(),
    };
    let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
    let home = home(organization.id);
    let content = html! {
        p { "One line for each second, app, person, account, method, host and outcome, kept for " (SERVICE_CALL_RETENTION.whole_days()) " days. Paths, headers and bodies are not kept." }
        (search(&home, &filter, &names))
        @if calls.is_empty() {
            p.quiet { "Nothing was called." }
        } @else {
            table id="service-calls" {
                tr { th { "When" } th { "App" } th { "Service" } th { "Call" } th { "Outcome" } th { "Longest" } }
                @for call in &calls { (row(call, &names)) }
            }
        }
        @if let Some(cursor) = &next_cursor {
            p { a href={ (home) "/service-calls?" (following(&filter, cursor)) } { "Earlier ones" } }
        }
        p { a href={ (home) "/services" } { "Services" } " · " a href=(home) { (organization.name) } }
    };
    Ok(page(&format!("Calls of services from {}", organization.name), &content))
}

fn search(home: &str, filter: &ServiceCallFilter, names: &Names) -> Markup {
    html! {
        form method="get" action={ (home) "/service-calls" } {
            label {
                "App"
                select name="app" {
                    option value="" { "all" }
                    @for (id, name) in &names.apps { option value=(id) selected[filter.app == Some(*id)] { (name) } }
                }
            }
            label { "Service, by its name in the API" input name="service" maxlength="100" value=(filter.service.as_deref().unwrap_or_default()); }
            label {
                "Outcome"
                select name="outcome" {
                    option value="" { "all" }
                    @for known in CallOutcome::ALL { option value=(known.as_str()) selected[filter.outcome == Some(known)] { (words(known)) } }
                }
            }
            button.quiet type="submit" { "Search" }
        }
    }
}

fn row(call: &ServiceCall, names: &Names) -> Markup {
    let called = &call.called;
    html! {
        tr {
            td { (second(call.at)) }
            td {
                @match names.apps.get(&called.app) { Some(name) => { (name) } None => { (called.app) } }
                br; small.quiet {
                    (called.via.as_str())
                    @if let Some(user) = called.user {
                        ", " @match names.people.get(&user) { Some(name) => { (name) } None => { (user) } }
                    }
                }
            }
            td {
                (called.service)
                br; small.quiet {
                    @match called.with {
                        CalledWith::Account(id) => code { (id) },
                        CalledWith::CustomApi(id) => code { (id) },
                    }
                }
            }
            td { (called.method) " " (called.host) }
            td {
                (words(call.outcome))
                @if let Some(status) = call.status { " (" (status) ")" }
                @if call.count > 1 { br; small.quiet { (call.count) " times" } }
            }
            td { (call.longest.as_millis()) " ms" }
        }
    }
}

/// The query string of the next piece.
fn following(filter: &ServiceCallFilter, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Some(app) = filter.app {
        query.append_pair("app", &app.to_string());
    }
    if let Some(service) = &filter.service {
        query.append_pair("service", service);
    }
    if let Some(outcome) = filter.outcome {
        query.append_pair("outcome", outcome.as_str());
    }
    query.append_pair("cursor", cursor).finish()
}

fn unknown() -> Problem {
    Problem::invalid("invalid_search", "Search for what the form offers.")
}

const fn words(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Answered => "answered",
        CallOutcome::Refused => "refused by the service",
        CallOutcome::Limited => "too many for the service",
        CallOutcome::Invalid => "not understood or not allowed",
        CallOutcome::Busy => "found no turn",
        CallOutcome::NeedsReconnect => "the account has to be connected again",
        CallOutcome::Unreachable => "could not be sent",
        CallOutcome::TimedOut => "took too long",
        CallOutcome::Capped => "too large an answer",
        CallOutcome::BrokeOff => "connection broke",
        CallOutcome::Abandoned => "nobody waited",
    }
}
