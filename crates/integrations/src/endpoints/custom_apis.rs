//! The custom APIs of an organization. Credentials come in and never go out.

use std::collections::BTreeMap;

use access_control::{ListCustomApis, ManageCustomApis, Permit, UsableBy};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, PagingParameters, Problem, sentence};
use ids::{AppId, CustomApiId, Name, UserId};
use schemars::JsonSchema;
use secrets_vault::SecretText;
use serde::{Deserialize, Serialize};
use url::Url;

use super::LARGEST_WITH_SECRETS;
use crate::custom_api::{CustomApi, CustomApiAuthentication, CustomApiDefinition, CustomApiDefinitionError};
use crate::custom_api_credentials::GivenCredential;
use crate::custom_apis::GivenCustomApi;
use crate::{CustomApiError, CustomApis};

/// A new custom API, or another definition for one.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CustomApiBody {
    /// Once in the organization; case makes no difference.
    name: Name,
    /// What paths are joined to: `https`, a domain name or an IPv4 address, perhaps a port and a path.
    base_url: String,
    authentication: AuthenticationBody,
    /// The key or the token: for `api_key` and `bearer_token`. Never answered again. Left out, the stored one stays: only
    /// when neither base URL nor kind change.
    #[serde(default)]
    value: Option<SecretText>,
    /// The user name: for `basic`. Never answered again.
    #[serde(default)]
    user: Option<String>,
    /// The password: for `basic`. Never answered again.
    #[serde(default)]
    password: Option<SecretText>,
    /// Headers of every call; no secrets.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The apps that may use it; every app of the organization, if it is left out.
    #[serde(default)]
    apps: Option<Vec<AppId>>,
    /// Whether pages of these apps may use it, too, and not only their servers.
    #[serde(default)]
    from_pages: bool,
    /// The version that is replaced: 409 if it is another one by now. Any, if left out; of no meaning for a new one.
    #[serde(default)]
    expected_version: Option<i64>,
}

/// How the credentials of a custom API are put into calls.
#[derive(Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CustomApiAuthentication")]
enum AuthenticationBody {
    /// A key in `X-API-Key`.
    ApiKey,
    /// A token as `Authorization: Bearer`.
    BearerToken,
    /// User name and password as `Authorization: Basic`.
    Basic,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CustomApisAnswer {
    custom_apis: Vec<CustomApiAnswer>,
    next_cursor: Option<String>,
}

/// A custom API, without what proves its calls.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CustomApiAnswer {
    id: CustomApiId,
    name: Name,
    base_url: String,
    authentication: AuthenticationBody,
    headers: BTreeMap<String, String>,
    /// The apps that may use it, of those that you see; null for every app of the organization.
    apps: Option<Vec<AppId>>,
    from_pages: bool,
    version: i64,
    created_by: UserId,
    created_at: Instant,
    updated_by: UserId,
    updated_at: Instant,
}

pub(super) fn endpoints(apis: &CustomApis) -> Vec<Endpoint> {
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/custom-apis", "list_custom_apis")
            .requires::<ListCustomApis>()
            .query::<PagingParameters>()
            .gives::<CustomApisAnswer>(StatusCode::OK)
            .answers(apis.clone(), list),
        Endpoint::post("/api/v1/organizations/{organization_id}/custom-apis", "create_custom_api")
            .requires::<ManageCustomApis>()
            .takes::<CustomApiBody>()
            .refuses(&[StatusCode::CONFLICT])
            .gives::<CustomApiAnswer>(StatusCode::CREATED)
            .answers(apis.clone(), create),
        Endpoint::get(
            "/api/v1/organizations/{organization_id}/custom-apis/{custom_api_id}",
            "read_custom_api",
        )
        .requires::<ListCustomApis>()
        .gives::<CustomApiAnswer>(StatusCode::OK)
        .answers(apis.clone(), find),
        Endpoint::put(
            "/api/v1/organizations/{organization_id}/custom-apis/{custom_api_id}",
            "replace_custom_api",
        )
        .requires::<ManageCustomApis>()
        .takes::<CustomApiBody>()
        .refuses(&[StatusCode::CONFLICT])
        .gives::<CustomApiAnswer>(StatusCode::OK)
        .answers(apis.clone(), replace),
        Endpoint::delete(
            "/api/v1/organizations/{organization_id}/custom-apis/{custom_api_id}",
            "delete_custom_api",
        )
        .requires::<ManageCustomApis>()
        .gives_nothing()
        .answers(apis.clone(), delete),
    ]
}

async fn list(apis: CustomApis, permit: Permit<ListCustomApis>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let one_more = paging.limit.saturating_add(1);
    let mut found = apis.list(&permit, paging.after()?, one_more, call.now()).await?;
    let next_cursor = paging.cut(&mut found, |api| api.id.to_string());
    let custom_apis = found.into_iter().map(CustomApiAnswer::from).collect();
    Ok(Answer::json(&CustomApisAnswer { custom_apis, next_cursor }))
}

async fn create(
    apis: CustomApis,
    permit: Permit<ManageCustomApis>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: CustomApiBody = call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let (given, _) = body.given()?;
    let made = apis.create(&permit, given, call.occasion()).await?;
    Ok(Answer::created(&CustomApiAnswer::from(made)))
}

async fn find(apis: CustomApis, permit: Permit<ListCustomApis>, call: Call) -> Result<Answer, Problem> {
    let found = apis.find(&permit, call.path("custom_api_id")?, call.now()).await?;
    Ok(Answer::json(&CustomApiAnswer::from(found)))
}

async fn replace(
    apis: CustomApis,
    permit: Permit<ManageCustomApis>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("custom_api_id")?;
    let body: CustomApiBody = call.json_up_to(LARGEST_WITH_SECRETS).await?;
    let (given, expected_version) = body.given()?;
    let changed = apis.update(&permit, id, given, expected_version, call.occasion()).await?;
    Ok(Answer::json(&CustomApiAnswer::from(changed)))
}

async fn delete(apis: CustomApis, permit: Permit<ManageCustomApis>, call: Call) -> Result<Answer, Problem> {
    apis.delete(&permit, call.path("custom_api_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}

impl CustomApiBody {
    /// What it is, and the version that it takes the place of.
    fn given(self) -> Result<(GivenCustomApi, Option<i64>), CustomApiError> {
        let definition = CustomApiDefinition {
            name: self.name,
            base_url: Url::parse(&self.base_url).map_err(|_| CustomApiDefinitionError::BaseUrl)?,
            authentication: self.authentication.into(),
            headers: self.headers,
            usable_by: self
                .apps
                .map_or(UsableBy::EveryApp, |apps| UsableBy::Apps(apps.into_iter().collect())),
            from_pages: self.from_pages,
        };
        let credential = GivenCredential {
            value: self.value.map(SecretText::into_bytes),
            user: self.user,
            password: self.password.map(SecretText::into_bytes),
        };
        Ok((GivenCustomApi { definition, credential }, self.expected_version))
    }
}

impl From<CustomApi> for CustomApiAnswer {
    fn from(api: CustomApi) -> Self {
        let CustomApiDefinition { name, base_url, authentication, headers, usable_by, from_pages } =
            api.definition;
        Self {
            id: api.id,
            name,
            base_url: base_url.into(),
            authentication: authentication.into(),
            headers,
            apps: match usable_by {
                UsableBy::EveryApp => None,
                UsableBy::Apps(apps) => Some(apps.into_iter().collect()),
            },
            from_pages,
            version: api.version,
            created_by: api.created_by,
            created_at: api.created_at.into(),
            updated_by: api.updated_by,
            updated_at: api.updated_at.into(),
        }
    }
}

impl From<AuthenticationBody> for CustomApiAuthentication {
    fn from(body: AuthenticationBody) -> Self {
        match body {
            AuthenticationBody::ApiKey => Self::ApiKey,
            AuthenticationBody::BearerToken => Self::BearerToken,
            AuthenticationBody::Basic => Self::Basic,
        }
    }
}

impl From<CustomApiAuthentication> for AuthenticationBody {
    fn from(kind: CustomApiAuthentication) -> Self {
        match kind {
            CustomApiAuthentication::ApiKey => Self::ApiKey,
            CustomApiAuthentication::BearerToken => Self::BearerToken,
            CustomApiAuthentication::Basic => Self::Basic,
        }
    }
}

impl From<CustomApiError> for Problem {
    fn from(error: CustomApiError) -> Self {
        let said = sentence(&error);
        match error {
            CustomApiError::NotFound => Self::not_found(),
            CustomApiError::Definition(_) => Self::invalid("invalid_custom_api", said),
            CustomApiError::UnknownApp => Self::invalid("unknown_app", said),
            CustomApiError::CredentialsNeeded | CustomApiError::CredentialsNeededForMore => {
                Self::invalid("credentials_needed", said)
            }
            CustomApiError::NameTaken => Self::conflict(
                "name_taken",
                "There is a custom API with this name. Case makes no difference.",
            ),
            CustomApiError::TooMany => {
                Self::conflict("too_many_custom_apis", "There are 1000 custom APIs here. Delete one first.")
            }
            CustomApiError::Changed => Self::conflict(
                "changed_meanwhile",
                "Somebody else has changed the custom API since you looked. Read it again.",
            ),
            CustomApiError::Tampered(_) => Self::conflict(
                "custom_api_tampered",
                "The custom API was changed outside of the platform, and is not used. Give its definition again with \
                 its credentials, and tell the operator.",
            ),
            CustomApiError::Facts(_) => Self::unavailable(),
            CustomApiError::Vault(reason) => reason.into(),
            CustomApiError::Audit(reason) => reason.into(),
            CustomApiError::Store(reason) => reason.into(),
            CustomApiError::Unwritable(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a custom API was not kept");
                Self::internal()
            }
        }
    }
}
