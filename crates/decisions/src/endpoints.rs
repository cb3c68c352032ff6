//! The HTTP side of decisions. The only room that knows JSON shapes.

mod answers;

use std::fmt;

use access_control::{Permit, ReadAudit, ReadDecisions, RequestPath};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, GivenInstant, PagingParameters, Problem};
use schemars::JsonSchema;

use self::answers::{DecisionAnswer, ListAnswer, RecordAnswer};
use crate::{DecisionError, Decisions, Search};

/// Everything that the endpoints of decisions are made from.
#[derive(Clone)]
pub struct DecisionsApi {
    /// The decisions.
    pub decisions: Decisions,
}

impl fmt::Debug for DecisionsApi {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DecisionsApi").finish_non_exhaustive()
    }
}

/// What a list can be narrowed to. With a user, an outcome or a path, one request looks at 20,000 decisions at
/// most: a page may be short, or empty, and still have a `nextCursor`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the parameters of the query")]
struct ListParameters {
    /// About this person. A page may be short or empty, and still have a `nextCursor`.
    user: Option<ids::UserId>,
    /// allowed or refused. A page may be short or empty, and still have a `nextCursor`.
    outcome: Option<Outcome>,
    /// About this page and those below it. A page may be short or empty, and still have a `nextCursor`.
    path: Option<String>,
    /// Not before (RFC 3339).
    #[schemars(with = "Option<GivenInstant>")]
    since: Option<String>,
    /// Before (RFC 3339).
    #[schemars(with = "Option<GivenInstant>")]
    until: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a parameter of the query")]
enum Outcome {
    Allowed,
    Refused,
}

impl DecisionsApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        vec![
            Endpoint::get("/api/v1/apps/{app_id}/decisions", "list_decisions")
                .requires::<ReadDecisions>()
                .query::<ListParameters>()
                .refuses(&[StatusCode::UNPROCESSABLE_ENTITY])
                .gives::<ListAnswer>(StatusCode::OK)
                .answers(self.clone(), list),
            Endpoint::get("/api/v1/apps/{app_id}/decisions/{decision_id}", "read_app_decision")
                .requires::<ReadDecisions>()
                .gives::<DecisionAnswer>(StatusCode::OK)
                .answers(self.clone(), of_app),
            Endpoint::get(
                "/api/v1/organizations/{organization_id}/decisions/{decision_id}",
                "read_organization_decision",
            )
            .requires::<ReadAudit>()
            .gives::<DecisionAnswer>(StatusCode::OK)
            .answers(self.clone(), of_organization),
        ]
    }
}

async fn of_app(api: DecisionsApi, permit: Permit<ReadDecisions>, call: Call) -> Result<Answer, Problem> {
    let evaluated = api.decisions.of_app(&permit, call.path("decision_id")?).await?;
    Ok(Answer::json(&DecisionAnswer::from(evaluated)))
}

async fn of_organization(
    api: DecisionsApi,
    permit: Permit<ReadAudit>,
    call: Call,
) -> Result<Answer, Problem> {
    let evaluated = api.decisions.of_organization(&permit, call.path("decision_id")?).await?;
    Ok(Answer::json(&DecisionAnswer::from(evaluated)))
}

async fn list(api: DecisionsApi, permit: Permit<ReadDecisions>, call: Call) -> Result<Answer, Problem> {
    let paging = call.paging()?;
    let search = search(&call)?;
    let listed = api.decisions.list(&permit, &search, paging.after()?, paging.limit).await?;
    let next_cursor = listed.next.map(|next| paging.cursor(&next));
    let decisions = listed.records.into_iter().map(RecordAnswer::from).collect();
    Ok(Answer::json(&ListAnswer { decisions, next_cursor }))
}

fn search(call: &Call) -> Result<Search, Problem> {
    let user = call.query("user")?.map(|text| text.parse()).transpose();
    let allowed = match call.query("outcome")?.as_deref() {
        None => None,
        Some("allowed") => Some(true),
        Some("refused") => Some(false),
        Some(_) => return Err(invalid("outcome is allowed or refused.")),
    };
    let path = call.query("path")?;
    let path = path.as_deref().map(|text| RequestPath::parse(text).map(RequestPath::into_owned)).transpose();
    Ok(Search {
        user: user.map_err(|_| invalid("user is the identifier of a person."))?,
        allowed,
        path: path.map_err(|error| invalid(format!("path is not readable: {error}.")))?,
        since: call.instant("since")?,
        until: call.instant("until")?,
    })
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::invalid("invalid_search", detail)
}

impl From<DecisionError> for Problem {
    fn from(error: DecisionError) -> Self {
        match error {
            DecisionError::NotFound => Self::not_found(),
            DecisionError::Store(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "decisions could not be read");
                Self::unavailable()
            }
            DecisionError::Unreadable(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "decisions could not be read");
                Self::internal()
            }
        }
    }
}
