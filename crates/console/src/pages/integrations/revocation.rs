//! Revoking every account of a service, and how far that is.

use std::sync::Arc;

use access_control::{Permit, RevokeService};
use catalogue::ServiceKey;
use endpoint::{Answer, Call, Problem};
use ids::{OrganizationId, ServiceRevocationId};
use integrations::{ReportedAccount, ReportedRevocation, ServiceRevocation};
use maud::{Markup, html};

use super::service::Shown;
use super::{home, refused, service_path};
use crate::Console;
use crate::layout::{page, second};

/// Begins it.
pub(crate) async fn begin(
    console: Arc<Console>,
    permit: Permit<RevokeService>,
    call: Call,
) -> Result<Answer, Problem> {
    let service: ServiceKey = call.path("service")?;
    match console.service_revocations.begin(&permit, &service, call.occasion()).await {
        Ok(begun) => Ok(Answer::see_other(&path(permit.organization(), begun.id))),
        Err(error) => {
            let shown = Shown::read(&console, permit.actor(), permit.organization(), &call).await?;
            let here = (permit.organization(), permit.role());
            refused(error.into(), here, shown.name(), &shown.content(&call))
        }
    }
}

/// The path of its page.
pub(super) fn path(organization: OrganizationId, id: ServiceRevocationId) -> String {
    format!("{}/service-revocations/{id}", home(organization))
}

/// The latest of a service, newest first.
pub(super) fn latest(organization: OrganizationId, revocations: &[ServiceRevocation]) -> Markup {
    html! {
        table id="revocations" {
            tr { th { "Began" } th { "Accounts" } th { "Revoked" } th { "Not revocable" } th { "Not revoked" } th { "" } }
            @for revocation in revocations {
                tr {
                    td { a href=(path(organization, revocation.id)) { (second(revocation.started_at)) } }
                    td { (revocation.counts.total()) }
                    td { (revocation.counts.revoked) }
                    td { (revocation.counts.not_revocable) }
                    td { (revocation.counts.failed) }
                    td { @if revocation.finished_at.is_none() { strong { "under way" } } @else { "ended" } }
                }
            }
        }
    }
}

/// `/organizations/{organization_id}/service-revocations/{service_revocation_id}`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<RevokeService>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = console.service_revocations.find(&permit, call.path("service_revocation_id")?).await?;
    let service = &found.revocation.service;
    let content = html! {
        (progress(&found))
        @match &found.report {
            None => p { a.button href="" { "Look again" } },
            Some(signed) => {
                p { "The report is signed. Its text is answered by the API, and written by " code { "vybe drill report --revocation " (found.revocation.id) } "; audit record " code { (signed.attestation.record) } "." }
                (accounts(&signed.attestation.found.each))
            }
        }
        p { a href=(service_path(permit.organization(), service)) { (service) } }
    };
    Ok(page(&format!("Revocation of {service}"), &content))
}

fn progress(found: &ReportedRevocation) -> Markup {
    let revocation = &found.revocation;
    let counts = revocation.counts;
    html! {
        dl id="revocation" {
            dt { "Began" } dd { (second(revocation.started_at)) }
            dt { "Ended" } dd { @match revocation.finished_at { Some(at) => { (second(at)) } None => { "under way" } } }
            dt { "Accounts" } dd { (counts.total()) }
            dt { "Not done yet" } dd { (counts.pending) }
            dt { "Revoked at the service" } dd { (counts.revoked) }
            dt { "Not revocable by a program" } dd { (counts.not_revocable) }
            dt { "Not revoked" } dd { (counts.failed) }
            dt { "Disconnected meanwhile" } dd { (counts.gone) }
            dt { "The service asked to wait" } dd { (revocation.waits) " times" }
        }
    }
}

/// Those of which somebody has to do something.
fn accounts(each: &[ReportedAccount]) -> Markup {
    let open: Vec<_> = each
        .iter()
        .filter_map(|account| {
            account.outcome().filter(|outcome| outcome.reason().is_some()).map(|o| (account, o))
        })
        .collect();
    html! {
        @if !open.is_empty() {
            table id="not-revoked" {
                tr { th { "Account" } th { "Whose" } th { "What to do" } }
                @for (account, outcome) in open.iter().take(1000) {
                    tr {
                        td { @if let Some(name) = &account.name { (name) br; } small.quiet { code { (account.account) } } }
                        td { @match account.user { Some(user) => code { (user) }, None => { "shared" } } }
                        td { (outcome.sentence()) }
                    }
                }
            }
        }
    }
}
