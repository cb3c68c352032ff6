//! The services of an organization's own.

use std::collections::BTreeMap;

use access_control::{ListServices, ManageServices, Permit};
use catalogue::{Answer as Asked, Answers, ImportError, Question, ServiceChange};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, Instant, PagingParameters, Problem};
use ids::{ImportedServiceId, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    DocumentSource, GivenDocument, ImportedService, ImportedServiceError, ImportedServices, Proposed,
};

/// The largest body, in bytes: larger documents are given by their address.
const LARGEST_BODY: usize = 8 << 20;

/// Everything that the endpoints of imported services are made from.
#[derive(Clone, Debug)]
pub struct ImportedServicesApi {
    /// The services.
    pub imported_services: ImportedServices,
}

impl ImportedServicesApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        const ALL: &str = "/api/v1/organizations/{organization_id}/imported-services";
        const ONE: &str = "/api/v1/organizations/{organization_id}/imported-services/{imported_service_id}";
        const NOT_FETCHED: &[StatusCode] =
            &[StatusCode::BAD_GATEWAY, StatusCode::GATEWAY_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
        const NOT_MADE: &[StatusCode] = &[
            StatusCode::CONFLICT,
            StatusCode::BAD_GATEWAY,
            StatusCode::GATEWAY_TIMEOUT,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        let services = &self.imported_services;
        vec![
            Endpoint::get(ALL, "list_imported_services")
                .requires::<ListServices>()
                .query::<PagingParameters>()
                .gives::<ImportedServicesAnswer>(StatusCode::OK)
                .answers(services.clone(), list),
            Endpoint::post(ALL, "import_service")
                .requires::<ManageServices>()
                .takes::<ImportBody>()
                .gives::<ImportedServiceAnswer>(StatusCode::CREATED)
                .refuses(NOT_MADE)
                .answers(services.clone(), create),
            Endpoint::post(
                "/api/v1/organizations/{organization_id}/imported-services/proposals",
                "propose_service",
            )
            .requires::<ManageServices>()
            .takes::<ProposalBody>()
            .gives::<ProposalAnswer>(StatusCode::OK)
            .refuses(NOT_FETCHED)
            .answers(services.clone(), propose),
            Endpoint::get(ONE, "read_imported_service")
                .requires::<ListServices>()
                .gives::<ImportedServiceAnswer>(StatusCode::OK)
                .answers(services.clone(), read),
            Endpoint::put(ONE, "import_service_again")
                .requires::<ManageServices>()
                .takes::<ImportAgainBody>()
                .gives::<ReimportedAnswer>(StatusCode::OK)
                .refuses(NOT_MADE)
                .answers(services.clone(), replace),
            Endpoint::delete(ONE, "delete_imported_service")
                .requires::<ManageServices>()
                .gives_nothing()
                .refuses(&[StatusCode::CONFLICT])
                .answers(services.clone(), delete),
            Endpoint::post(
                "/api/v1/organizations/{organization_id}/imported-services/{imported_service_id}/proposals",
                "propose_service_again",
            )
            .requires::<ManageServices>()
            .takes::<ProposalBody>()
            .gives::<ProposalAnswer>(StatusCode::OK)
            .refuses(NOT_FETCHED)
            .answers(services.clone(), propose_again),
        ]
    }
}

macro_rules! bodies {
    ($($(#[$doc:meta])* $name:ident as $shown:literal { $($(#[$own_doc:meta])* $own:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Deserialize, JsonSchema)]
            #[serde(rename_all = "camelCase", deny_unknown_fields)]
            #[schemars(rename = $shown)]
            struct $name {
                $($(#[$own_doc])* $own: $type,)*
                /// The text of an OpenAPI document, of OpenID Connect discovery, or of metadata by RFC 8414 or RFC 9728: JSON or
                /// YAML. Either this or `url`.
                document: Option<String>,
                /// Where it is: https, and public.
                url: Option<String>,
                /// The text of the authorization server's metadata, if the document leads to it and it cannot be fetched.
                authorization_server: Option<String>,
                /// What was answered: `name`, `key`, `category`, `documentation`, `base_url`, `authentication`,
                /// `authorization_server`.
                #[serde(default)]
                answers: BTreeMap<String, String>,
            }

            impl $name {
                /// The document, with which an entry is expected to come out of it.
                fn given(self, expected_entry: Option<String>) -> Result<GivenDocument, Problem> {
                    let given = given(self.document, self.url, self.authorization_server, self.answers)?;
                    Ok(GivenDocument { expected_entry, ..given })
                }
            }
        )*
    };
}

bodies! {
    /// A document that a service could be made of.
    ProposalBody as "ServiceProposalRequest" {}
    /// A document to make a service of.
    ImportBody as "ServiceImport" {
        /// The `entryDigest` of the proposal that was looked at: if the document makes another entry by now, it is not
        /// imported. Left out, whatever comes out is imported.
        entry_digest: Option<String>,
    }
    /// The same for a service that there is.
    ImportAgainBody as "ServiceImportAgain" {
        /// As for the first import.
        entry_digest: Option<String>,
        /// The version that was looked at; left out, whatever is there is replaced.
        version: Option<i64>,
    }
}

fn given(
    document: Option<String>,
    url: Option<String>,
    authorization_server: Option<String>,
    answers: BTreeMap<String, String>,
) -> Result<GivenDocument, Problem> {
    let invalid = |text: &str| Problem::invalid("invalid_import", text);
    let document = match (document, url) {
        (Some(text), None) => DocumentSource::Text(text),
        (None, Some(url)) => {
            let url = Url::parse(&url).ok().filter(|url| url.scheme() == "https");
            DocumentSource::Url(url.ok_or_else(|| invalid("url is no https URL."))?)
        }
        _ => return Err(invalid("Either document or url is given.")),
    };
    let mut read = Answers::new();
    for (key, text) in answers {
        let key: Asked = key.parse().map_err(|_| {
            let known: Vec<&str> = Asked::ALL.iter().map(|answer| answer.as_str()).collect();
            invalid(&format!("answers are to {}.", known.join(", ")))
        })?;
        read.insert(key, text);
    }
    Ok(GivenDocument { document, authorization_server, answers: read, expected_entry: None })
}

/// A service of an organization's own.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ImportedServiceAnswer {
    id: ImportedServiceId,
    /// Its stable name, with which accounts are connected at it.
    service: String,
    name: String,
    /// oauth2_code, oauth2_client_credentials, api_key, bearer_token, basic or none.
    authentication: &'static str,
    /// The URL that calls are joined to; values of accounts stand in braces.
    base: String,
    /// The only hosts that get a credential.
    hosts: Vec<String>,
    /// How many actions it has.
    actions: usize,
    /// Where the document was fetched from; null if it was handed in.
    source: Option<String>,
    /// The digest of everything that says where credentials go.
    digest: String,
    /// How often it was written.
    version: i64,
    created_by: UserId,
    created_at: Instant,
    updated_by: UserId,
    updated_at: Instant,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ImportedServicesAnswer {
    imported_services: Vec<ImportedServiceAnswer>,
    next_cursor: Option<String>,
}

/// What was imported again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ReimportedAnswer {
    #[serde(flatten)]
    service: ImportedServiceAnswer,
    changes: Vec<ChangeAnswer>,
    /// How many accounts have to be connected again, because credentials go elsewhere.
    accounts_to_reconnect: usize,
}

/// What would come out of a document.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ProposalAnswer {
    /// What kind of document it is.
    format: &'static str,
    /// What has to be answered first.
    questions: Vec<QuestionAnswer>,
    /// What of the document is not in the entry, and what was assumed.
    notes: Vec<String>,
    /// The entry, as TOML; null as long as there are questions.
    entry: Option<String>,
    /// Its digest, with which it is imported as it was looked at.
    entry_digest: Option<String>,
    /// For a service that there is: what would change, breaking changes first.
    changes: Vec<ChangeAnswer>,
    /// How many accounts would have to be connected again, because credentials would go elsewhere.
    accounts_to_reconnect: u64,
}

/// Something that a document leaves open.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct QuestionAnswer {
    /// What is asked: a key of `answers`.
    key: &'static str,
    /// The same for people.
    text: String,
    /// The answers that there are; any text if there are none.
    choices: Vec<String>,
    /// What is probably right.
    suggestion: Option<String>,
    /// Where documents may be that would answer it.
    documents: Vec<String>,
}

/// A difference between two versions.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ChangeAnswer {
    /// Whether apps or accounts that use the service have to be looked at.
    breaking: bool,
    text: String,
}

impl From<ImportedService> for ImportedServiceAnswer {
    fn from(imported: ImportedService) -> Self {
        let service = imported.service;
        Self {
            id: imported.id,
            service: service.id.to_string(),
            name: service.name,
            authentication: service.authentication.as_str(),
            base: service.api.base.to_string(),
            hosts: service.api.hosts.iter().map(|host| host.as_str().to_owned()).collect(),
            actions: service.actions.len(),
            source: Some(imported.source).filter(|source| !source.is_empty()),
            digest: imported.digest,
            version: imported.version,
            created_by: imported.created_by,
            created_at: imported.created_at.into(),
            updated_by: imported.updated_by,
            updated_at: imported.updated_at.into(),
        }
    }
}

impl From<Proposed> for ProposalAnswer {
    fn from(proposed: Proposed) -> Self {
        let Proposed { proposal, entry, changes, accounts_to_reconnect } = proposed;
        let (entry, entry_digest) = entry.map(|entry| (entry.text, entry.digest)).unzip();
        Self {
            format: proposal.format,
            questions: proposal.questions.into_iter().map(QuestionAnswer::from).collect(),
            notes: proposal.notes,
            entry,
            entry_digest,
            changes: changes.into_iter().map(ChangeAnswer::from).collect(),
            accounts_to_reconnect,
        }
    }
}

impl From<Question> for QuestionAnswer {
    fn from(question: Question) -> Self {
        let Question { key, text, choices, suggestion, documents } = question;
        let documents = documents.into_iter().map(String::from).collect();
        Self { key: key.as_str(), text, choices, suggestion, documents }
    }
}

impl From<ServiceChange> for ChangeAnswer {
    fn from(change: ServiceChange) -> Self {
        Self { breaking: change.is_breaking, text: change.text }
    }
}

async fn list(
    services: ImportedServices,
    permit: Permit<ListServices>,
    call: Call,
) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let mut found = services.list(&permit, paging.after()?, paging.limit.saturating_add(1)).await?;
    let next_cursor = paging.cut(&mut found, |imported| imported.id.to_string());
    let imported_services = found.into_iter().map(ImportedServiceAnswer::from).collect();
    Ok(Answer::json(&ImportedServicesAnswer { imported_services, next_cursor }))
}

async fn create(
    services: ImportedServices,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let mut body: ImportBody = call.json_up_to(LARGEST_BODY).await?;
    let digest = body.entry_digest.take();
    let made = services.create(&permit, body.given(digest)?, call.occasion()).await?;
    Ok(Answer::created(&ImportedServiceAnswer::from(made)))
}

async fn propose(
    services: ImportedServices,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let body: ProposalBody = call.json_up_to(LARGEST_BODY).await?;
    let proposed = services.propose(&permit, body.given(None)?, None).await?;
    Ok(Answer::json(&ProposalAnswer::from(proposed)))
}

async fn read(
    services: ImportedServices,
    permit: Permit<ListServices>,
    call: Call,
) -> Result<Answer, Problem> {
    let found = services.find(&permit, call.path("imported_service_id")?).await?;
    Ok(Answer::json(&ImportedServiceAnswer::from(found)))
}

async fn replace(
    services: ImportedServices,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("imported_service_id")?;
    let mut body: ImportAgainBody = call.json_up_to(LARGEST_BODY).await?;
    let (version, digest) = (body.version, body.entry_digest.take());
    let done = services.update(&permit, id, body.given(digest)?, version, call.occasion()).await?;
    Ok(Answer::json(&ReimportedAnswer {
        service: done.imported.into(),
        changes: done.changes.into_iter().map(ChangeAnswer::from).collect(),
        accounts_to_reconnect: done.accounts_to_reconnect,
    }))
}

async fn delete(
    services: ImportedServices,
    permit: Permit<ManageServices>,
    call: Call,
) -> Result<Answer, Problem> {
    services.delete(&permit, call.path("imported_service_id")?, call.occasion()).await?;
    Ok(Answer::no_content())
}

async fn propose_again(
    services: ImportedServices,
    permit: Permit<ManageServices>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let id = call.path("imported_service_id")?;
    let body: ProposalBody = call.json_up_to(LARGEST_BODY).await?;
    let proposed = services.propose(&permit, body.given(None)?, Some(id)).await?;
    Ok(Answer::json(&ProposalAnswer::from(proposed)))
}

impl From<ImportedServiceError> for Problem {
    fn from(error: ImportedServiceError) -> Self {
        let said = endpoint::sentence(&error);
        match error {
            ImportedServiceError::NotFound => Self::not_found(),
            ImportedServiceError::Import(ImportError::Address { .. }) => {
                Self::invalid("address_refused", said)
            }
            ImportedServiceError::Import(_) | ImportedServiceError::NoText => {
                Self::invalid("import_refused", said)
            }
            ImportedServiceError::OpenHost { .. } => Self::invalid("open_host", said),
            ImportedServiceError::Open(_) => Self::invalid("questions_open", said),
            ImportedServiceError::NotFetched(error) => not_fetched(&error, said),
            ImportedServiceError::TooLarge(_) => Self::invalid("service_too_large", said),
            ImportedServiceError::TooMany(_) | ImportedServiceError::Full(_) => {
                Self::conflict("too_many_services", said)
            }
            ImportedServiceError::NameTaken => Self::conflict("name_taken", said),
            ImportedServiceError::Changed => Self::conflict("changed_meanwhile", said),
            ImportedServiceError::DocumentChanged => Self::conflict("document_changed", said),
            ImportedServiceError::InUse { .. } => Self::conflict("service_in_use", said),
            ImportedServiceError::Busy => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "imports_busy", said).after(TRY_AGAIN_AFTER)
            }
            ImportedServiceError::Store(error) => error.into(),
            ImportedServiceError::Audit(error) => error.into(),
            ImportedServiceError::Interrupted | ImportedServiceError::Unwritable => {
                tracing::error!(error = &error as &dyn std::error::Error, "a document was not imported");
                Self::internal()
            }
        }
    }
}

/// What a client may wait before it tries again, in seconds.
const TRY_AGAIN_AFTER: u32 = 2;

fn not_fetched(error: &service_client::CallError, said: String) -> Problem {
    use service_client::{CallError, NotSent};
    match error {
        CallError::NotSent(NotSent::Address(_)) | CallError::Destination(_) => {
            Problem::invalid("address_refused", said)
        }
        CallError::TooLarge { .. } => Problem::invalid("import_refused", said),
        CallError::Timeout => Problem::new(StatusCode::GATEWAY_TIMEOUT, "document_timeout", said),
        _ => Problem::new(StatusCode::BAD_GATEWAY, "document_not_fetched", said),
    }
}
