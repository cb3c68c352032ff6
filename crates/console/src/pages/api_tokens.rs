//! The person's API tokens: on the page about sessions, and the page that shows a new one.

use std::sync::Arc;

use access_control::{ListApiTokens, ManageApiTokens, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use identity::{ApiToken, ApiTokenLife, NewApiToken};
use ids::{Name, NameError, SessionId};
use maud::{Markup, html};
use schemars::JsonSchema;
use time::OffsetDateTime;

use crate::Console;
use crate::layout::{again, minute, page_with};

const TITLE: &str = "New API token";

/// What is filled in.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct Fields {
    name: Name,
    #[schemars(range(min = 1, max = 90))]
    expires_in_days: u8,
}

/// The part of the page about sessions.
pub(super) async fn part(
    console: &Console,
    permit: &Permit<ListApiTokens>,
    now: OffsetDateTime,
) -> Result<Markup, Problem> {
    let tokens = console.api_tokens.list(permit, now).await?;
    Ok(html! {
        h2 id="api-tokens" { "API tokens" }
        p { "A program that has one may do on the platform what you may do. It opens no apps." }
        @if !tokens.is_empty() {
            table {
                tr { th { "Name" } th { "Made" } th { "Last used" } th { "Expires" } th {} }
                @for token in &tokens { (row(token)) }
            }
        }
        (form("", ApiTokenLife::USUAL.days().to_string().as_str()))
    })
}

fn row(token: &ApiToken) -> Markup {
    html! {
        tr {
            td { (token.name) }
            td { (minute(token.created_at)) }
            td { (minute(token.last_seen_at)) }
            td { (minute(token.expires_at)) }
            td {
                form.inline method="post" action={ "/api-tokens/" (token.id) "/revoke" } {
                    button.quiet type="submit" { "Revoke" }
                }
            }
        }
    }
}

fn form(name: &str, days: &str) -> Markup {
    html! {
        form method="post" action="/api-tokens" {
            label { "Name" input name="name" value=(name) required maxlength="100"; }
            label {
                "Days until it expires"
                input type="number" name="expires_in_days" value=(days) required
                    min=(ApiTokenLife::SHORTEST) max=(ApiTokenLife::LONGEST);
            }
            button type="submit" { "Make a token" }
        }
    }
}

/// Makes a token, and shows its value this once.
pub(crate) async fn make(
    console: Arc<Console>,
    permit: Permit<ManageApiTokens>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = call.form().await?;
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim()).to_owned()
    };
    let (name, days) = (field("name"), field("expires_in_days"));
    let made = async {
        let name: Name =
            name.parse().map_err(|error: NameError| Problem::invalid("invalid_name", error.to_string()))?;
        let life = days.parse().ok().and_then(|days: u8| ApiTokenLife::try_from(days).ok());
        let life =
            life.ok_or_else(|| Problem::invalid("invalid_days", "A token counts for 1 to 90 whole days."))?;
        let new = NewApiToken { name, life };
        console.api_tokens.make(&permit, new, call.id(), call.now()).await.map_err(Problem::from)
    };
    match made.await {
        Ok(made) => {
            let content = html! {
                p { "This is the only time that it is shown. Copy it now; whoever has it may do what you may do." }
                p { code id="api-token" { (made.text.reveal()) } }
                p { "It expires " (minute(made.token.expires_at)) ". " a href="/sessions" { "To your sessions" } }
            };
            Ok(page_with(StatusCode::OK, TITLE, &content))
        }
        Err(problem) => again(problem, TITLE, &form(&name, &days)),
    }
}

/// Revokes a token.
pub(crate) async fn revoke(
    console: Arc<Console>,
    permit: Permit<ManageApiTokens>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: SessionId = call.path("api_token_id")?;
    console.api_tokens.revoke(&permit, id, call.id()).await?;
    Ok(Answer::see_other("/sessions"))
}
