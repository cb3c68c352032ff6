//! What an Owner can do about apps that nobody may edit any more.

use access_control::{ManageOrphanedApps, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, PagingParameters, Problem};
use ids::UserId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::apps::{AppAnswer, AppsAnswer};
use crate::OrphanedApps;

pub fn endpoints(apps: &OrphanedApps) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/orphaned-apps", "list_orphaned_apps")
            .requires::<ManageOrphanedApps>()
            .query::<PagingParameters>()
            .gives::<AppsAnswer<'_>>(StatusCode::OK)
            .answers(apps.clone(), list),
        Endpoint::post(
            "/api/v1/organizations/{organization_id}/orphaned-apps/{app_id}/transfer",
            "transfer_orphaned_app",
        )
        .requires::<ManageOrphanedApps>()
        .takes::<TransferBody>()
        .gives::<AppAnswer<'_>>(StatusCode::OK)
        .answers(apps.clone(), transfer),
        Endpoint::delete(
            "/api/v1/organizations/{organization_id}/orphaned-apps/{app_id}",
            "delete_orphaned_app",
        )
        .requires::<ManageOrphanedApps>()
        .gives_nothing()
        .answers(apps.clone(), delete),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TransferBody {
    /// The member whose the app becomes.
    user_id: UserId,
}

async fn list(apps: OrphanedApps, permit: Permit<ManageOrphanedApps>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let mut orphaned = apps.list(&permit, paging.after()?, paging.limit + 1, call.now()).await?;
    Ok(Answer::json(&AppsAnswer::piece(&paging, &mut orphaned)))
}

async fn transfer(
    apps: OrphanedApps,
    permit: Permit<ManageOrphanedApps>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let app = call.path("app_id")?;
    let body: TransferBody = call.json().await?;
    let transferred = apps.transfer(&permit, app, body.user_id, call.occasion()).await?;
    Ok(Answer::json(&AppAnswer::from(&transferred)))
}

async fn delete(
    apps: OrphanedApps,
    permit: Permit<ManageOrphanedApps>,
    call: Call,
) -> Result<Answer, Problem> {
    apps.delete(&permit, call.path("app_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}
