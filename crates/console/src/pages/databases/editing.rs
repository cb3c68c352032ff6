//! Making, changing and deleting connections.

use std::sync::Arc;

use access_control::{ListApps, ManageConnections, Permit, ReadOrganization};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::ConnectionId;
use maud::{Markup, html};

use super::filled::{Filled, given, kind};
use super::form::Form;
use super::{Known, base};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{again, page};

/// What the form of a connection is shown with.
pub(super) struct Shown {
    pub(super) title: String,
    pub(super) content: Markup,
}

impl Shown {
    /// A form that is filled in like this.
    pub(super) async fn read(
        console: &Console,
        permit: &Permit<ManageConnections>,
        filled: &Filled,
        call: &Call,
    ) -> Result<Self, Problem> {
        let apps = console.apps.list_visible(&permit.also::<ListApps>()?, call.now()).await?;
        let organization = console.organizations.read(&permit.also::<ReadOrganization>()?).await?;
        let form = Form { organization: organization.id, apps: &apps, filled };
        let content = html! {
            p { "Give a user of the database that may do no more than the apps need. The password is sealed, and never shown again." }
            (form.content())
        };
        let title = if filled.text("connection_id").is_empty() {
            format!("New database of {}", organization.name)
        } else {
            format!("Change {}", filled.text("name"))
        };
        Ok(Self { title, content })
    }
}

/// `/organizations/{organization_id}/new-database`
pub(crate) async fn new(
    console: Arc<Console>,
    permit: Permit<ManageConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let shown = Shown::read(&console, &permit, &Filled::blank(), &call).await?;
    Ok(page(&shown.title, &shown.content))
}

/// Makes a connection.
pub(crate) async fn create(
    console: Arc<Console>,
    permit: Permit<ManageConnections>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let filled = Filled::again(&fields);
    let created = async {
        let kind = kind(&fields)?;
        let given = given(&mut fields, None)?;
        Ok(console.connections.create(&permit, kind, given, call.occasion()).await?)
    };
    match created.await {
        Ok(connection) => {
            Ok(Answer::see_other(&format!("{}/{}", base(permit.organization()), connection.id)))
        }
        Err(problem) => refused(&console, &permit, &filled, &call, problem).await,
    }
}

/// `/organizations/{organization_id}/databases/{connection_id}/edit`
pub(crate) async fn edit(
    console: Arc<Console>,
    permit: Permit<ManageConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    let shown = Shown::read(&console, &permit, &Filled::of(&known.connection), &call).await?;
    Ok(page(&shown.title, &shown.content))
}

/// Changes a connection.
pub(crate) async fn change(
    console: Arc<Console>,
    permit: Permit<ManageConnections>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut fields = Fields::with_secret(&mut call).await?;
    let known = Known::read(&console, permit.actor(), permit.organization(), &call).await?;
    let mut filled = Filled::again(&fields);
    filled.put("connection_id", known.connection.id);
    let changed = async {
        let given = given(&mut fields, Some(&known.connection))?;
        let version = if fields.text("version").is_empty() { None } else { Some(fields.number("version")?) };
        Ok(console.connections.update(&permit, known.connection.id, given, version, call.occasion()).await?)
    };
    match changed.await {
        Ok(_) => Ok(Answer::see_other(&known.path())),
        Err(problem) => refused(&console, &permit, &filled, &call, problem).await,
    }
}

/// Deletes a connection.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageConnections>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: ConnectionId = call.path("connection_id")?;
    console.connections.delete(&permit, id, call.occasion()).await?;
    Ok(Answer::see_other(&base(permit.organization())))
}

/// The form again, with what is wrong.
pub(super) async fn refused(
    console: &Console,
    permit: &Permit<ManageConnections>,
    filled: &Filled,
    call: &Call,
    problem: Problem,
) -> Result<Answer, Problem> {
    // What is not there is no matter of this page.
    if problem.status() == StatusCode::NOT_FOUND {
        return Err(problem);
    }
    let shown = Shown::read(console, permit, filled, call).await?;
    again(problem, &shown.title, &shown.content)
}
