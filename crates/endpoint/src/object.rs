//! What a call acts on: where it stands in the path, and how the audit trail names it.

use access_control::{ByAgent, ByApp, FromApp, InApp, InOrganization, OwnAccount, Public, Scope};
use audit::Target;
use ids::{AppId, OrganizationId};

use crate::{Call, Problem};

/// Where a scope's object stands in the path.
///
/// An action at a deployment stands in none, so that no request can get the permit with which the environment of an
/// app, and all secrets in it, is put together. What an app's page may ask for
///
/// ```
/// # use access_control::{Permit, ReadApp};
/// # use endpoint::{Answer, Call, Endpoint, Problem};
/// async fn read(_: (), _: Permit<ReadApp>, _: Call) -> Result<Answer, Problem> {
///     Ok(Answer::no_content())
/// }
/// Endpoint::get("/apps/{app_id}", "read").requires::<ReadApp>().gives_nothing().answers((), read);
/// ```
///
/// does not compile for the environment:
///
/// ```compile_fail,E0599
/// # use access_control::{AssembleEnvironment, Permit};
/// # use endpoint::{Answer, Call, Endpoint, Problem};
/// async fn read(_: (), _: Permit<AssembleEnvironment>, _: Call) -> Result<Answer, Problem> {
///     Ok(Answer::no_content())
/// }
/// Endpoint::get("/apps/{app_id}", "read").requires::<AssembleEnvironment>().gives_nothing().answers((), read);
/// ```
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

impl ObjectFromPath for FromApp {
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
