//! Who asks. There is no anonymous principal: a request without one can only do public actions.

use std::fmt;
use std::sync::Arc;

use ids::{AgentTokenId, AppId, OrganizationId, ServerSecretId, SessionId, UserId};
use schemars::JsonSchema;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;

/// A person with a live session.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The person.
    pub user: UserId,
    /// The session that proves it.
    pub session: SessionId,
    /// The signed hosted domain (`hd`) of the sign-in, if the provider sent one.
    pub hosted_domain: Option<Arc<str>>,
    /// When the person last proved who they are to the identity provider.
    pub authenticated_at: OffsetDateTime,
    /// With what the request proves the session.
    pub means: Means,
}

/// With what a request proves whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// The session cookie of a browser.
    Browser,
    /// An API token that the person made for a program.
    ApiToken,
}

impl Means {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Browser, Self::ApiToken];
}

/// Where an app runs. Preview and production never share a server secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// The sandbox in which an app is built.
    Preview,
    /// The deployed app.
    Production,
}

impl Environment {
    /// Every environment.
    pub const ALL: [Self; 2] = [Self::Preview, Self::Production];

    /// The word used in tables, on the wire and in pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preview => "preview",
            Self::Production => "production",
        }
    }
}

/// By hand, so that another word is refused in the same sentence as in a query, without repeating it.
impl<'de> Deserialize<'de> for Environment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(EnvironmentVisitor)
    }
}

struct EnvironmentVisitor;

impl Visitor<'_> for EnvironmentVisitor {
    type Value = Environment;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("preview or production")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Environment, E> {
        let known = Environment::ALL.into_iter().find(|environment| environment.as_str() == text);
        known.ok_or_else(|| E::custom("environment is preview or production"))
    }
}

/// An app that proved itself with its server secret, perhaps on behalf of a person.
#[derive(Clone, Debug)]
pub struct AppCredential {
    /// The app.
    pub app: AppId,
    /// Its organization.
    pub organization: OrganizationId,
    /// The environment the secret was issued for.
    pub environment: Environment,
    /// Which secret was used.
    pub secret: ServerSecretId,
    /// The person named by a valid user token, if one came with the secret.
    pub user: Option<SignedIn>,
}

/// The coding agent, at work on one app for the person who let it.
#[derive(Clone, Debug)]
pub struct AgentCredential {
    /// The app; the token is good for no other.
    pub app: AppId,
    /// Its organization.
    pub organization: OrganizationId,
    /// Which token was used.
    pub token: AgentTokenId,
    /// Who issued it. The agent may do nothing that this person may not do any more.
    pub issued_by: SignedIn,
}

/// A page of an app, in the browser of a person who is signed in.
#[derive(Clone, Debug)]
pub struct PageCredential {
    /// The app at whose origin the page is.
    pub app: AppId,
    /// The person.
    pub person: SignedIn,
}

/// Whoever a request was authenticated as.
#[derive(Clone, Debug)]
pub enum Principal {
    /// A person with a session.
    User(SignedIn),
    /// An app with its server secret.
    App(AppCredential),
    /// The coding agent with its token.
    Agent(AgentCredential),
    /// A page of an app, with a person's session.
    Page(PageCredential),
}
