//! Where the person is signed in, and ending it.

use std::sync::Arc;

use access_control::{EndOwnSession, ListApiTokens, ListOwnSessions, Permit};
use endpoint::{Answer, Call, Problem, SESSION_COOKIE};
use identity::clear_cookie;
use ids::SessionId;
use maud::html;

use super::api_tokens;
use crate::Console;
use crate::layout::{minute, page};

/// `/sessions`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ListOwnSessions>,
    call: Call,
) -> Result<Answer, Problem> {
    let sessions = console.sessions.list(&permit, call.now()).await?;
    let tokens = console.permit::<ListApiTokens>(permit.actor(), (), call.now())?;
    let tokens = api_tokens::part(&console, &tokens, call.now()).await?;
    let content = html! {
        p { "Ending a session signs that browser out everywhere, at once." }
        table {
            tr { th { "Browser" } th { "Signed in" } th { "Last used" } th {} }
            @for session in &sessions {
                tr {
                    td {
                        (session.user_agent)
                        @if session.current { " " strong { "(this one)" } }
                    }
                    td { (minute(session.created_at)) }
                    td { (minute(session.last_seen_at)) }
                    td {
                        form.inline method="post" action={ "/sessions/" (session.id) "/end" } {
                            button.quiet type="submit" { "End" }
                        }
                    }
                }
            }
        }
        form method="post" action="/sessions/end-all" {
            button.bad type="submit" { "End all, this one and all API tokens included" }
        }
        (tokens)
    };
    Ok(page("Sessions", &content))
}

/// Ends one session.
pub(crate) async fn end_one(
    console: Arc<Console>,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: SessionId = call.path("session_id")?;
    console.sessions.end(&permit, id, call.id()).await?;
    Ok(if id == permit.actor().session { signed_out() } else { Answer::see_other("/sessions") })
}

/// Ends every session.
pub(crate) async fn end_all(
    console: Arc<Console>,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    console.sessions.end_all(&permit, call.id()).await?;
    Ok(signed_out())
}

fn signed_out() -> Answer {
    Answer::see_other("/login").header("set-cookie", &clear_cookie(SESSION_COOKIE))
}
