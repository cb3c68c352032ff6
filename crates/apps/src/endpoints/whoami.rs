//! Which app, and which person, the credentials of a call belong to.

use access_control::{Environment, IdentifyCaller, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Problem};
use ids::{AppId, OrganizationId, UserId};
use schemars::JsonSchema;
use serde::Serialize;

use super::AppsApi;
use crate::{AppError, PersonName};

pub fn endpoint(api: &AppsApi) -> Endpoint {
    Endpoint::get("/api/v1/whoami", "whoami")
        .requires::<IdentifyCaller>()
        .gives::<WhoamiAnswer<'_>>(StatusCode::OK)
        .answers(api.clone(), whoami)
}

#[derive(Serialize, JsonSchema)]
struct WhoamiAnswer<'a> {
    app: CallingApp<'a>,
    user: Option<CallingPerson<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct CallingApp<'a> {
    id: AppId,
    slug: &'a str,
    name: &'a str,
    environment: Environment,
    organization: ItsOrganization,
}

#[derive(Serialize, JsonSchema)]
struct ItsOrganization {
    id: OrganizationId,
}

#[derive(Serialize, JsonSchema)]
struct CallingPerson<'a> {
    id: UserId,
    email: &'a str,
    name: &'a str,
}

async fn whoami(api: AppsApi, permit: Permit<IdentifyCaller>, _: Call) -> Result<Answer, Problem> {
    let credential = permit.credential();
    let app = api.apps.calling(&permit).await?;
    let person = match &credential.user {
        None => None,
        Some(actor) => Some((actor.user, known(&api, actor.user).await?)),
    };
    Ok(Answer::json(&WhoamiAnswer {
        app: CallingApp {
            id: app.id,
            slug: app.slug.as_str(),
            name: app.name.as_str(),
            environment: credential.environment,
            organization: ItsOrganization { id: app.organization },
        },
        user: person.as_ref().map(|(id, person)| CallingPerson {
            id: *id,
            email: person.email.as_str(),
            name: &person.name,
        }),
    }))
}

/// The token's person. One who is gone since makes the whole call invalid.
async fn known(api: &AppsApi, user: UserId) -> Result<PersonName, Problem> {
    let person = api.people.person(user).await.map_err(AppError::Neighbour)?;
    person.ok_or_else(Problem::unauthenticated)
}
