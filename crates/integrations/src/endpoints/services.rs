//! The services that accounts can be connected at.

use access_control::{ListServices, Permit};
use catalogue::{Action, Authentication, Page, RateLimit, ServiceKey};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, PagingParameters, Problem};
use schemars::JsonSchema;
use serde::Serialize;
use service_client::{AskedSecret, asked_secrets};
use url::Url;

use crate::{ConnectAttempts, OfferedService, Services};

pub(super) fn endpoints(services: &Services, attempts: &ConnectAttempts) -> Vec<Endpoint> {
    let state = (services.clone(), attempts.clone());
    vec![
        Endpoint::get("/api/v1/organizations/{organization_id}/services", "list_services")
            .requires::<ListServices>()
            .query::<PagingParameters>()
            .gives::<ServicesAnswer>(StatusCode::OK)
            .answers(services.clone(), list),
        Endpoint::get("/api/v1/organizations/{organization_id}/services/{service}", "read_service")
            .requires::<ListServices>()
            .gives::<DescribedAnswer>(StatusCode::OK)
            .answers(state, read),
    ]
}

/// A service.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServiceAnswer {
    /// Its stable name.
    service: String,
    name: String,
    categories: Vec<String>,
    /// How far its entry was tried: live, fixture, documented or imported.
    tier: String,
    documentation: String,
    /// oauth2_code, oauth2_client_credentials, oauth2_jwt_bearer, api_key, bearer_token, basic, two_step, oauth1,
    /// signature_v4 or none.
    authentication: &'static str,
    /// Whether it is one of the organization's own.
    imported: bool,
    /// Whether the organization has to register a client there before accounts can be connected.
    needs_client: bool,
    /// Whether it has.
    has_client: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ServicesAnswer {
    services: Vec<ServiceAnswer>,
    next_cursor: Option<String>,
}

/// A service, with what whoever connects an account is asked for.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct DescribedAnswer {
    #[serde(flatten)]
    service: ServiceAnswer,
    variables: Vec<VariableAnswer>,
    secrets: Vec<SecretAnswer>,
    scopes: ScopesAnswer,
    /// The address to register at the service; null where nobody is sent back from there.
    redirect_url: Option<String>,
    /// Whether an account can be tried.
    has_test: bool,
    /// The only hosts that get a credential.
    hosts: Vec<String>,
    quirks: Vec<String>,
    /// How its long answers are continued; null where the entry does not know.
    continuation: Option<ContinuationAnswer>,
    rate_limit: RateLimitAnswer,
    actions: Vec<ActionAnswer>,
}

/// How long answers are continued, by whoever asked.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ContinuationAnswer {
    /// cursor: with what the answer says; offset: with the number of records so far; number: with the number of the page;
    /// link: with the answer's Link header (RFC 8288).
    kind: &'static str,
    /// Where in the answer the next cursor, or the next address, is (RFC 6901).
    next: Option<String>,
    /// The parameter of the query that carries cursor, offset or number.
    parameter: Option<String>,
    /// The parameter of the query that says how many records come at once.
    size: Option<String>,
}

/// How the service limits calls.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RateLimitAnswer {
    /// What its documentation promises, in its own words.
    stated: Option<String>,
    /// The service's header that says how many calls are left; apps get the number as x-service-calls-left.
    remaining: Option<String>,
    /// The statuses that mean that there were too many.
    statuses: Vec<u16>,
}

/// A value that is asked for.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VariableAnswer {
    key: String,
    label: String,
    /// A regular expression that the whole value has to match.
    pattern: String,
    example: Option<String>,
    /// What is taken if it is left out.
    default: Option<String>,
}

/// A secret that is asked for.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SecretAnswer {
    name: String,
    label: String,
    optional: bool,
    /// Whether it has several lines.
    lines: bool,
    /// Whether it may be shown while it is typed.
    shown: bool,
}

/// The scopes of the entry.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ScopesAnswer {
    /// Asked for if nobody chooses.
    default: Vec<String>,
    /// Always asked for.
    required: Vec<String>,
}

/// A call that apps make by its name.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ActionAnswer {
    id: String,
    name: String,
    method: String,
    path: String,
    /// Members of the input without which it is refused.
    required: Vec<String>,
    /// Members of the input that go into the query.
    query: Vec<String>,
}

impl From<&OfferedService> for ServiceAnswer {
    fn from(offered: &OfferedService) -> Self {
        let service = &offered.known.service;
        Self {
            service: service.id.to_string(),
            name: service.name.clone(),
            categories: service.categories.clone(),
            tier: service.tier.as_str().to_owned(),
            documentation: service.documentation.to_string(),
            authentication: service.authentication.as_str(),
            imported: offered.known.imported.is_some(),
            needs_client: service.authentication.needs_client(),
            has_client: offered.has_client,
        }
    }
}

impl DescribedAnswer {
    fn of(offered: &OfferedService, redirect: &Url) -> Self {
        let service = &offered.known.service;
        let (default, required) = match &service.authentication {
            Authentication::Oauth2Code(code) => (code.default_scopes.clone(), code.required_scopes.clone()),
            _ => (Vec::new(), Vec::new()),
        };
        let variable = |variable: &catalogue::Variable| VariableAnswer {
            key: variable.key.clone(),
            label: variable.label.clone(),
            pattern: variable.pattern.as_str().to_owned(),
            example: variable.example.clone(),
            default: variable.default.clone(),
        };
        Self {
            service: offered.into(),
            variables: service.variables.iter().map(variable).collect(),
            secrets: asked_secrets(&service.authentication).into_iter().map(SecretAnswer::from).collect(),
            scopes: ScopesAnswer { default, required },
            redirect_url: service.authentication.needs_client().then(|| redirect.to_string()),
            has_test: service.api.test.is_some(),
            hosts: service.api.hosts.iter().map(|host| host.as_str().to_owned()).collect(),
            quirks: service.quirks.clone(),
            continuation: service.api.page.as_ref().map(ContinuationAnswer::from),
            rate_limit: RateLimitAnswer::from(&service.api.rate_limit),
            actions: service.actions.iter().map(ActionAnswer::from).collect(),
        }
    }
}

impl From<&Page> for ContinuationAnswer {
    fn from(page: &Page) -> Self {
        let Page { kind, next, parameter, size } = page.clone();
        Self { kind: kind.as_str(), next, parameter, size }
    }
}

impl From<&RateLimit> for RateLimitAnswer {
    fn from(limit: &RateLimit) -> Self {
        let RateLimit { stated, remaining, statuses, .. } = limit.clone();
        Self { stated, remaining, statuses }
    }
}

impl From<AskedSecret> for SecretAnswer {
    fn from(asked: AskedSecret) -> Self {
        let AskedSecret { name, label, optional, lines, shown } = asked;
        Self { name, label, optional, lines, shown }
    }
}

impl From<&Action> for ActionAnswer {
    fn from(action: &Action) -> Self {
        let Action { id, name, method, path, query, required, .. } = action.clone();
        Self { id, name, method, path, required, query }
    }
}

async fn list(services: Services, permit: Permit<ListServices>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let after: Option<ServiceKey> = paging.after()?;
    let mut found = services.list(&permit, after.as_ref(), paging.limit.saturating_add(1)).await?;
    let next_cursor = paging.cut(&mut found, |offered| offered.known.service.id.to_string());
    let services = found.iter().map(ServiceAnswer::from).collect();
    Ok(Answer::json(&ServicesAnswer { services, next_cursor }))
}

async fn read(
    (services, attempts): (Services, ConnectAttempts),
    permit: Permit<ListServices>,
    call: Call,
) -> Result<Answer, Problem> {
    let key: ServiceKey = call.path("service")?;
    let found = services.read(&permit, &key).await?.ok_or_else(Problem::not_found)?;
    Ok(Answer::json(&DescribedAnswer::of(&found, &attempts.redirect(permit.organization(), &found.known))))
}
