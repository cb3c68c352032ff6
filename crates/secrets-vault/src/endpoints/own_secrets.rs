//! One's own secrets in an organization.

use access_control::{ListOwnSecrets, ManageOwnSecrets, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, PagingParameters, Problem};

use super::bodies::{LARGEST_BODY, NewBody, ReplaceBody, SecretAnswer, SecretsAnswer};
use super::{occasion, one_more, piece};
use crate::OwnSecrets;

pub fn endpoints(secrets: &OwnSecrets) -> Vec<Endpoint> {
    const ALL: &str = "/api/v1/organizations/{organization_id}/own-secrets";
    const ONE: &str = "/api/v1/organizations/{organization_id}/own-secrets/{own_secret_id}";
    vec![
        Endpoint::get(ALL, "list_own_secrets")
            .requires::<ListOwnSecrets>()
            .query::<PagingParameters>()
            .gives::<SecretsAnswer>(StatusCode::OK)
            .answers(secrets.clone(), list),
        Endpoint::post(ALL, "create_own_secret")
            .requires::<ManageOwnSecrets>()
            .takes::<NewBody>()
            .gives::<SecretAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), create),
        Endpoint::get(ONE, "read_own_secret")
            .requires::<ListOwnSecrets>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .answers(secrets.clone(), read),
        Endpoint::put(ONE, "replace_own_secret")
            .requires::<ManageOwnSecrets>()
            .takes::<ReplaceBody>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), replace),
        Endpoint::delete(ONE, "delete_own_secret")
            .requires::<ManageOwnSecrets>()
            .gives_nothing()
            .answers(secrets.clone(), delete),
    ]
}

async fn list(secrets: OwnSecrets, permit: Permit<ListOwnSecrets>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let found = secrets.list(&permit, paging.after()?, one_more(&paging)).await?;
    Ok(piece(&paging, found))
}

async fn read(secrets: OwnSecrets, permit: Permit<ListOwnSecrets>, call: Call) -> Result<Answer, Problem> {
    let secret = secrets.find(&permit, call.path("own_secret_id")?).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn create(
    secrets: OwnSecrets,
    permit: Permit<ManageOwnSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: NewBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.create(&permit, body.into(), occasion(&call)).await?;
    Ok(Answer::created(&SecretAnswer::from(secret)))
}

async fn replace(
    secrets: OwnSecrets,
    permit: Permit<ManageOwnSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("own_secret_id")?;
    let body: ReplaceBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.replace(&permit, id, body.into(), occasion(&call)).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn delete(
    secrets: OwnSecrets,
    permit: Permit<ManageOwnSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    secrets.delete(&permit, call.path("own_secret_id")?, occasion(&call)).await?;
    Ok(Answer::no_content())
}
