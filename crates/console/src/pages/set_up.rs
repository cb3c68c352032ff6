//! The set-up code, which makes the first organization's Owner.

use std::sync::Arc;

use access_control::{CompleteSetUp, OpenConsole, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::{Name, NameError, OrganizationSlug};
use maud::{Markup, html};
use schemars::JsonSchema;

use crate::Console;
use crate::layout::{again, page, page_with};

const TITLE: &str = "Set up the platform";

/// What is filled in.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct Fields {
    code: String,
    slug: OrganizationSlug,
    name: Name,
}

/// `/set-up`
pub(crate) async fn show(console: Arc<Console>, _: Permit<OpenConsole>, _: Call) -> Result<Answer, Problem> {
    if !console.set_up.is_pending().await? {
        let content = html! { p { "This platform is set up already. " a href="/apps" { "To the apps" } } };
        return Ok(page_with(StatusCode::OK, TITLE, &content));
    }
    Ok(page(TITLE, &form("", "", "")))
}

/// `/set-up`, the form.
pub(crate) async fn complete(
    console: Arc<Console>,
    permit: Permit<CompleteSetUp>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = call.form().await?;
    let field = |name: &str| {
        fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.trim()).to_owned()
    };
    let (code, slug, name) = (field("code"), field("slug"), field("name"));
    let made = async {
        let slug: OrganizationSlug = slug
            .parse()
            .map_err(|error: ids::SlugError| Problem::invalid("invalid_slug", error.to_string()))?;
        let name: Name =
            name.parse().map_err(|error: NameError| Problem::invalid("invalid_name", error.to_string()))?;
        console.set_up.create_first(&permit, call.id(), &code, slug, name).await.map_err(Problem::from)
    };
    match made.await {
        Ok(_) => Ok(Answer::see_other("/organizations")),
        Err(problem) => again(problem, TITLE, &form(&code, &slug, &name)),
    }
}

fn form(code: &str, slug: &str, name: &str) -> Markup {
    html! {
        p { "The platform printed a set-up code in its log when it started. Whoever enters it becomes the Owner of the first organization." }
        form method="post" action="/set-up" {
            label { "Set-up code" input name="code" value=(code) required autocomplete="off"; }
            label { "Name of the organization" input name="name" value=(name) required maxlength="100"; }
            label {
                "Short name, part of every app's address"
                input name="slug" value=(slug) required maxlength="40" pattern="[a-z0-9]+(-[a-z0-9]+)*";
            }
            button type="submit" { "Set up" }
        }
    }
}
