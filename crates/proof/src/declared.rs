//! What the platform says about itself: every mounted endpoint, from `/openapi.json`.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::ProofError;

/// Where an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// The operator's own listener.
    Admin,
    /// Every app host, below `/.vybe/`.
    AppHosts,
    /// The development identity provider's host.
    DevelopmentIssuer,
    /// The platform's host.
    Platform,
}

impl Surface {
    /// As in the document.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::AppHosts => "app hosts",
            Self::DevelopmentIssuer => "development issuer",
            Self::Platform => "platform",
        }
    }
}

/// Who may, as the platform declares it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum Access {
    /// Everybody.
    Public {
        /// Why that is right.
        reason: String,
    },
    /// Whoever is signed in, on what is their own.
    OwnAccount {
        /// With which proofs of who they are.
        means: Vec<Means>,
    },
    /// Members with one of these roles.
    Roles {
        /// The roles.
        roles: Vec<Role>,
    },
    /// People with at least this role in the app.
    AppRole {
        /// The role.
        role: AppRole,
    },
    /// An app with its server secret.
    ServerSecret {
        /// Whether it has to name a person.
        user_token: UserToken,
    },
    /// An app with its server secret, or a page of it in the browser of somebody who may open it.
    AppOrItsPage,
    /// The coding agent, on its app.
    AgentToken,
}

/// A proof of who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// A session cookie.
    Browser,
    /// An API token.
    ApiToken,
}

/// A role in an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owner.
    Owner,
    /// Admin.
    Admin,
    /// Editor.
    Editor,
    /// Member.
    Member,
}

/// A role in an app, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppRole {
    /// Uses it.
    Viewer,
    /// Changes it.
    Editor,
}

/// Whether an app's call must name a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserToken {
    /// It may.
    Optional,
    /// It must.
    Required,
}

/// Whose pages may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origins {
    /// The platform's.
    Platform,
    /// Also those of apps that the person may open.
    AppsToo,
}

/// One endpoint as it is declared.
#[derive(Clone, Debug, Deserialize)]
pub struct Endpoint {
    /// Where it answers.
    pub surface: Surface,
    /// Its method.
    pub method: String,
    /// Its path, with `{parameters}`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// The action that it is.
    pub action: String,
    /// Who may.
    pub access: Access,
    /// Whose pages may call it.
    pub origins: Origins,
    /// Whether it is a page for people.
    pub page: bool,
}

impl Endpoint {
    /// Whether it changes nothing (RFC 9110, section 9.2.1).
    #[must_use]
    pub fn is_safe(&self) -> bool {
        self.method == "GET"
    }

    /// Whether everybody may.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        matches!(self.access, Access::Public { .. })
    }

    /// Whether it is about one app.
    #[must_use]
    pub const fn is_about_an_app(&self) -> bool {
        matches!(self.access, Access::AppRole { .. })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} on {}", self.method, self.path, self.surface.name())
    }
}

/// Everything that is declared.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Every mounted endpoint, sorted as in the document.
    pub endpoints: Vec<Endpoint>,
    /// The whole description.
    pub description: Value,
}

impl Declared {
    /// Reads a description.
    ///
    /// # Errors
    /// It does not list endpoints, or not in a way that is known.
    pub fn read(description: Value) -> Result<Self, ProofError> {
        let listed = description
            .get("x-endpoints")
            .ok_or_else(|| ProofError::Description("it lists no endpoints (x-endpoints)".to_owned()))?;
        let mut endpoints: Vec<Endpoint> = serde_json::from_value(listed.clone())
            .map_err(|error| ProofError::Description(format!("x-endpoints: {error}")))?;
        if endpoints.is_empty() {
            return Err(ProofError::Description("x-endpoints is empty".to_owned()));
        }
        endpoints.sort_by(|one, other| {
            (one.surface.name(), &one.path, &one.method).cmp(&(
                other.surface.name(),
                &other.path,
                &other.method,
            ))
        });
        Ok(Self { endpoints, description })
    }

    /// The endpoint of this name on the platform's host, if it is mounted.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// Whether somebody can sign in as anybody.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.surface == Surface::DevelopmentIssuer)
    }
}
