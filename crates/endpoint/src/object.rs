//! What a call acts on: where it stands in the path, and how the audit trail names it.

use access_control::{ByAgent, ByApp, InApp, InOrganization, OwnAccount, Public, Scope};
use audit::Target;
use ids::{AppId, OrganizationId};

use crate::{Call, Problem};

/// Where a scope's object stands in the path.
pub trait ObjectFromPath: Scope {
    /// The object a request names.
    ///
    /// # Errors
    /// 404: a text that is no identifier names nothing.
    fn object(call: &Call) -> Result<Self::Object, Problem>;

    /// The object as the audit trail names it; a person's own account has no name there but the person's.
    fn target(_: Self::Object) -> Target {
        Target::Platform
    }
}

impl ObjectFromPath for Public {
    fn object(_: &Call) -> Result<(), Problem> {
        Ok(())
    }
}

impl ObjectFromPath for OwnAccount {
    fn object(_: &Call) -> Result<(), Problem> {
        Ok(())
    }
}

impl ObjectFromPath for ByApp {
    fn object(_: &Call) -> Result<(), Problem> {
        Ok(())
    }
}

impl ObjectFromPath for ByAgent {
    fn object(_: &Call) -> Result<(), Problem> {
        Ok(())
    }
}

impl ObjectFromPath for InOrganization {
    fn object(call: &Call) -> Result<OrganizationId, Problem> {
        call.path("organization_id")
    }

    fn target(organization: OrganizationId) -> Target {
        Target::Organization(organization)
    }
}

impl ObjectFromPath for InApp {
    fn object(call: &Call) -> Result<AppId, Problem> {
        call.path("app_id")
    }

    fn target(app: AppId) -> Target {
        Target::App(app)
    }
}
