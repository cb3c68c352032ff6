//! Accepting an invitation.

use std::sync::Arc;

use access_control::{AcceptInvitation, OpenConsole, Permit};
use endpoint::{Answer, Call, Problem};
use maud::{Markup, html};
use schemars::JsonSchema;

use crate::Console;
use crate::layout::{again, page};

const TITLE: &str = "Invitation";

/// The secret from the link, in the query and then in the form.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct Wanted {
    token: String,
}

/// `/invitations/accept?token=…`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<OpenConsole>,
    call: Call,
) -> Result<Answer, Problem> {
    let token = call.query("token")?.ok_or_else(Problem::not_found)?;
    let person = console.users.person(permit.user()).await?;
    Ok(page(TITLE, &form(&token, person.email.as_str())))
}

/// `/invitations/accept`, the form.
pub(crate) async fn accept(
    console: Arc<Console>,
    permit: Permit<AcceptInvitation>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = call.form().await?;
    let token = fields.iter().find(|(key, _)| key == "token").map_or("", |(_, value)| value.as_str());
    let person = console.users.person(permit.user()).await?;
    match console.invitations.accept(&permit, call.id(), token, &person.email, call.now()).await {
        Ok(_) => Ok(Answer::see_other("/organizations")),
        Err(error) => again(error.into(), TITLE, &form(token, person.email.as_str())),
    }
}

fn form(token: &str, email: &str) -> Markup {
    html! {
        p { "You were invited to an organization. It holds for the e-mail address it was sent to; you are signed in as " strong id="person" { (email) } "." }
        form method="post" action="/invitations/accept" {
            input type="hidden" name="token" value=(token);
            button type="submit" { "Accept" }
        }
    }
}
