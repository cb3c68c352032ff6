//! Reading, listing and ending one's own sessions.

use access_control::{EndOwnSession, ListOwnSessions, Permit, ReadOwnSession};
use endpoint::{Answer, Call, Instant, Problem, SESSION_COOKIE};
use ids::{SessionId, UserId};
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::{ListedSession, clear_cookie};

use super::Identity;

/// What existing apps read (product.md, section 5): names and spelling are fixed.
#[derive(Serialize, JsonSchema)]
pub(super) struct SessionAnswer {
    user: UserAnswer,
    session: SessionFields,
}

#[derive(Serialize, JsonSchema)]
struct UserAnswer {
    id: UserId,
    name: String,
    email: String,
    image: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SessionFields {
    id: SessionId,
    user_id: UserId,
    #[schemars(with = "Instant")]
    created_at: String,
    #[schemars(with = "Instant")]
    updated_at: String,
    #[schemars(with = "Instant")]
    expires_at: String,
    user_agent: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ListAnswer {
    sessions: Vec<ListLine>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListLine {
    id: SessionId,
    user_agent: String,
    #[schemars(with = "Instant")]
    created_at: String,
    #[schemars(with = "Instant")]
    last_seen_at: String,
    #[schemars(with = "Instant")]
    ends_at: String,
    current: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SignedOut {
    success: bool,
}

pub(super) async fn read(
    identity: Identity,
    permit: Permit<ReadOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    let session = identity.sessions.find(permit.actor().session, call.now()).await?;
    let person = session.person();
    Ok(Answer::json(&SessionAnswer {
        user: UserAnswer {
            id: person.id,
            name: person.name.clone(),
            email: person.email.to_string(),
            image: person.picture.clone(),
        },
        session: SessionFields {
            id: permit.actor().session,
            user_id: person.id,
            created_at: instant(session.created_at()),
            updated_at: instant(session.last_seen_at()),
            expires_at: instant(session.expires_at(identity.sessions.lifetimes())),
            user_agent: session.user_agent().to_owned(),
        },
    }))
}

pub(super) async fn sign_out(
    identity: Identity,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    identity.sessions.end(&permit, permit.actor().session, call.id()).await?;
    Ok(Answer::json(&SignedOut { success: true }).header("set-cookie", &clear_cookie(SESSION_COOKIE)))
}

pub(super) async fn sign_out_page(
    identity: Identity,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    identity.sessions.end(&permit, permit.actor().session, call.id()).await?;
    Ok(Answer::see_other("/login").header("set-cookie", &clear_cookie(SESSION_COOKIE)))
}

pub(super) async fn list(
    identity: Identity,
    permit: Permit<ListOwnSessions>,
    call: Call,
) -> Result<Answer, Problem> {
    let sessions = identity.sessions.list(&permit, call.now()).await?;
    Ok(Answer::json(&ListAnswer { sessions: sessions.into_iter().map(line).collect() }))
}

pub(super) async fn end(
    identity: Identity,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: SessionId = call.path("session_id")?;
    identity.sessions.end(&permit, id, call.id()).await?;
    let answer = Answer::no_content();
    let own = id == permit.actor().session;
    Ok(if own { answer.header("set-cookie", &clear_cookie(SESSION_COOKIE)) } else { answer })
}

pub(super) async fn end_all(
    identity: Identity,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    identity.sessions.end_all(&permit, call.id()).await?;
    Ok(Answer::no_content().header("set-cookie", &clear_cookie(SESSION_COOKIE)))
}

fn line(session: ListedSession) -> ListLine {
    ListLine {
        id: session.id,
        user_agent: session.user_agent,
        created_at: instant(session.created_at),
        last_seen_at: instant(session.last_seen_at),
        ends_at: instant(session.ends_at),
        current: session.current,
    }
}

const INSTANT: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// ISO 8601 in UTC with milliseconds, as everywhere on the wire.
pub(super) fn instant(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(INSTANT).unwrap_or_default()
}
