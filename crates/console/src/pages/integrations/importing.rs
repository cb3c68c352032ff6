//! Importing a service of the organization's own from a document: looked at first, imported as it was looked at, imported
//! again when the document changes, and deleted.

mod form;
mod given;
mod looked;
mod proposed;
mod wrong;

use std::sync::Arc;

use access_control::{ListServices, ManageServices, Permit, ReadOrganization};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::ImportedServiceId;
use integrations::ImportedService;

use super::{home, service_path};
use crate::Console;
use crate::fields::LARGEST_WITH_DOCUMENT;
use crate::layout::page_with;
use form::Page;
use given::Given;
pub(crate) use given::ImportFields;
use looked::Looked;
use wrong::{Place, Wrong};

/// `/organizations/{organization_id}/new-service`
pub(crate) async fn new(
    console: Arc<Console>,
    permit: Permit<ManageServices>,
    _call: Call,
) -> Result<Answer, Problem> {
    console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
    shown(&permit, None, &Given::default(), Looked::default())
}

/// Says what would come out of a document.
pub(crate) async fn propose(
    console: Arc<Console>,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let given = match Given::read(&mut call).await {
        Ok(given) => given,
        Err(problem) => return unreadable(&permit, None, problem),
    };
    let looked = Looked::at(&console, &permit, &given, None).await;
    shown(&permit, None, &given, looked)
}

/// Imports a service.
pub(crate) async fn import(
    console: Arc<Console>,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let given = match Given::read(&mut call).await {
        Ok(given) => given,
        Err(problem) => return unreadable(&permit, None, problem),
    };
    let made = async {
        let document = given.document()?;
        Ok::<_, Wrong>(console.imported_services.create(&permit, document, call.occasion()).await?)
    };
    match made.await {
        Ok(imported) => Ok(Answer::see_other(&service_path(permit.organization(), &imported.service.id))),
        Err(error) => {
            let looked = Looked::at(&console, &permit, &given, None).await.with(error);
            shown(&permit, None, &given, looked)
        }
    }
}

/// `/organizations/{organization_id}/imported-services/{imported_service_id}`
pub(crate) async fn show(
    console: Arc<Console>,
    permit: Permit<ManageServices>,
    call: Call,
) -> Result<Answer, Problem> {
    let imported = known(&console, &permit, call.path("imported_service_id")?).await?;
    let given = of(&imported);
    shown(&permit, Some(&imported), &given, Looked::default())
}

/// Says what would change.
pub(crate) async fn propose_again(
    console: Arc<Console>,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let given = Given::read(&mut call).await;
    let imported = known(&console, &permit, call.path("imported_service_id")?).await?;
    let given = match given {
        Ok(given) => given,
        Err(problem) => return unreadable(&permit, Some(&imported), problem),
    };
    let looked = Looked::at(&console, &permit, &given, Some(imported.id)).await;
    shown(&permit, Some(&imported), &given, looked)
}

/// Imports a service again.
pub(crate) async fn import_again(
    console: Arc<Console>,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let given = Given::read(&mut call).await;
    let id: ImportedServiceId = call.path("imported_service_id")?;
    let given = match given {
        Ok(given) => given,
        Err(problem) => {
            let imported = known(&console, &permit, id).await?;
            return unreadable(&permit, Some(&imported), problem);
        }
    };
    let done = async {
        let (document, version) = (given.document()?, given.version);
        let services = &console.imported_services;
        Ok::<_, Wrong>(services.update(&permit, id, document, version, call.occasion()).await?)
    };
    match done.await {
        Ok(done) => Ok(Answer::see_other(&service_path(permit.organization(), &done.imported.service.id))),
        Err(error) => {
            // Somebody else may have been first: what would change is what would change now.
            let imported = known(&console, &permit, id).await?;
            let looked = Looked::at(&console, &permit, &given, Some(id)).await.with(error);
            shown(&permit, Some(&imported), &given, looked)
        }
    }
}

/// Deletes a service.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageServices>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: ImportedServiceId = call.path("imported_service_id")?;
    match console.imported_services.delete(&permit, id, call.occasion()).await {
        Ok(()) => Ok(Answer::see_other(&format!("{}/services", home(permit.organization())))),
        Err(error) => {
            let imported = known(&console, &permit, id).await?;
            let looked = Looked::default().with(error.into());
            shown(&permit, Some(&imported), &of(&imported), looked)
        }
    }
}

async fn known(
    console: &Console,
    permit: &Permit<ManageServices>,
    id: ImportedServiceId,
) -> Result<ImportedService, Problem> {
    Ok(console.imported_services.find(&permit.also::<ListServices>()?, id).await?)
}

/// What is filled in before anybody fills in something.
fn of(imported: &ImportedService) -> Given {
    Given { url: imported.source.clone(), ..Given::default() }
}

/// The page for a form that could not be read: too large, or a file that is no text.
fn unreadable(
    permit: &Permit<ManageServices>,
    again: Option<&ImportedService>,
    problem: Problem,
) -> Result<Answer, Problem> {
    let problem = match problem.status() {
        StatusCode::BAD_REQUEST => problem,
        StatusCode::PAYLOAD_TOO_LARGE => {
            let said = format!(
                "The form is larger than {} MiB. Give the address of the document instead.",
                LARGEST_WITH_DOCUMENT >> 20
            );
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, problem.code(), said)
        }
        // Such as that the person may do nothing here any more.
        _ => return Err(problem),
    };
    let looked = Looked { proposed: None, wrong: vec![Wrong::new(Place::Document, problem)] };
    shown(permit, again, &again.map(of).unwrap_or_default(), looked)
}

/// The page, with the status of the first thing that is wrong.
fn shown(
    permit: &Permit<ManageServices>,
    again: Option<&ImportedService>,
    given: &Given,
    mut looked: Looked,
) -> Result<Answer, Problem> {
    if let Some(position) = looked.wrong.iter().position(Wrong::is_elsewhere) {
        return Err(*looked.wrong.swap_remove(position).problem);
    }
    let status = looked.wrong.first().map_or(StatusCode::OK, |wrong| wrong.problem.status());
    let page = Page { organization: permit.organization(), again, given, looked: &looked };
    Ok(page_with(status, &page.title(), &page.content()))
}
