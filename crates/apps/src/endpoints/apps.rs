//! Making, finding, changing and deleting apps.

use access_control::{AppLevel, CreateApp, DeleteApp, ListApps, Permit, ReadApp, UpdateApp};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, Paging, PagingParameters, Problem};
use ids::{AppId, AppSlug, Name, OrganizationId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::invalid;
use crate::{App, AppChanges, Apps, NewApp};

pub fn endpoints(apps: &Apps) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/apps", "list_apps")
            .requires::<ListApps>()
            .query::<PagingParameters>()
            .gives::<AppsAnswer<'_>>(StatusCode::OK)
            .answers(apps.clone(), list),
        Endpoint::post("/api/v1/organizations/{organization_id}/apps", "create_app")
            .requires::<CreateApp>()
            .takes::<CreateBody>()
            .gives::<AppAnswer<'_>>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(apps.clone(), create),
        Endpoint::get("/api/v1/apps/{app_id}", "read_app")
            .requires::<ReadApp>()
            .gives::<AppAnswer<'_>>(StatusCode::OK)
            .answers(apps.clone(), read),
        Endpoint::patch("/api/v1/apps/{app_id}", "update_app")
            .requires::<UpdateApp>()
            .takes::<UpdateBody>()
            .gives::<AppAnswer<'_>>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(apps.clone(), update),
        Endpoint::delete("/api/v1/apps/{app_id}", "delete_app")
            .requires::<DeleteApp>()
            .gives_nothing()
            .answers(apps.clone(), delete),
    ]
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateBody {
    /// 1 to 40 lower-case letters, digits and single hyphens; unique in the organization.
    #[schemars(with = "AppSlug")]
    slug: String,
    /// 1 to 100 characters.
    #[schemars(with = "Name")]
    name: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateBody {
    /// 1 to 100 characters.
    #[schemars(with = "Option<Name>")]
    name: Option<String>,
    /// organization, restricted or user.
    level: Option<AppLevel>,
    /// The origin that requests are forwarded to, such as https://app.example:8443; null for none.
    #[serde(default, deserialize_with = "present")]
    #[schemars(with = "Option<String>")]
    upstream: Option<Option<String>>,
    /// Judge a Server Action only by the page it is posted to.
    server_actions_judged_by_page: Option<bool>,
}

/// Tells a field that is null from one that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppAnswer<'a> {
    id: AppId,
    organization_id: OrganizationId,
    slug: &'a str,
    name: &'a str,
    host_label: &'a str,
    level: AppLevel,
    creator_id: UserId,
    upstream: Option<&'a str>,
    server_actions_judged_by_page: bool,
    created_at: Instant,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AppsAnswer<'a> {
    apps: Vec<AppAnswer<'a>>,
    /// `null` when nothing follows.
    next_cursor: Option<String>,
}

impl<'a> AppsAnswer<'a> {
    pub(super) fn piece(paging: &Paging, read: &'a mut Vec<App>) -> Self {
        let next_cursor = paging.cut(read, |app| app.id.to_string());
        Self { apps: read.iter().map(AppAnswer::from).collect(), next_cursor }
    }
}

impl<'a> From<&'a App> for AppAnswer<'a> {
    fn from(app: &'a App) -> Self {
        Self {
            id: app.id,
            organization_id: app.organization,
            slug: app.slug.as_str(),
            name: app.name.as_str(),
            host_label: app.label.as_str(),
            level: app.level,
            creator_id: app.creator,
            upstream: app.upstream.as_ref().map(|upstream| upstream.as_str()),
            server_actions_judged_by_page: app.server_actions_judged_by_page,
            created_at: app.created_at.into(),
        }
    }
}

async fn list(apps: Apps, permit: Permit<ListApps>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let after: Option<AppId> = paging.after()?;
    let mut visible = apps.list_visible(&permit, call.now()).await?;
    visible.retain(|app| after.is_none_or(|after| app.id > after));
    Ok(Answer::json(&AppsAnswer::piece(&paging, &mut visible)))
}

async fn create(apps: Apps, permit: Permit<CreateApp>, mut call: Call) -> Result<Answer, Problem> {
    let body: CreateBody = call.json().await?;
    let new = NewApp {
        slug: body.slug.parse().map_err(|error| invalid("invalid_slug")(&error))?,
        name: body.name.parse().map_err(|error| invalid("invalid_name")(&error))?,
    };
    let app = apps.create(&permit, new, call.occasion()).await?;
    Ok(Answer::created(&AppAnswer::from(&app)))
}

async fn read(apps: Apps, permit: Permit<ReadApp>, _: Call) -> Result<Answer, Problem> {
    let app = apps.read(&permit).await?;
    Ok(Answer::json(&AppAnswer::from(&app)))
}

async fn update(apps: Apps, permit: Permit<UpdateApp>, mut call: Call) -> Result<Answer, Problem> {
    let body: UpdateBody = call.json().await?;
    let name = body.name.map(|name| name.parse()).transpose();
    let upstream = body.upstream.map(|given| given.map(|text| text.parse()).transpose()).transpose();
    let changes = AppChanges {
        name: name.map_err(|error| invalid("invalid_name")(&error))?,
        level: body.level,
        upstream: upstream.map_err(|error| invalid("invalid_upstream")(&error))?,
        server_actions_judged_by_page: body.server_actions_judged_by_page,
    };
    let app = apps.update(&permit, changes, call.occasion()).await?;
    Ok(Answer::json(&AppAnswer::from(&app)))
}

async fn delete(apps: Apps, permit: Permit<DeleteApp>, call: Call) -> Result<Answer, Problem> {
    apps.delete(&permit, call.occasion()).await?;
    Ok(Answer::no_content())
}
