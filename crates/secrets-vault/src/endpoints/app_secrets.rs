//! The secrets of an app, and what its deployments get.

use access_control::{ListAppSecrets, ManageAppSecrets, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, PagingParameters, Problem};

use super::bodies::{LARGEST_BODY, NewBody, ReplaceBody, SecretAnswer, SecretsAnswer, UsesAnswer};
use super::{occasion, one_more, piece};
use crate::AppSecrets;

pub fn endpoints(secrets: &AppSecrets) -> Vec<Endpoint> {
    const ALL: &str = "/api/v1/apps/{app_id}/secrets";
    const ONE: &str = "/api/v1/apps/{app_id}/secrets/{app_secret_id}";
    vec![
        Endpoint::get(ALL, "list_app_secrets")
            .requires::<ListAppSecrets>()
            .query::<PagingParameters>()
            .gives::<SecretsAnswer>(StatusCode::OK)
            .answers(secrets.clone(), list),
        Endpoint::post(ALL, "create_app_secret")
            .requires::<ManageAppSecrets>()
            .takes::<NewBody>()
            .gives::<SecretAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), create),
        Endpoint::get(ONE, "read_app_secret")
            .requires::<ListAppSecrets>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .answers(secrets.clone(), read),
        Endpoint::get("/api/v1/apps/{app_id}/secrets/{app_secret_id}/uses", "list_app_secret_uses")
            .requires::<ListAppSecrets>()
            .gives::<UsesAnswer>(StatusCode::OK)
            .answers(secrets.clone(), uses),
        Endpoint::put(ONE, "replace_app_secret")
            .requires::<ManageAppSecrets>()
            .takes::<ReplaceBody>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), replace),
        Endpoint::delete(ONE, "delete_app_secret")
            .requires::<ManageAppSecrets>()
            .gives_nothing()
            .answers(secrets.clone(), delete),
    ]
}

async fn list(secrets: AppSecrets, permit: Permit<ListAppSecrets>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let found = secrets.list(&permit, paging.after()?, one_more(&paging)).await?;
    Ok(piece(&paging, found))
}

async fn read(secrets: AppSecrets, permit: Permit<ListAppSecrets>, call: Call) -> Result<Answer, Problem> {
    let secret = secrets.find(&permit, call.path("app_secret_id")?).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn uses(secrets: AppSecrets, permit: Permit<ListAppSecrets>, call: Call) -> Result<Answer, Problem> {
    let id = call.path("app_secret_id")?;
    Ok(Answer::json(&UsesAnswer::from(secrets.uses(&permit, id).await?)))
}

async fn create(
    secrets: AppSecrets,
    permit: Permit<ManageAppSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: NewBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.create(&permit, body.into(), occasion(&call)).await?;
    Ok(Answer::created(&SecretAnswer::from(secret)))
}

async fn replace(
    secrets: AppSecrets,
    permit: Permit<ManageAppSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("app_secret_id")?;
    let body: ReplaceBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.replace(&permit, id, body.into(), occasion(&call)).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn delete(
    secrets: AppSecrets,
    permit: Permit<ManageAppSecrets>,
    call: Call,
) -> Result<Answer, Problem> {
    secrets.delete(&permit, call.path("app_secret_id")?, occasion(&call)).await?;
    Ok(Answer::no_content())
}
