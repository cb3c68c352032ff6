//! The secrets of an organization.

use access_control::{ListSecrets, ManageSecrets, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, PagingParameters, Problem};

use super::bodies::{LARGEST_BODY, NewBody, ReplaceBody, SecretAnswer, SecretsAnswer, UsesAnswer};
use super::{occasion, one_more, piece};
use crate::Secrets;

pub fn endpoints(secrets: &Secrets) -> Vec<Endpoint> {
    const ALL: &str = "/api/v1/organizations/{organization_id}/secrets";
    const ONE: &str = "/api/v1/organizations/{organization_id}/secrets/{organization_secret_id}";
    vec![
        Endpoint::get(ALL, "list_secrets")
            .requires::<ListSecrets>()
            .query::<PagingParameters>()
            .gives::<SecretsAnswer>(StatusCode::OK)
            .answers(secrets.clone(), list),
        Endpoint::post(ALL, "create_secret")
            .requires::<ManageSecrets>()
            .takes::<NewBody>()
            .gives::<SecretAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), create),
        Endpoint::get(ONE, "read_secret")
            .requires::<ListSecrets>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .answers(secrets.clone(), read),
        Endpoint::get(
            "/api/v1/organizations/{organization_id}/secrets/{organization_secret_id}/uses",
            "list_secret_uses",
        )
        .requires::<ListSecrets>()
        .gives::<UsesAnswer>(StatusCode::OK)
        .answers(secrets.clone(), uses),
        Endpoint::put(ONE, "replace_secret")
            .requires::<ManageSecrets>()
            .takes::<ReplaceBody>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), replace),
        Endpoint::delete(ONE, "delete_secret")
            .requires::<ManageSecrets>()
            .gives_nothing()
            .answers(secrets.clone(), delete),
    ]
}

async fn list(secrets: Secrets, permit: Permit<ListSecrets>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let found = secrets.list(&permit, paging.after()?, one_more(&paging)).await?;
    Ok(piece(&paging, found))
}

async fn read(secrets: Secrets, permit: Permit<ListSecrets>, call: Call) -> Result<Answer, Problem> {
    let secret = secrets.find(&permit, call.path("organization_secret_id")?).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn uses(secrets: Secrets, permit: Permit<ListSecrets>, call: Call) -> Result<Answer, Problem> {
    let id = call.path("organization_secret_id")?;
    Ok(Answer::json(&UsesAnswer::from(secrets.uses(&permit, id, occasion(&call)).await?)))
}

async fn create(secrets: Secrets, permit: Permit<ManageSecrets>, mut call: Call) -> Result<Answer, Problem> {
    let body: NewBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.create(&permit, body.into(), occasion(&call)).await?;
    Ok(Answer::created(&SecretAnswer::from(secret)))
}

async fn replace(secrets: Secrets, permit: Permit<ManageSecrets>, mut call: Call) -> Result<Answer, Problem> {
    let id = call.path("organization_secret_id")?;
    let body: ReplaceBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.replace(&permit, id, body.into(), occasion(&call)).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn delete(secrets: Secrets, permit: Permit<ManageSecrets>, call: Call) -> Result<Answer, Problem> {
    secrets.delete(&permit, call.path("organization_secret_id")?, occasion(&call)).await?;
    Ok(Answer::no_content())
}
