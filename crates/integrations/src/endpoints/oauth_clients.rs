//! What an organization is registered as at services.

use std::collections::BTreeSet;

use access_control::{ListOauthClients, ManageOauthClients, Permit};
use catalogue::ServiceKey;
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, PagingParameters, Problem};
use ids::{OauthClientId, UserId};
use schemars::JsonSchema;
use secrets_vault::SecretText;
use serde::{Deserialize, Serialize};

use super::LARGEST_WITH_SECRETS;
use super::account_bodies::secret_text;
use crate::{AccountError, GivenClient, GivenSecret, OauthClient, OauthClients};

pub(super) fn endpoints(clients: &OauthClients) -> Vec<Endpoint> {
    const ALL: &str = "/api/v1/organizations/{organization_id}/oauth-clients";
    const ONE: &str = "/api/v1/organizations/{organization_id}/oauth-clients/{oauth_client_id}";
    vec![
        Endpoint::get(ALL, "list_oauth_clients")
            .requires::<ListOauthClients>()
            .query::<PagingParameters>()
            .gives::<ClientsAnswer>(StatusCode::OK)
            .answers(clients.clone(), list),
        Endpoint::post(ALL, "create_oauth_client")
            .requires::<ManageOauthClients>()
            .takes::<NewBody>()
            .gives::<ClientAnswer>(StatusCode::CREATED)
            .refuses(&[StatusCode::CONFLICT])
            .answers(clients.clone(), create),
        Endpoint::get(ONE, "read_oauth_client")
            .requires::<ListOauthClients>()
            .gives::<ClientAnswer>(StatusCode::OK)
            .answers(clients.clone(), read),
        Endpoint::put(ONE, "replace_oauth_client")
            .requires::<ManageOauthClients>()
            .takes::<ReplaceBody>()
            .gives::<ClientAnswer>(StatusCode::OK)
            .refuses(&[StatusCode::CONFLICT])
            .answers(clients.clone(), replace),
        Endpoint::delete(ONE, "delete_oauth_client")
            .requires::<ManageOauthClients>()
            .gives_nothing()
            .answers(clients.clone(), delete),
    ]
}

/// An OAuth client, without its secret.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ClientAnswer {
    id: OauthClientId,
    service: String,
    /// Its identifier at the service.
    client_id: String,
    /// The scopes that are asked for; empty for those of the service's entry.
    #[schemars(with = "Vec<String>")]
    scopes: BTreeSet<String>,
    /// How often it was written.
    version: i64,
    created_by: UserId,
    created_at: Instant,
    updated_by: UserId,
    updated_at: Instant,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ClientsAnswer {
    oauth_clients: Vec<ClientAnswer>,
    next_cursor: Option<String>,
}

/// An OAuth client that is registered at a service.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NewOauthClient")]
struct NewBody {
    /// The service's stable name.
    service: String,
    /// Its identifier at the service; of OAuth 1.0a, the consumer key.
    client_id: String,
    /// Its secret, never answered again. Left out only for public clients.
    client_secret: Option<SecretText>,
    /// Whether it has no secret (RFC 6749, 2.1).
    #[serde(default)]
    public_client: bool,
    /// The scopes to ask for; empty or left out for those of the service's entry.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    scopes: BTreeSet<String>,
}

/// Another registration in the place of one. With another identifier, accounts have to be connected again.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "OauthClientReplacement")]
struct ReplaceBody {
    client_id: String,
    /// Left out, the stored one stays, if the identifier stays, too.
    client_secret: Option<SecretText>,
    #[serde(default)]
    public_client: bool,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    scopes: BTreeSet<String>,
    /// The version that was looked at; left out, whatever is there is replaced.
    version: Option<i64>,
}

impl From<OauthClient> for ClientAnswer {
    fn from(client: OauthClient) -> Self {
        Self {
            id: client.id,
            service: client.service.to_string(),
            client_id: client.client_id,
            scopes: client.scopes,
            version: client.version,
            created_by: client.created_by,
            created_at: client.created_at.into(),
            updated_by: client.updated_by,
            updated_at: client.updated_at.into(),
        }
    }
}

fn given_secret(text: Option<SecretText>, public_client: bool) -> Result<GivenSecret, Problem> {
    match (text, public_client) {
        (None, true) => Ok(GivenSecret::None),
        (None, false) => Ok(GivenSecret::Kept),
        (Some(text), false) => Ok(GivenSecret::Text(secret_text("clientSecret", text)?)),
        (Some(_), true) => Err(AccountError::invalid("clientSecret", "a public client has none").into()),
    }
}

async fn list(
    clients: OauthClients,
    permit: Permit<ListOauthClients>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let mut found = clients.list(&permit, paging.after()?, paging.limit.saturating_add(1)).await?;
    let next_cursor = paging.cut(&mut found, |client| client.id.to_string());
    let oauth_clients = found.into_iter().map(ClientAnswer::from).collect();
    Ok(Answer::json(&ClientsAnswer { oauth_clients, next_cursor }))
}

async fn create(
    clients: OauthClients,
    permit: Permit<ManageOauthClients>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let NewBody { service, client_id, client_secret, public_client, scopes } =
        call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let service: ServiceKey = service.parse().map_err(|_| AccountError::UnknownService)?;
    let given = GivenClient { client_id, secret: given_secret(client_secret, public_client)?, scopes };
    let made = clients.create(&permit, &service, given, call.occasion()).await?;
    Ok(Answer::created(&ClientAnswer::from(made)))
}

async fn read(
    clients: OauthClients,
    permit: Permit<ListOauthClients>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = clients.find(&permit, call.path("oauth_client_id")?).await?;
    Ok(Answer::json(&ClientAnswer::from(found)))
}

async fn replace(
    clients: OauthClients,
    permit: Permit<ManageOauthClients>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("oauth_client_id")?;
    let ReplaceBody { client_id, client_secret, public_client, scopes, version } =
        call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let given = GivenClient { client_id, secret: given_secret(client_secret, public_client)?, scopes };
    let changed = clients.update(&permit, id, given, version, call.occasion()).await?;
    Ok(Answer::json(&ClientAnswer::from(changed)))
}

async fn delete(
    clients: OauthClients,
    permit: Permit<ManageOauthClients>,
    call: Call,
) -> Result<Answer, Problem> {
    clients.delete(&permit, call.path("oauth_client_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}
