//! The key of an organization and the server secrets of all its apps: how they stand, and replacing them.

use std::sync::Arc;

use access_control::{
    Permit, ReadOrganization, ReadOrganizationKey, RotateOrganizationKey, RotateServerSecrets, SignedIn,
};
use apps::ServerSecretRotationProgress;
use endpoint::{Answer, Call, Problem};
use ids::OrganizationId;
use maud::{Markup, html};
use organizations::Organization;
use schemars::JsonSchema;
use secrets_vault::{KeyInUse, Rotation, RotationState};
use time::{Duration, OffsetDateTime};

use super::server_secrets::{grace, graces};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{again, minute, page};

/// How many rotations the page shows.
const SHOWN: usize = 10;

/// How the server secrets of all apps are replaced.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "a description")]
pub(crate) struct GraceFields {
    #[schemars(range(max = 2_592_000))]
    grace_seconds: u32,
}

/// What the page shows.
struct Shown {
    organization: Organization,
    key: Option<KeyInUse>,
    rotations: Vec<Rotation>,
    server_secrets: Option<ServerSecretRotationProgress>,
    now: OffsetDateTime,
}

/// `/organizations/{organization_id}/keys`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ReadOrganizationKey>,
    call: Call,
) -> Result<Answer, Problem> {
    let shown = read(&console, permit.actor(), permit.organization(), call.now()).await?;
    Ok(page(&title(&shown), &content(&shown)))
}

/// Replaces the organization's key.
pub(crate) async fn rotate(
    console: Arc<Console>,
    permit: Permit<RotateOrganizationKey>,
    call: Call,
) -> Result<Answer, Problem> {
    let occasion = call.occasion();
    let outcome = console.key_rotations.start(&permit, occasion).await;
    answer(&console, permit.actor(), permit.organization(), &call, outcome.map(drop).map_err(Into::into))
        .await
}

/// Replaces the server secrets of all apps.
pub(crate) async fn rotate_server_secrets(
    console: Arc<Console>,
    permit: Permit<RotateServerSecrets>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let fields = Fields::of(&mut call).await?;
    let occasion = call.occasion();
    let outcome = match grace(&fields) {
        Ok(grace) => {
            let begun = console.server_secret_rotations.begin(&permit, grace, occasion).await;
            begun.map(drop).map_err(Problem::from)
        }
        Err(problem) => Err(problem),
    };
    answer(&console, permit.actor(), permit.organization(), &call, outcome).await
}

/// Back to the page, or the page with what is wrong.
async fn answer(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    call: &Call,
    outcome: Result<(), Problem>,
) -> Result<Answer, Problem> {
    match outcome {
        Ok(()) => Ok(Answer::see_other(&format!("/organizations/{organization}/keys"))),
        Err(problem) => {
            let shown = read(console, actor, organization, call.now()).await?;
            again(problem, &title(&shown), &content(&shown))
        }
    }
}

async fn read(
    console: &Console,
    actor: &SignedIn,
    organization: OrganizationId,
    now: OffsetDateTime,
) -> Result<Shown, Problem> {
    let keys = console.permit::<ReadOrganizationKey>(actor, organization, now)?;
    let mut rotations = console.key_rotations.list(&keys).await?;
    rotations.truncate(SHOWN);
    Ok(Shown {
        key: console.key_rotations.key(&keys).await?,
        rotations,
        server_secrets: console
            .server_secret_rotations
            .read(&keys.also::<RotateServerSecrets>()?, now)
            .await?,
        organization: console.organizations.read(&keys.also::<ReadOrganization>()?).await?,
        now,
    })
}

fn title(shown: &Shown) -> String {
    format!("Keys of {}", shown.organization.name)
}

fn content(shown: &Shown) -> Markup {
    let base = format!("/organizations/{}", shown.organization.id);
    html! {
        h2 { "The organization's key" }
        p { "Every secret of this organization is sealed with it. Rotating makes a new one, seals everything with it, shows that nothing opens with the old one any more, and destroys that. Nobody has to wait for it." }
        @match &shown.key {
            None => { p.quiet { "Nothing was sealed yet, so there is no key." } }
            Some(key) => {
                dl id="key" {
                    dt { "Key" } dd { (key.id) }
                    dt { "Since" } dd { (minute(key.created_at)) }
                    dt { "Master key" } dd { (key.master_key) }
                    dt { "Seals" } dd { (key.seals) " of at most " (key.most_seals) }
                    @if !key.former.is_empty() {
                        dt { "Values under old keys" } dd { (key.values_under_former) }
                    }
                }
                form method="post" action={ (base) "/keys/rotate" } {
                    button type="submit" { "Rotate" }
                }
            }
        }
        @if !shown.rotations.is_empty() {
            table id="rotations" {
                tr { th { "Started" } th { "State" } th { "Sealed again" } th { "Closing scan" } }
                @for rotation in &shown.rotations { (row(rotation, shown.now)) }
            }
        }
        h2 { "Server secrets of all apps" }
        p { "Every app gets a new one for each environment at its next deployment. Apps that still use an older one when it ends cannot call the platform until then." }
        @if let Some(progress) = &shown.server_secrets {
            dl id="server-secrets" {
                dt { "Latest rotation" } dd { (minute(progress.started_at)) ", " (progress.state.as_str()) }
                dt { "Replaced" } dd { (progress.done) " of " (progress.total) }
                dt { "Older ones end" } dd { (minute(progress.ends_at)) }
                @if let Some(checked) = progress.checked {
                    dt { "Closing check" } dd { (checked) " count, none of them older than the rotation" }
                }
            }
        }
        form method="post" action={ (base) "/server-secrets/rotate" } {
            (graces())
            button type="submit" { "Rotate all server secrets" }
        }
        p { a href=(base) { (shown.organization.name) } }
    }
}

fn row(rotation: &Rotation, now: OffsetDateTime) -> Markup {
    html! {
        tr {
            td { (minute(rotation.started_at)) }
            td {
                (rotation.state.as_str())
                @if let Some(left) = rotation.remaining(now) { ", about " (duration(left)) " left" }
            }
            td { (rotation.done) " of " (rotation.total) }
            td {
                @match &rotation.state {
                    RotationState::Running => {}
                    RotationState::Finished(proof) => {
                        (proof.opened) " values open with the new key, "
                        (proof.opened_with_former + proof.left_with_former) " with an old one"
                    }
                    RotationState::Failed(broken) => {
                        strong.bad { (broken.number) " values open with no key. Nothing was destroyed. Tell the operator." }
                    }
                }
            }
        }
    }
}

/// A duration as people say it.
fn duration(duration: Duration) -> String {
    match duration.whole_seconds() {
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds @ ..7_200 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3_600),
    }
}
