//! Making, changing and deleting saved queries.

use std::sync::Arc;

use access_control::{ListDataQueries, ManageDataQueries, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Problem};
use ids::DataQueryId;

use super::filled::Filled;
use super::{Around, base, find, form};
use crate::Console;
use crate::fields::Fields;
use crate::layout::{again, page};

/// `/apps/{app_id}/new-data-query`
pub(crate) async fn new(
    console: Arc<Console>,
    permit: Permit<ManageDataQueries>,
    call: Call,
) -> Result<Answer, Problem> {
    let around = Around::read(&console, permit.actor(), permit.app(), &call).await?;
    let content = form::content(&around, &Filled::blank());
    Ok(page(&format!("New saved query of {}", around.app.name), &content))
}

/// Saves a query.
pub(crate) async fn create(
    console: Arc<Console>,
    permit: Permit<ManageDataQueries>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let filled = Filled::again(&Fields::with_secret(&mut call).await?);
    let created =
        async { Ok(console.data_queries.create(&permit, filled.definition()?, call.occasion()).await?) };
    match created.await {
        Ok(query) => Ok(Answer::see_other(&format!("{}/{}", base(permit.app()), query.id))),
        Err(problem) => refused(&console, &permit, &filled, &call, problem).await,
    }
}

/// `/apps/{app_id}/data-queries/{data_query_id}/edit`
pub(crate) async fn edit(
    console: Arc<Console>,
    permit: Permit<ManageDataQueries>,
    call: Call,
) -> Result<Answer, Problem> {
    let list = console.permit::<ListDataQueries>(permit.actor(), permit.app(), call.now())?;
    let query = find(&console, &list, &call).await?;
    let around = Around::read(&console, permit.actor(), permit.app(), &call).await?;
    let content = form::content(&around, &Filled::of(&query));
    Ok(page(&format!("Change {}", query.definition.name), &content))
}

/// Changes a saved query.
pub(crate) async fn change(
    console: Arc<Console>,
    permit: Permit<ManageDataQueries>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id: DataQueryId = call.path("data_query_id")?;
    let fields = Fields::with_secret(&mut call).await?;
    let mut filled = Filled::again(&fields);
    filled.put("data_query_id", id);
    let changed = async {
        let version = if fields.text("version").is_empty() { None } else { Some(fields.number("version")?) };
        let definition = filled.definition()?;
        Ok(console.data_queries.update(&permit, id, definition, version, call.occasion()).await?)
    };
    match changed.await {
        Ok(_) => Ok(Answer::see_other(&format!("{}/{id}", base(permit.app())))),
        Err(problem) => refused(&console, &permit, &filled, &call, problem).await,
    }
}

/// Deletes a saved query.
pub(crate) async fn delete(
    console: Arc<Console>,
    permit: Permit<ManageDataQueries>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: DataQueryId = call.path("data_query_id")?;
    console.data_queries.delete(&permit, id, call.occasion()).await?;
    Ok(Answer::see_other(&base(permit.app())))
}

/// The form again, with what is wrong.
async fn refused(
    console: &Console,
    permit: &Permit<ManageDataQueries>,
    filled: &Filled,
    call: &Call,
    problem: Problem,
) -> Result<Answer, Problem> {
    // What is not there is no matter of this page.
    if problem.status() == StatusCode::NOT_FOUND {
        return Err(problem);
    }
    let around = Around::read(console, permit.actor(), permit.app(), call).await?;
    let title = format!("Saved query of {}", around.app.name);
    again(problem, &title, &form::content(&around, filled))
}
