//! Revoking every account of a service, and how far that is.

use std::sync::Arc;

use access_control::{Permit, RevokeService};
use catalogue::ServiceKey;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use integrations::{ReportedAccount, ReportedRevocation};
use maud::{Markup, html};

use super::service::Shown;
use super::{home, service_path};
use crate::Console;
use crate::layout::{again, page, second};

/// Begins it.
pub(crate) async fn begin(
    console: Arc<Console>,
    permit: Permit<RevokeService>,
    call: Call,
) -> Result<Answer, Problem> {
    let service: ServiceKey = call.path("service")?;
    match console.service_revocations.begin(&permit, &service, call.occasion()).await {
        Ok(begun) => {
            let path = format!("{}/service-revocations/{}", home(permit.organization()), begun.id);
            Ok(Answer::see_other(&path))
        }
        Err(error) => {
            let problem = Problem::from(error);
            // What is not there is no matter of this page.
            if problem.status() == StatusCode::NOT_FOUND {
                return Err(problem);
            }
            let shown = Shown::read(&console, permit.actor(), permit.organization(), &call).await?;
            again(problem, shown.name(), &shown.content(&call))
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
                p { "The report is signed. Its text is answered by the API, and written by " code { "vybe drill revoke" } "; audit record " code { (signed.attestation.record) } "." }
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
