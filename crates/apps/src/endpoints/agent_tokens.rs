//! Issuing, listing and revoking agent tokens; and what one is for, for whoever holds it.

use access_control::{IdentifyAgent, ListAgentTokens, ManageAgentTokens, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, Problem};
use ids::{AgentTokenId, AppId, OrganizationId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::invalid;
use crate::{AgentToken, AgentTokenLife, AgentTokens, AppError};

pub fn endpoints(tokens: &AgentTokens) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/apps/{app_id}/agent-tokens", "list_agent_tokens")
            .requires::<ListAgentTokens>()
            .gives::<Vec<TokenAnswer<'_>>>(StatusCode::OK)
            .answers(tokens.clone(), list),
        Endpoint::post("/api/v1/apps/{app_id}/agent-tokens", "issue_agent_token")
            .requires::<ManageAgentTokens>()
            .takes::<IssueBody>()
            .gives::<TokenAnswer<'_>>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(tokens.clone(), issue),
        Endpoint::delete("/api/v1/apps/{app_id}/agent-tokens/{agent_token_id}", "revoke_agent_token")
            .requires::<ManageAgentTokens>()
            .gives_nothing()
            .answers(tokens.clone(), revoke),
        Endpoint::get("/api/v1/agent", "identify_agent")
            .requires::<IdentifyAgent>()
            .gives::<AgentAnswer>(StatusCode::OK)
            .answers(tokens.clone(), identify),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct IssueBody {
    /// How many minutes it counts, whatever the use.
    #[serde(default = "usual")]
    #[schemars(range(min = 1, max = 1440))]
    expires_in_minutes: u16,
}

fn usual() -> u16 {
    AgentTokenLife::USUAL.minutes()
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TokenAnswer<'a> {
    id: AgentTokenId,
    issued_by: UserId,
    created_at: Instant,
    expires_at: Instant,
    /// Only in the answer that issues it.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

impl<'a> TokenAnswer<'a> {
    fn new(token: &AgentToken, value: Option<&'a str>) -> Self {
        Self {
            id: token.id,
            issued_by: token.issued_by.user,
            created_at: token.created_at.into(),
            expires_at: token.expires_at.into(),
            value,
        }
    }
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AgentAnswer {
    app: AppId,
    organization: OrganizationId,
    issued_by: UserId,
    expires_at: Instant,
}

async fn list(tokens: AgentTokens, permit: Permit<ListAgentTokens>, call: Call) -> Result<Answer, Problem> {
    let found = tokens.list(&permit, call.occasion()).await?;
    Ok(Answer::json(&found.iter().map(|token| TokenAnswer::new(token, None)).collect::<Vec<_>>()))
}

async fn issue(
    tokens: AgentTokens,
    permit: Permit<ManageAgentTokens>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: IssueBody = call.json().await?;
    let life =
        AgentTokenLife::try_from(body.expires_in_minutes).map_err(|error| invalid("invalid_body")(&error))?;
    let issued = tokens.issue(&permit, life, call.occasion()).await?;
    Ok(Answer::created(&TokenAnswer::new(&issued.token, Some(issued.text.reveal()))))
}

async fn revoke(
    tokens: AgentTokens,
    permit: Permit<ManageAgentTokens>,
    call: Call,
) -> Result<Answer, Problem> {
    tokens.revoke(&permit, call.path("agent_token_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}

async fn identify(tokens: AgentTokens, permit: Permit<IdentifyAgent>, _: Call) -> Result<Answer, Problem> {
    let token = match tokens.presented(&permit).await {
        Ok(token) => token,
        Err(AppError::NotFound) => return Err(Problem::unauthenticated()),
        Err(error) => return Err(error.into()),
    };
    let agent = permit.agent();
    Ok(Answer::json(&AgentAnswer {
        app: agent.app,
        organization: agent.organization,
        issued_by: token.issued_by.user,
        expires_at: token.expires_at.into(),
    }))
}
