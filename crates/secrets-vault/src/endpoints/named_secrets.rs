//! The secrets of organizations, of apps and of people: the same endpoints at different addresses.

use access_control::{Action, Check, Permit};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, ObjectFromPath, PagingParameters, Problem};
use ids::SecretId;

use super::bodies::{LARGEST_BODY, NewBody, ReplaceBody, SecretAnswer, SecretsAnswer, UsesAnswer};
use super::{one_more, piece};
use crate::{NamedSecrets, OfApp, OfMember, OfOrganization, SecretOwner};

/// The endpoints of one kind of owner, as other files name them.
pub struct Address {
    all: &'static str,
    one: &'static str,
    /// The segment of the path that names a secret.
    id: &'static str,
    list: &'static str,
    create: &'static str,
    read: &'static str,
    replace: &'static str,
    delete: &'static str,
    /// Path and name, where apps use these secrets.
    uses: Option<(&'static str, &'static str)>,
}

/// A kind of owner whose secrets have an address.
pub trait Addressed:
    SecretOwner<List: Action<Scope: Check + ObjectFromPath>, Manage: Action<Scope: Check + ObjectFromPath>>
{
    /// Where they are.
    const ADDRESS: Address;
}

impl Addressed for OfOrganization {
    const ADDRESS: Address = Address {
        all: "/api/v1/organizations/{organization_id}/secrets",
        one: "/api/v1/organizations/{organization_id}/secrets/{organization_secret_id}",
        id: "organization_secret_id",
        list: "list_secrets",
        create: "create_secret",
        read: "read_secret",
        replace: "replace_secret",
        delete: "delete_secret",
        uses: Some((
            "/api/v1/organizations/{organization_id}/secrets/{organization_secret_id}/uses",
            "list_secret_uses",
        )),
    };
}

impl Addressed for OfApp {
    const ADDRESS: Address = Address {
        all: "/api/v1/apps/{app_id}/secrets",
        one: "/api/v1/apps/{app_id}/secrets/{app_secret_id}",
        id: "app_secret_id",
        list: "list_app_secrets",
        create: "create_app_secret",
        read: "read_app_secret",
        replace: "replace_app_secret",
        delete: "delete_app_secret",
        uses: Some(("/api/v1/apps/{app_id}/secrets/{app_secret_id}/uses", "list_app_secret_uses")),
    };
}

impl Addressed for OfMember {
    const ADDRESS: Address = Address {
        all: "/api/v1/organizations/{organization_id}/own-secrets",
        one: "/api/v1/organizations/{organization_id}/own-secrets/{own_secret_id}",
        id: "own_secret_id",
        list: "list_own_secrets",
        create: "create_own_secret",
        read: "read_own_secret",
        replace: "replace_own_secret",
        delete: "delete_own_secret",
        uses: None,
    };
}

pub fn endpoints<O: Addressed>(secrets: &NamedSecrets<O>) -> Vec<Endpoint> {
    let address = O::ADDRESS;
    let mut endpoints = vec![
        Endpoint::get(address.all, address.list)
            .requires::<O::List>()
            .query::<PagingParameters>()
            .gives::<SecretsAnswer>(StatusCode::OK)
            .answers(secrets.clone(), list),
        Endpoint::post(address.all, address.create)
            .requires::<O::Manage>()
            .takes::<NewBody>()
            .gives::<SecretAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), create),
        Endpoint::get(address.one, address.read)
            .requires::<O::List>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .answers(secrets.clone(), read),
        Endpoint::put(address.one, address.replace)
            .requires::<O::Manage>()
            .takes::<ReplaceBody>()
            .gives::<SecretAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(secrets.clone(), replace),
        Endpoint::delete(address.one, address.delete)
            .requires::<O::Manage>()
            .gives_nothing()
            .answers(secrets.clone(), delete),
    ];
    if let Some((path, name)) = address.uses {
        let uses = Endpoint::get(path, name)
            .requires::<O::List>()
            .gives::<UsesAnswer>(StatusCode::OK)
            .answers(secrets.clone(), uses);
        endpoints.push(uses);
    }
    endpoints
}

fn id<O: Addressed>(call: &Call) -> Result<SecretId, Problem> {
    call.path(O::ADDRESS.id)
}

async fn list<O: Addressed>(
    secrets: NamedSecrets<O>,
    permit: Permit<O::List>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let found = secrets.list(&permit, paging.after()?, one_more(&paging)).await?;
    Ok(piece(&paging, found))
}

async fn read<O: Addressed>(
    secrets: NamedSecrets<O>,
    permit: Permit<O::List>,
    call: Call,
) -> Result<Answer, Problem> {
    let secret = secrets.find(&permit, id::<O>(&call)?).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn uses<O: Addressed>(
    secrets: NamedSecrets<O>,
    permit: Permit<O::List>,
    call: Call,
) -> Result<Answer, Problem> {
    let uses = secrets.uses(&permit, id::<O>(&call)?, call.occasion()).await?;
    Ok(Answer::json(&UsesAnswer::from(uses)))
}

async fn create<O: Addressed>(
    secrets: NamedSecrets<O>,
    permit: Permit<O::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: NewBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.create(&permit, body.into(), call.occasion()).await?;
    Ok(Answer::created(&SecretAnswer::from(secret)))
}

async fn replace<O: Addressed>(
    secrets: NamedSecrets<O>,
    permit: Permit<O::Manage>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = id::<O>(&call)?;
    let body: ReplaceBody = call.json_up_to(LARGEST_BODY).await?;
    let secret = secrets.replace(&permit, id, body.into(), call.occasion()).await?;
    Ok(Answer::json(&SecretAnswer::from(secret)))
}

async fn delete<O: Addressed>(
    secrets: NamedSecrets<O>,
    permit: Permit<O::Manage>,
    call: Call,
) -> Result<Answer, Problem> {
    secrets.delete(&permit, id::<O>(&call)?, call.occasion()).await?;
    Ok(Answer::no_content())
}
