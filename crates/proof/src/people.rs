//! Signing in: at the development provider as anybody, or with sessions that an operator has prepared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use url::Url;

use crate::browser::{Browser, Page};
use crate::caller::Person;
use crate::client::{Client, Question};
use crate::{CallersFile, ProofError};

/// The platform's session cookie.
pub(crate) const SESSION_COOKIE: &str = "__Host-vybe_session";

/// The provider of a development server.
const DEVELOPMENT: &str = "development";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// The cookie's value.
    pub cookie: String,
    /// Its identifier.
    pub id: String,
    pub user: String,
    pub email: String,
}

pub(crate) struct People {
    client: Arc<Client>,
    platform: String,
    host: String,
    /// Sessions not used yet, by person; without it, there is a development provider.
    prepared: Option<Mutex<BTreeMap<String, Vec<String>>>>,
    provider: String,
}

impl People {
    pub fn new(
        client: &Arc<Client>,
        platform: &str,
        prepared: Option<&CallersFile>,
    ) -> Result<Self, ProofError> {
        let url = Url::parse(platform).map_err(|error| ProofError::Unreachable {
            url: platform.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self {
            client: Arc::clone(client),
            platform: platform.to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            prepared: prepared.map(|file| Mutex::new(file.sessions.clone())),
            provider: prepared
                .and_then(|file| file.provider.clone())
                .unwrap_or_else(|| DEVELOPMENT.to_owned()),
        })
    }

    /// A session nobody has used yet.
    pub async fn sign_in(&self, person: Person) -> Result<Session, ProofError> {
        let refused = |reason: String| ProofError::SignIn { person: person.name(), reason };
        let cookie = match &self.prepared {
            Some(prepared) => {
                let mut prepared = prepared.lock().unwrap_or_else(PoisonError::into_inner);
                let left = prepared.get_mut(person.name()).filter(|left| !left.is_empty());
                left.map(|left| left.remove(0)).ok_or_else(|| {
                    refused("the callers file has no session (left) for this person".to_owned())
                })?
            }
            None => self.choose(person).await?,
        };
        let url = format!("{}/api/auth/get-session", self.platform);
        let question = Question::new("GET", url).header("cookie", format!("{SESSION_COOKIE}={cookie}"));
        let session = self.client.ask(&question).await?.json();
        let text = |pointer: &str| session.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        match (text("/session/id"), text("/user/id"), text("/user/email")) {
            (Some(id), Some(user), Some(email)) => Ok(Session { cookie, id, user, email }),
            _ => Err(refused("the session does not count".to_owned())),
        }
    }

    /// Whether a session that a question ends can be replaced.
    pub fn can_sign_in_again(&self, person: Person) -> bool {
        let Some(prepared) = &self.prepared else { return true };
        let prepared = prepared.lock().unwrap_or_else(PoisonError::into_inner);
        prepared.get(person.name()).is_some_and(|left| !left.is_empty())
    }

    /// The origin of the development provider.
    pub async fn issuer(&self) -> Result<String, ProofError> {
        let page = Browser::new(&self.client).open(&format!("{}/login?return_to=%2F", self.platform)).await?;
        Ok(page.url.origin().ascii_serialization())
    }

    /// The name of a provider in addresses.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// A browser in which somebody is signed in.
    pub fn browser(&self, session: &Session) -> Browser {
        Browser::new(&self.client).with_cookie(&self.host, SESSION_COOKIE, &session.cookie)
    }

    /// Clicks a name at the development provider.
    async fn choose(&self, person: Person) -> Result<String, ProofError> {
        let mut browser = Browser::new(&self.client);
        let Page { url, reply } = browser.open(&format!("{}/login?return_to=%2F", self.platform)).await?;
        let refused = |reason: String| ProofError::SignIn { person: person.name(), reason };
        if url.path() != "/authorize" {
            return Err(refused(format!("the sign-in led to {url} ({})", reply.status)));
        }
        let mut fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        fields.push(("user".to_owned(), person.name().to_owned()));
        let mut form = url;
        form.set_query(None);
        let page = browser.submit(&form, &fields).await?;
        let cookie = browser.cookie(&self.host, SESSION_COOKIE).map(str::to_owned);
        cookie.ok_or_else(|| refused(format!("the sign-in ended at {} ({})", page.url, page.reply.status)))
    }
}
