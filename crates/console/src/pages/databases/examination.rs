//! Whether a read-only connection really writes nothing: tried on the live connection.

use std::sync::Arc;

use access_control::{Permit, ProveReadOnly};
use databases::{Lock, ReadOnlyExamination};
use endpoint::{Answer, Call, Problem};
use maud::{Markup, html};

use super::{Known, unanswered};
use crate::Console;
use crate::layout::{page, page_with};

/// `/organizations/{organization_id}/databases/{connection_id}/read-only`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ProveReadOnly>,
    call: Call,
) -> Result<Answer, Problem> {
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    Ok(page(&title(&known), &begin(&known)))
}

/// Attempts to write, and says what held.
pub(crate) async fn examine(
    console: Arc<Console>,
    permit: Permit<ProveReadOnly>,
    call: Call,
) -> Result<Answer, Problem> {
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    match console.connections.examine_read_only(&permit, known.connection.id, call.occasion()).await {
        Ok(examined) => Ok(page(&title(&known), &html! { (report(&examined)) (begin(&known)) })),
        Err(error) => {
            let (status, said) = unanswered(error);
            Ok(page_with(status, &title(&known), &html! { (said) (begin(&known)) }))
        }
    }
}

fn title(known: &Known) -> String {
    format!("Does read-only hold for {}?", known.name())
}

fn begin(known: &Known) -> Markup {
    html! {
        p { "Several locks keep a read-only connection from writing. The examination asks the guard about statements that write, without sending them, and sends others to the server, in transactions that are rolled back: past the guard, with the transaction and the session left open in turn." }
        form method="post" action={ (known.path()) "/read-only" } {
            button type="submit" { "Examine now" }
        }
        p { a href=(known.path()) { (known.name()) } }
    }
}

fn report(examined: &ReadOnlyExamination) -> Markup {
    let refused = examined.judged().filter(|attempt| attempt.stopped_by.is_some()).count();
    let stopped = examined.sent().filter(|attempt| attempt.stopped_by.is_some()).count();
    html! {
        p id="examined" {
            @if examined.locks.iter().all(|lock| lock.holds) { "All locks hold." }
            @else { strong.bad { "Not all locks hold." } }
            " Server: " (examined.server)
        }
        table id="locks" {
            tr { th { "Lock" } th { "Holds" } th { "How that was seen" } }
            @for lock in &examined.locks {
                tr {
                    td { (words(lock.lock)) }
                    td { @if lock.holds { "yes" } @else { strong.bad { "no" } } }
                    td { (lock.evidence) }
                }
            }
        }
        h2 { "What the database's user may do by itself" }
        @if examined.privileges.is_empty() {
            p { "Nothing that writes was found." }
        } @else {
            ul { @for privilege in &examined.privileges { li { (privilege) } } }
        }
        h2 { "Attempts" }
        p {
            (examined.judged().count()) " statements were judged by the guard and sent nowhere: " (refused) " refused. "
            (examined.sent().count()) " attempts were sent to the server and rolled back: " (stopped) " stopped."
        }
        details {
            summary { "All attempts" }
            table id="attempts" {
                tr { th { "Statement" } th { "Sent" } th { "Without" } th { "Stopped by" } }
                @for attempt in &examined.attempts {
                    tr {
                        td { code { (attempt.statement) } }
                        td { @if attempt.sent { "yes" } @else { "no" } }
                        td { @for lock in &attempt.without { (words(*lock)) br; } }
                        td { @match attempt.stopped_by { Some(lock) => { (words(lock)) } None => { strong.bad { "nothing" } } } }
                    }
                }
            }
        }
    }
}

const fn words(lock: Lock) -> &'static str {
    match lock {
        Lock::Parser => "only reading statements pass",
        Lock::Functions => "no functions with effects",
        Lock::OneStatement => "one statement at a time",
        Lock::Transaction => "read-only transaction, rolled back",
        Lock::Session => "read-only session",
        Lock::Role => "the user has no right to write",
    }
}
