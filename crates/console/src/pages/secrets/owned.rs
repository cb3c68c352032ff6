//! A page about somebody's secrets, and its forms: the same whoever they belong to.

use std::sync::Arc;

use access_control::{Action, Check, Permit, Scope};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, ObjectFromPath, Paging, Problem};
use ids::SecretId;
use maud::{Markup, html};
use secrets_vault::{NamedSecrets, SecretOwner, SecretScope};

use super::{Listing, new_secret, new_value};
use crate::Console;
use crate::layout::{again, page};

/// A kind of owner whose secrets have a page.
pub(crate) trait Paged:
    SecretOwner<List: Action<Scope: Check + ObjectFromPath>, Manage: Action<Scope: Check + ObjectFromPath>>
    + Sized
{
    /// Which secrets can be there.
    const SCOPE: SecretScope;
    /// The segment of the path that names a secret.
    const ID: &'static str;

    /// Their use case.
    fn secrets(console: &Console) -> &NamedSecrets<Self>;

    /// The path of the page.
    fn base(object: Object<Self>) -> String;

    /// What the page says besides the list.
    async fn around(console: &Console, permit: &Permit<Self::List>, call: &Call) -> Result<Around, Problem>;
}

/// Whose secrets they are, as the path says it.
type Object<O> = <<<O as SecretOwner>::List as Action>::Scope as Scope>::Object;

/// What a page says besides the list.
pub(crate) struct Around {
    pub(super) title: String,
    pub(super) before: Markup,
    pub(super) after: Markup,
}

/// The page.
pub(crate) async fn show<O: Paged>(
    console: Arc<Console>,
    permit: Permit<O::List>,
    call: Call,
) -> Result<Answer, Problem> {
    let (title, content) = read::<O>(&console, &permit, &call.paging()?, &call).await?;
    Ok(page(&title, &content))
}

/// Keeps a new secret.
pub(crate) async fn create<O: Paged>(
    console: Arc<Console>,
    permit: Permit<O::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let outcome = async {
        let new = new_secret(&mut call).await?;
        O::secrets(&console).create(&permit, new, call.occasion()).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer::<O>(&console, &permit, &call, outcome).await
}

/// Puts another value in the place of one.
pub(crate) async fn replace<O: Paged>(
    console: Arc<Console>,
    permit: Permit<O::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path(O::ID)?;
    let outcome = async {
        let new = new_value(&mut call).await?;
        O::secrets(&console).replace(&permit, id, new, call.occasion()).await?;
        Ok(())
    };
    let outcome = outcome.await;
    answer::<O>(&console, &permit, &call, outcome).await
}

/// Deletes a secret.
pub(crate) async fn delete<O: Paged>(
    console: Arc<Console>,
    permit: Permit<O::Manage>,
    call: Call,
) -> Result<Answer, Problem> {
    let id: SecretId = call.path(O::ID)?;
    let outcome = O::secrets(&console).delete(&permit, id, call.occasion()).await.map_err(Problem::from);
    answer::<O>(&console, &permit, &call, outcome).await
}

/// Back to the page, or the page with what is wrong.
async fn answer<O: Paged>(
    console: &Console,
    permit: &Permit<O::Manage>,
    call: &Call,
    outcome: Result<(), Problem>,
) -> Result<Answer, Problem> {
    let object = object::<O>(call)?;
    match outcome {
        Ok(()) => Ok(Answer::see_other(&O::base(object))),
        // What is not there is no matter of this page.
        Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem),
        Err(problem) => {
            let list = console.permit::<O::List>(O::managed(permit).0, object, call.now())?;
            let (title, content) = read::<O>(console, &list, &Paging::default(), call).await?;
            again(problem, &title, &content)
        }
    }
}

/// The title and what is under it.
async fn read<O: Paged>(
    console: &Console,
    permit: &Permit<O::List>,
    paging: &Paging,
    call: &Call,
) -> Result<(String, Markup), Problem> {
    let mut secrets = O::secrets(console).list(permit, paging.after()?, paging.limit + 1).await?;
    let next_cursor = paging.cut(&mut secrets, |secret| secret.id.to_string());
    let listing = Listing { scope: O::SCOPE, base: O::base(object::<O>(call)?), secrets, next_cursor };
    let Around { title, before, after } = O::around(console, permit, call).await?;
    Ok((title, html! { (before) (listing.content()) (after) }))
}

fn object<O: Paged>(call: &Call) -> Result<Object<O>, Problem> {
    <O::List as Action>::Scope::object(call)
}
