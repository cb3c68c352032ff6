//! What a decision established: who acts, on what, in which role. A permit holds it for the use case.

use ids::{AppId, OrganizationId};

use crate::{AgentCredential, AppCredential, AppRole, Environment, Role, SignedIn};

/// What a decision on an organization established.
#[derive(Clone, Debug)]
pub struct OrganizationGrounds {
    pub(crate) actor: SignedIn,
    pub(crate) organization: OrganizationId,
    pub(crate) role: Role,
}

/// What a decision on an app established.
#[derive(Clone, Debug)]
pub struct AppGrounds {
    pub(crate) actor: SignedIn,
    pub(crate) organization: OrganizationId,
    pub(crate) app: AppId,
    pub(crate) role: Role,
    pub(crate) app_role: AppRole,
}

/// What a decision on an app's own call established.
#[derive(Clone, Debug)]
pub struct CredentialGrounds {
    pub(crate) credential: AppCredential,
}

/// What a decision on a call of the coding agent established.
#[derive(Clone, Debug)]
pub struct AgentGrounds {
    pub(crate) credential: AgentCredential,
}

/// What a decision on a call from an app established, whether its server or a page of it calls.
#[derive(Clone, Debug)]
pub struct FromAppGrounds {
    pub(crate) app: AppId,
    pub(crate) organization: OrganizationId,
    pub(crate) caller: AppCaller,
}

/// Which side of an app calls.
#[derive(Clone, Debug)]
pub enum AppCaller {
    /// Its server, perhaps on behalf of a person.
    Server(AppCredential),
    /// A page of it, in the browser of a person who may open it.
    Page(SignedIn),
}

impl AppCaller {
    /// The person, if one is known.
    #[must_use]
    pub fn person(&self) -> Option<&SignedIn> {
        match self {
            Self::Server(credential) => credential.user.as_ref(),
            Self::Page(person) => Some(person),
        }
    }

    /// The environment of the server that calls.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        match self {
            Self::Server(credential) => Some(credential.environment),
            Self::Page(_) => None,
        }
    }

    /// Whether whoever is in front of a browser decides what is asked.
    #[must_use]
    pub const fn is_page(&self) -> bool {
        matches!(self, Self::Page(_))
    }
}

/// Grounds on which a signed-in person acts.
pub trait ByPerson {
    /// The person and session.
    fn actor(&self) -> &SignedIn;
}

/// Grounds that lie in one organization.
pub trait WithinOrganization: ByPerson {
    /// The organization.
    fn organization(&self) -> OrganizationId;
    /// The person's role in it.
    fn role(&self) -> Role;
}

impl ByPerson for SignedIn {
    fn actor(&self) -> &SignedIn {
        self
    }
}

impl ByPerson for OrganizationGrounds {
    fn actor(&self) -> &SignedIn {
        &self.actor
    }
}

impl WithinOrganization for OrganizationGrounds {
    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn role(&self) -> Role {
        self.role
    }
}

impl ByPerson for AppGrounds {
    fn actor(&self) -> &SignedIn {
        &self.actor
    }
}

impl WithinOrganization for AppGrounds {
    fn organization(&self) -> OrganizationId {
        self.organization
    }

    fn role(&self) -> Role {
        self.role
    }
}
