//! Reading, listing and ending one's own sessions.

use access_control::{EndOwnSession, ListOwnSessions, Permit, ReadOwnSession};
use endpoint::{Answer, Call, Instant, Problem, SESSION_COOKIE};
use ids::{SessionId, UserId};
use revocations::ReceiptAnswer;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{EndedSessions, ListedSession, clear_cookie};

use super::Identity;

/// What existing apps read: names and spelling are fixed.
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
    created_at: Instant,
    updated_at: Instant,
    expires_at: Instant,
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
    created_at: Instant,
    last_seen_at: Instant,
    ends_at: Instant,
    current: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SignedOut {
    success: bool,
    #[serde(flatten)]
    receipt: ReceiptAnswer,
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
            created_at: session.created_at().into(),
            updated_at: session.last_seen_at().into(),
            expires_at: session.expires_at(identity.sessions.lifetimes()).into(),
            user_agent: session.user_agent().to_owned(),
        },
    }))
}

pub(super) async fn sign_out(
    identity: Identity,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    let ended = identity.sessions.end(&permit, permit.actor().session, call.id()).await?;
    let receipt = receipt(&identity, &ended).await;
    Ok(Answer::json(&SignedOut { success: true, receipt })
        .header("set-cookie", &clear_cookie(SESSION_COOKIE)))
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
    let ended = identity.sessions.end(&permit, id, call.id()).await?;
    let answer = Answer::json(&receipt(&identity, &ended).await);
    let own = id == permit.actor().session;
    Ok(if own { answer.header("set-cookie", &clear_cookie(SESSION_COOKIE)) } else { answer })
}

pub(super) async fn end_all(
    identity: Identity,
    permit: Permit<EndOwnSession>,
    call: Call,
) -> Result<Answer, Problem> {
    let ended = identity.sessions.end_all(&permit, call.id()).await?;
    let answer = Answer::json(&receipt(&identity, &ended).await);
    Ok(answer.header("set-cookie", &clear_cookie(SESSION_COOKIE)))
}

async fn receipt(identity: &Identity, ended: &EndedSessions) -> ReceiptAnswer {
    let receipt = identity.revocations.receipt(&ended.withdrawal).await;
    ReceiptAnswer::new(&receipt, ended.in_browsers, ended.api_tokens)
}

fn line(session: ListedSession) -> ListLine {
    ListLine {
        id: session.id,
        user_agent: session.user_agent,
        created_at: session.created_at.into(),
        last_seen_at: session.last_seen_at.into(),
        ends_at: session.ends_at.into(),
        current: session.current,
    }
}
