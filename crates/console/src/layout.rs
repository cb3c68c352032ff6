//! What every page of the console has around it.

use endpoint::http::StatusCode;
use endpoint::{Answer, Problem};
use maud::{Markup, html};
use time::OffsetDateTime;
use time::macros::format_description;

/// A page with the console's navigation.
pub(crate) fn page(title: &str, content: &Markup) -> Answer {
    page_with(StatusCode::OK, title, content)
}

/// A page with another status than 200.
pub(crate) fn page_with(status: StatusCode, title: &str, content: &Markup) -> Answer {
    let whole = html! {
        nav {
            a href="/apps" { "Apps" }
            a href="/organizations" { "Organizations" }
            a href="/sessions" { "Sessions" }
            form.inline method="post" action="/logout" {
                button.quiet type="submit" id="sign-out" { "Sign out" }
            }
        }
        h1 { (title) }
        (content)
    };
    Answer::page(status, endpoint::page(title, whole))
}

/// Shows a form again, with what was wrong about it. Only what the person can act on is shown there.
pub(crate) fn again(problem: Problem, title: &str, form: &Markup) -> Result<Answer, Problem> {
    if problem.status().is_server_error() {
        return Err(problem);
    }
    let content = html! {
        p.bad role="alert" id="problem" { (problem.detail()) }
        (form)
    };
    Ok(page_with(problem.status(), title, &content))
}

/// An instant as people read it, to the second.
pub(crate) fn second(instant: OffsetDateTime) -> String {
    instant
        .format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC"))
        .unwrap_or_default()
}

/// An instant as people read it.
pub(crate) fn minute(instant: OffsetDateTime) -> String {
    instant.format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC")).unwrap_or_default()
}
