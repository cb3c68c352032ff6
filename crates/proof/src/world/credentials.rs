//! What each caller sends.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::json;

use super::{World, lock, object, text};
use crate::ProofError;
use crate::caller::{AppKind, Caller, Person, Presents};
use crate::client::Question;
use crate::declared::Endpoint;
use crate::people::SESSION_COOKIE;

const GARBAGE_COOKIE: &str = "Z2FyYmFnZQZ2FyYmFnZQZ2FyYmFnZQZ2FyYmFnZQZ2FyYmFnZQ";

/// Credentials that are not sessions.
#[derive(Default)]
pub(crate) struct Credentials {
    api_tokens: Mutex<BTreeMap<Person, String>>,
    /// By what it is presented as.
    others: Mutex<BTreeMap<&'static str, String>>,
}

impl Credentials {
    pub fn forget(&self, person: Person) {
        lock(&self.api_tokens).remove(&person);
    }

    fn other(&self, kind: &'static str) -> Option<String> {
        lock(&self.others).get(kind).cloned()
    }

    fn keep(&self, kind: &'static str, value: String) {
        lock(&self.others).insert(kind, value);
    }
}

impl World {
    /// Makes a caller what it is called; says why if that is not possible.
    pub async fn prepare(&self, caller: &Caller) -> Result<Option<String>, ProofError> {
        match caller.presents {
            Presents::Cookie if caller.was_removed() => {
                let organization = self.standing(AppKind::Organization)?;
                let organization_id = object(organization, "organization_id")?;
                self.join(Person::Owner, organization, Person::Outsider, "admin").await?;
                let seen = format!("/organizations/{organization_id}");
                self.api(Person::Outsider, "GET", &seen, None).await?;
                let user = self.session(Person::Outsider).await?.user;
                let path = format!("/organizations/{organization_id}/members/{user}");
                self.api(Person::Owner, "DELETE", &path, None).await?;
            }
            Presents::RevokedCookie => {
                if !self.people.can_sign_in_again(Person::Owner) {
                    return Ok(Some("no session is left to be ended".to_owned()));
                }
                let session = self.people.sign_in(Person::Owner).await?;
                let out = Question::new("POST", format!("{}/api/auth/sign-out", self.platform))
                    .header("cookie", format!("{SESSION_COOKIE}={}", session.cookie))
                    .header("origin", &self.platform);
                self.client.ask(&out).await?;
                self.credentials.keep("revoked session", session.cookie);
            }
            Presents::Secret
            | Presents::CookieAndSecret
            | Presents::SecretAndUserToken
            | Presents::UserToken => {
                let secret = self.server_secret().await?;
                self.credentials.keep("server secret", secret);
                if matches!(caller.presents, Presents::SecretAndUserToken | Presents::UserToken) {
                    let Some(server) = &self.app_server else {
                        return Ok(Some("the callers file names no app_server".to_owned()));
                    };
                    // A request to the app leaves a user token in the app's hands.
                    let owner = self.session(Person::Owner).await?;
                    let page = self.people.browser(&owner).open(&format!("{}/", self.app_origin)).await?;
                    let token = server.take_token().ok_or_else(|| ProofError::Answer {
                        what: format!("{} as owner", page.url),
                        lacks: "user token for the app".to_owned(),
                        answer: page.reply.text(),
                    })?;
                    self.credentials.keep("user token", token);
                }
            }
            Presents::RevokedApiToken => {
                let (id, token) = self.new_api_token(Person::Owner).await?;
                self.api(Person::Owner, "DELETE", &format!("/api-tokens/{id}"), None).await?;
                self.credentials.keep("revoked API token", token);
            }
            Presents::AgentToken | Presents::AgentTokenWithCookie => {
                let app = object(self.standing(AppKind::Organization)?, "app_id")?;
                let token = self.new_agent_token(Person::Editor, app).await?.1;
                self.credentials.keep("agent token", token);
            }
            Presents::Nothing
            | Presents::GarbageCookie
            | Presents::Cookie
            | Presents::CookieFromAppPage
            | Presents::CookieFromSibling
            | Presents::ApiToken
            | Presents::ApiTokenWithOrigin
            | Presents::ApiTokenWithCookie => {}
        }
        Ok(None)
    }

    /// The production secret of the app that is open to all; a new one ends the one before.
    async fn server_secret(&self) -> Result<String, ProofError> {
        if let Some(known) = self.credentials.other("server secret") {
            return Ok(known);
        }
        let app = object(self.standing(AppKind::Organization)?, "app_id")?;
        let path = format!("/apps/{app}/server-secrets");
        let body = json!({ "environment": "production" });
        text("a new server secret", &self.api(Person::Editor, "POST", &path, Some(body)).await?, "/value")
    }

    pub async fn new_api_token(&self, person: Person) -> Result<(String, String), ProofError> {
        let body = json!({ "name": self.unique() });
        let made = self.api(person, "POST", "/api-tokens", Some(body)).await?;
        Ok((text("a new API token", &made, "/id")?, text("a new API token", &made, "/value")?))
    }

    pub async fn new_agent_token(&self, issuer: Person, app: &str) -> Result<(String, String), ProofError> {
        let path = format!("/apps/{app}/agent-tokens");
        let made = self.api(issuer, "POST", &path, Some(json!({}))).await?;
        Ok((text("a new agent token", &made, "/id")?, text("a new agent token", &made, "/value")?))
    }

    async fn api_token(&self, person: Person) -> Result<String, ProofError> {
        let kept = lock(&self.credentials.api_tokens).get(&person).cloned();
        if let Some(token) = kept {
            return Ok(token);
        }
        let token = self.new_api_token(person).await?.1;
        lock(&self.credentials.api_tokens).insert(person, token.clone());
        Ok(token)
    }

    /// Credential and origin, as this caller sends them to this endpoint.
    pub async fn headers(
        &self,
        caller: &Caller,
        endpoint: &Endpoint,
    ) -> Result<Vec<(String, String)>, ProofError> {
        let person = caller.person.unwrap_or(Person::Owner);
        let header = |name: &str, value: String| (name.to_owned(), value);
        let cookie = |value: &str| header("cookie", format!("{SESSION_COOKIE}={value}"));
        let bearer = |token: &str| header("authorization", format!("Bearer {token}"));
        let other = |kind| self.credentials.other(kind).unwrap_or_default();
        let own_page = || (!endpoint.is_safe()).then(|| header("origin", self.platform.clone()));
        let mut headers = Vec::new();
        match caller.presents {
            Presents::Nothing => headers.extend(own_page()),
            Presents::GarbageCookie => {
                headers.push(cookie(GARBAGE_COOKIE));
                headers.extend(own_page());
            }
            Presents::RevokedCookie => {
                headers.push(cookie(&other("revoked session")));
                headers.extend(own_page());
            }
            Presents::Cookie => {
                headers.push(cookie(&self.session(person).await?.cookie));
                headers.extend(own_page());
            }
            Presents::CookieFromAppPage | Presents::CookieAndSecret => {
                headers.push(cookie(&self.session(person).await?.cookie));
                headers.push(header("origin", self.app_origin.clone()));
                headers.push(header("sec-fetch-site", "same-site".to_owned()));
                if caller.presents == Presents::CookieAndSecret {
                    headers.push(header("vybe_server_secret", other("server secret")));
                }
            }
            Presents::CookieFromSibling => {
                headers.push(cookie(&self.session(person).await?.cookie));
                headers.push(header("sec-fetch-site", "same-site".to_owned()));
            }
            Presents::Secret => headers.push(header("vybe_server_secret", other("server secret"))),
            Presents::SecretAndUserToken => {
                headers.push(header("vybe_server_secret", other("server secret")));
                headers.push(header("x-vybe-user-token", other("user token")));
            }
            Presents::UserToken => headers.push(header("x-vybe-user-token", other("user token"))),
            Presents::ApiToken => headers.push(bearer(&self.api_token(person).await?)),
            Presents::RevokedApiToken => headers.push(bearer(&other("revoked API token"))),
            Presents::ApiTokenWithOrigin => {
                headers.push(bearer(&self.api_token(person).await?));
                headers.push(header("origin", self.platform.clone()));
            }
            Presents::ApiTokenWithCookie => {
                headers.push(bearer(&self.api_token(person).await?));
                headers.push(cookie(&self.session(person).await?.cookie));
            }
            Presents::AgentToken => headers.push(bearer(&other("agent token"))),
            Presents::AgentTokenWithCookie => {
                headers.push(bearer(&other("agent token")));
                headers.push(cookie(&self.session(person).await?.cookie));
            }
        }
        Ok(headers)
    }
}
