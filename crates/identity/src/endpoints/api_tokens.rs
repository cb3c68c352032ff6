//! Making, listing and revoking one's own API tokens.

use access_control::{ListApiTokens, ManageApiTokens, Permit};
use endpoint::{Answer, Call, Instant, Problem};
use ids::{Name, SessionId};
use revocations::ReceiptAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Identity;
use crate::{ApiToken, ApiTokenLife, NewApiToken};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct MakeBody {
    /// What to call it.
    name: Name,
    /// How many days it counts, whatever the use.
    #[serde(default = "usual")]
    #[schemars(range(min = 1, max = 90))]
    expires_in_days: u8,
}

fn usual() -> u8 {
    ApiTokenLife::USUAL.days()
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenAnswer {
    id: SessionId,
    name: Name,
    created_at: Instant,
    last_seen_at: Instant,
    expires_at: Instant,
    /// Only in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListAnswer {
    api_tokens: Vec<TokenAnswer>,
}

impl TokenAnswer {
    fn new(token: ApiToken, value: Option<String>) -> Self {
        Self {
            id: token.id,
            name: token.name,
            created_at: token.created_at.into(),
            last_seen_at: token.last_seen_at.into(),
            expires_at: token.expires_at.into(),
            value,
        }
    }
}

pub(super) async fn list(
    identity: Identity,
    permit: Permit<ListApiTokens>,
    call: Call,
) -> Result<Answer, Problem> {
    let tokens = identity.api_tokens.list(&permit, call.now()).await?;
    let api_tokens = tokens.into_iter().map(|token| TokenAnswer::new(token, None)).collect();
    Ok(Answer::json(&ListAnswer { api_tokens }))
}

pub(super) async fn make(
    identity: Identity,
    permit: Permit<ManageApiTokens>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: MakeBody = call.json().await?;
    let life = ApiTokenLife::try_from(body.expires_in_days)
        .map_err(|error| Problem::invalid("invalid_body", format!("expiresInDays: {error}.")))?;
    let new = NewApiToken { name: body.name, life };
    let made = identity.api_tokens.make(&permit, new, call.id(), call.now()).await?;
    Ok(Answer::created(&TokenAnswer::new(made.token, Some(made.text.reveal().to_owned()))))
}

pub(super) async fn revoke(
    identity: Identity,
    permit: Permit<ManageApiTokens>,
    call: Call,
) -> Result<Answer, Problem> {
    let withdrawal = identity.api_tokens.revoke(&permit, call.path("api_token_id")?, call.id()).await?;
    let receipt = identity.revocations.receipt(&withdrawal).await;
    Ok(Answer::json(&ReceiptAnswer::new(&receipt, 0, 1)))
}
