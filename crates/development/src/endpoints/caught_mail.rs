//! The pages of the mail catcher.

use std::sync::Arc;

use access_control::{Permit, UseDevelopmentIssuer};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem, Surface};
use maud::{Markup, html};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::{CaughtLetter, MailCatcher};

/// The mail catcher's pages, on the development provider's host.
#[must_use]
pub fn mail_endpoints(catcher: &MailCatcher) -> Vec<Endpoint> {
    let get = |path, name| {
        Endpoint::get(path, name).on(Surface::DevelopmentIssuer).requires::<UseDevelopmentIssuer>()
    };
    vec![
        get("/mail", "list_caught_letters").gives_page().answers(catcher.clone(), list),
        get("/mail/{letter}", "show_caught_letter")
            .gives_page()
            .refuses(&[StatusCode::NOT_FOUND])
            .answers(catcher.clone(), show),
        get("/mail/{letter}/source", "read_caught_letter")
            .gives_media("text/plain; charset=utf-8")
            .refuses(&[StatusCode::NOT_FOUND])
            .answers(catcher.clone(), source),
    ]
}

type Anybody = Permit<UseDevelopmentIssuer>;

async fn list(catcher: MailCatcher, _: Anybody, _: Call) -> Result<Answer, Problem> {
    let letters = catcher.letters();
    let content = html! {
        h1 { "Caught letters" }
        p { "Letters of the development platform come here and go no further. The last 100 are kept until it stops." }
        @if letters.is_empty() {
            p { "There is none yet." }
        } @else {
            table {
                tr { th { "To" } th { "Subject" } th { "When" } }
                @for letter in &letters {
                    tr {
                        td { (letter.to.join(", ")) }
                        td { a href={ "/mail/" (letter.number) } { (letter.subject()) } }
                        td { (second(letter.at)) }
                    }
                }
            }
        }
    };
    Ok(Answer::page(StatusCode::OK, endpoint::page("Caught letters", content)))
}

async fn show(catcher: MailCatcher, _: Anybody, call: Call) -> Result<Answer, Problem> {
    let letter = find(&catcher, &call)?;
    let content = html! {
        h1 { (letter.subject()) }
        dl {
            dt { "From" } dd { (letter.from) }
            dt { "To" } dd { (letter.to.join(", ")) }
            dt { "Caught" } dd { (second(letter.at)) }
        }
        pre id="text" { (with_links(&letter.text())) }
        p { a href={ "/mail/" (letter.number) "/source" } { "Source" } " · " a href="/mail" { "All letters" } }
    };
    Ok(Answer::page(StatusCode::OK, endpoint::page(&letter.subject(), content)))
}

async fn source(catcher: MailCatcher, _: Anybody, call: Call) -> Result<Answer, Problem> {
    let letter = find(&catcher, &call)?;
    Ok(Answer::bytes(StatusCode::OK, "text/plain; charset=utf-8", letter.source.clone()))
}

/// A letter by its number, or the newest, for scripts.
fn find(catcher: &MailCatcher, call: &Call) -> Result<Arc<CaughtLetter>, Problem> {
    let found = match call.path_text("letter") {
        Some("newest") => catcher.letters().into_iter().next(),
        _ => catcher.letter(call.path("letter")?),
    };
    found.ok_or_else(Problem::not_found)
}

/// A text whose lines that are addresses can be followed.
fn with_links(text: &str) -> Markup {
    html! {
        @for line in text.lines() {
            @if line.starts_with("https://") { a href=(line) { (line) } } @else { (line) }
            "\n"
        }
    }
}

fn second(at: OffsetDateTime) -> String {
    at.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC")).unwrap_or_default()
}
