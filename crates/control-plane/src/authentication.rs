//! Credentials into principals: sessions and API tokens from identity, server secrets and agent tokens from
//! apps.

use std::sync::Arc;

use access_control::{AgentCredential, AppCredential, Principal, ReadApp, Refusal, SignedIn, authorize};
use apps::{AgentTokens, ServerSecrets};
use async_trait::async_trait;
use directory::Directory;
use endpoint::{Authenticator, Rejected};
use identity::{ApiTokens, CookieHost, Sessions, UserTokens};
use ids::AppId;

/// Checks credentials against what is in memory; the store is asked for sessions that are not.
pub(crate) struct Authentication {
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) api_tokens: Arc<ApiTokens>,
    pub(crate) user_tokens: Arc<UserTokens>,
    pub(crate) server_secrets: ServerSecrets,
    pub(crate) agent_tokens: AgentTokens,
    pub(crate) directory: Directory,
}

#[async_trait]
impl Authenticator for Authentication {
    async fn session(&self, cookie: &str) -> Result<SignedIn, Rejected> {
        let now = clock::now();
        let session = match self.sessions.cached(cookie, CookieHost::Platform, now) {
            Some(session) => session?,
            None => self.sessions.open(cookie, CookieHost::Platform, now).await?,
        };
        Ok(session.signed_in().clone())
    }

    async fn server_secret(&self, secret: &str, user_token: Option<&str>) -> Result<AppCredential, Rejected> {
        let now = clock::now();
        let hash = self.server_secrets.recognise(secret).ok_or(Rejected::Invalid)?;
        let found = self.directory.app_by_secret(&hash, now).map_err(|_| Rejected::Unavailable)?;
        let (app, secret) = found.ok_or(Rejected::Invalid)?;
        self.server_secrets.note_use(secret.id, now);
        let user = match user_token {
            None => None,
            Some(token) => {
                let session = self.user_tokens.verify(token, app.id(), now).await?;
                Some(session.signed_in().clone())
            }
        };
        Ok(AppCredential {
            app: app.id(),
            organization: app.facts.organization,
            environment: secret.environment,
            secret: secret.id,
            user,
        })
    }

    async fn api_token(&self, token: &str) -> Result<SignedIn, Rejected> {
        let session = self.api_tokens.open(token, clock::now()).await?;
        Ok(session.signed_in().clone())
    }

    async fn agent_token(&self, token: &str) -> Result<AgentCredential, Rejected> {
        let hash = self.agent_tokens.recognise(token).ok_or(Rejected::Invalid)?;
        let found = self.directory.app_by_agent_token(&hash, clock::now());
        let (app, token) = found.map_err(|_| Rejected::Unavailable)?.ok_or(Rejected::Invalid)?;
        Ok(AgentCredential {
            app: app.id(),
            organization: app.organization(),
            token: token.id,
            issued_by: token.issued_by,
        })
    }

    fn app_to_open(&self, person: &SignedIn, label: &str) -> Result<Option<AppId>, Rejected> {
        let Some(app) = self.directory.app_at(label).map_err(|_| Rejected::Unavailable)? else {
            return Ok(None);
        };
        let principal = Principal::User(person.clone());
        match authorize::<ReadApp>(Some(&principal), app.id(), &self.directory, clock::now()) {
            Ok(_) => Ok(Some(app.id())),
            Err(Refusal::Unavailable(_)) => Err(Rejected::Unavailable),
            Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => Ok(None),
        }
    }
}
