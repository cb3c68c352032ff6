//! The HTTP side of the trail. The only room that knows JSON shapes.

use access_control::{Permit, ReadAudit};
use audit::{AuditError, Export, Filter, Linked, Outcome, Party};
use endpoint::http::StatusCode;
use endpoint::{Answer, Call, Endpoint, GivenInstant, PagingParameters, Problem};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{AuditTrailError, Reading};

/// The longest text that a search compares with.
const LONGEST: usize = 200;

/// What the endpoints are made from.
#[derive(Clone, Debug)]
pub struct AuditTrailApi {
    /// Who may read reads here.
    pub reading: Reading,
}

impl AuditTrailApi {
    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        vec![
            Endpoint::get("/api/v1/organizations/{organization_id}/audit-events", "search_audit_events")
                .requires::<ReadAudit>()
                .query::<SearchParameters>()
                .gives::<SearchAnswer>(StatusCode::OK)
                .refuses(&[StatusCode::UNPROCESSABLE_ENTITY])
                .answers(self.reading.clone(), search),
            Endpoint::get(
                "/api/v1/organizations/{organization_id}/audit-events/export",
                "export_audit_events",
            )
            .requires::<ReadAudit>()
            .query::<ExportParameters>()
            .gives_media("application/jsonl")
            .refuses(&[StatusCode::UNPROCESSABLE_ENTITY])
            .answers(self.reading.clone(), export),
            Endpoint::get(
                "/api/v1/organizations/{organization_id}/audit-events/{event_id}",
                "read_audit_event",
            )
            .requires::<ReadAudit>()
            .gives::<EventAnswer>(StatusCode::OK)
            .answers(self.reading.clone(), read),
        ]
    }
}

/// What is asked for; everything that is said has to hold.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes the parameters")]
struct SearchParameters {
    /// Who acted: the identifier of a person or an app.
    actor: Option<String>,
    /// person, app, agent or system.
    actor_kind: Option<String>,
    /// An action, or a group of them: `members.*`.
    action: Option<String>,
    /// What was acted on, as events name it.
    target: Option<String>,
    /// What kind of thing was acted on, as events name it.
    target_kind: Option<String>,
    /// done or refused.
    outcome: Option<String>,
    /// Not before this instant (RFC 3339).
    #[schemars(with = "Option<GivenInstant>")]
    since: Option<String>,
    /// Before this instant (RFC 3339).
    #[schemars(with = "Option<GivenInstant>")]
    until: Option<String>,
    /// A request.
    request: Option<String>,
    /// A decision.
    decision: Option<String>,
    #[schemars(flatten)]
    paging: PagingParameters,
}

/// Which part of the trail is exported.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "describes the parameters")]
struct ExportParameters {
    /// The number of the first record; 1 when not given.
    #[schemars(range(min = 1))]
    from: Option<i64>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct SearchAnswer {
    /// Newest first. May be fewer than asked for, even none, and go on at the cursor.
    events: Vec<EventAnswer>,
    next_cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EventAnswer {
    id: String,
    /// Its number in the organization's chain, from 1.
    sequence: i64,
    /// SHA-256 of the hash before it and the text of its record, as in exports.
    hash: String,
    /// RFC 3339 in UTC.
    at: String,
    actor: PartyAnswer,
    action: String,
    /// done or refused.
    outcome: String,
    target: PartyAnswer,
    request: Option<String>,
    decision: Option<String>,
    /// Before and after, without secrets.
    #[schemars(with = "serde_json::Value")]
    detail: Box<RawValue>,
}

#[derive(Serialize, JsonSchema)]
struct PartyAnswer {
    kind: String,
    id: Option<String>,
}

impl From<Party> for PartyAnswer {
    fn from(party: Party) -> Self {
        Self { kind: party.kind, id: party.id }
    }
}

impl From<Linked> for EventAnswer {
    fn from(linked: Linked) -> Self {
        let record = linked.record;
        Self {
            id: record.id,
            sequence: record.sequence,
            hash: linked.hash.to_string(),
            at: record.at,
            actor: record.actor.into(),
            action: record.action,
            outcome: record.outcome,
            target: record.target.into(),
            request: record.request,
            decision: record.decision,
            detail: record.detail,
        }
    }
}

async fn search(reading: Reading, permit: Permit<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let (filter, paging) = (filter(&call)?, call.paging()?);
    let before = paging.after::<i64>()?;
    let found = reading.search(&permit, &filter, before, paging.limit, call.occasion()).await?;
    Ok(Answer::json(&SearchAnswer {
        events: found.records.into_iter().map(EventAnswer::from).collect(),
        next_cursor: found.before.map(|before| paging.cursor(&before)),
    }))
}

async fn read(reading: Reading, permit: Permit<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let found = reading.record(&permit, call.path("event_id")?, call.occasion()).await?;
    Ok(Answer::json(&EventAnswer::from(found)))
}

async fn export(reading: Reading, permit: Permit<ReadAudit>, call: Call) -> Result<Answer, Problem> {
    let from =
        match call.query("from")? {
            None => 1,
            Some(text) => text.parse().ok().filter(|from| *from >= 1).ok_or_else(|| {
                Problem::invalid("invalid_from", "from is the number of a record, at least 1.")
            })?,
        };
    let export = reading.export(&permit, from, call.occasion()).await?;
    let name = format!("attachment; filename=\"audit-{}.jsonl\"", permit.organization());
    Ok(Answer::pieces("application/jsonl", pieces(export)).header("content-disposition", &name))
}

fn pieces(export: Export) -> impl futures_util::Stream<Item = Result<String, AuditError>> {
    stream::try_unfold(export, |mut export| async move {
        match export.next_page().await {
            Ok(piece) => Ok(piece.map(|piece| (piece, export))),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an export broke off");
                Err(error)
            }
        }
    })
}

fn filter(call: &Call) -> Result<Filter, Problem> {
    let outcome = match text(call, "outcome")?.as_deref() {
        None => None,
        Some("done") => Some(Outcome::Done),
        Some("refused") => Some(Outcome::Refused),
        Some(_) => return Err(Problem::invalid("invalid_outcome", "outcome is done or refused.")),
    };
    Ok(Filter {
        actor: text(call, "actor")?,
        actor_kind: text(call, "actorKind")?,
        action: text(call, "action")?,
        target: text(call, "target")?,
        target_kind: text(call, "targetKind")?,
        outcome,
        since: call.instant("since")?,
        until: call.instant("until")?,
        request: text(call, "request")?,
        decision: text(call, "decision")?,
    })
}

/// A text to compare with. One that no event can have is refused rather than searched for: not every store
/// takes every text.
fn text(call: &Call, name: &str) -> Result<Option<String>, Problem> {
    let text = call.query(name)?;
    if text.as_deref().is_some_and(|text| text.len() > LONGEST || text.contains(char::is_control)) {
        let detail = format!("{name} is at most {LONGEST} bytes of plain text.");
        return Err(Problem::invalid("invalid_filter", detail));
    }
    Ok(text)
}

impl From<AuditTrailError> for Problem {
    fn from(error: AuditTrailError) -> Self {
        match error {
            AuditTrailError::NotFound => Self::not_found(),
            AuditTrailError::NoSuchRecord(_) => {
                Self::invalid("no_such_record", "The trail has no record of this number to begin with.")
            }
            AuditTrailError::Audit(error) => error.into(),
        }
    }
}
