//! Identifiers of another organization, everywhere: answered like identifiers that nobody has.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::caller::{AppKind, Person};
use crate::client::{Question, Reply};
use crate::declared::{Access, Endpoint, Surface};
use crate::identifiers::{self, OWN, Position, VARIED};
use crate::people::SESSION_COOKIE;
use crate::requests::{self, Objects};
use crate::views::{self, Views};
use crate::world::{World, object};
use crate::{ProofError, Target, Witness};

/// Asks with foreign, unknown and malformed identifiers.
#[derive(Debug)]
pub enum Sweep {}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct SweepReport {
    /// How many endpoints take an identifier.
    pub endpoints: usize,
    /// How many places there are for one.
    pub positions: usize,
    /// How many requests were compared.
    pub requests: usize,
    /// Where a foreign identifier is not answered like an unknown one.
    pub differences: Vec<String>,
    /// The largest difference between the two medians of the answers' times, and where.
    pub slowest: Option<(Duration, String)>,
    /// How many times each of the two was asked for that.
    pub tries: usize,
}

impl SweepReport {
    /// Whether nothing tells foreign identifiers from unknown ones.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for SweepReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.differences {
            writeln!(formatter, "{line}")?;
        }
        if let Some((difference, place)) = &self.slowest {
            let milliseconds = difference.as_secs_f64() * 1000.0;
            writeln!(
                formatter,
                "timing: medians of {} tries differ by at most {milliseconds:.2} ms ({place})",
                self.tries
            )?;
        }
        write!(
            formatter,
            "identifiers: {} places at {} endpoints, {} requests compared, {} differences",
            self.positions,
            self.endpoints,
            self.requests,
            self.differences.len()
        )
    }
}

/// Whose identifier stands in the varied place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    /// Of the other organization.
    Foreign,
    /// Of the own organization, and not to be seen by its Owner.
    Invisible,
}

impl Sweep {
    /// Makes two organizations, asks as the Owner of one with identifiers of the other, compares every answer
    /// with that to an identifier that nobody has, and looks whether anything changed in the other. Each pair
    /// is asked `tries` times in turn to compare how long the answers take.
    ///
    /// # Errors
    /// Something could not be asked at all.
    pub async fn run(
        target: &Target,
        tries: usize,
        witness: Option<&dyn Witness>,
    ) -> Result<SweepReport, ProofError> {
        let world = World::make(target).await?;
        let mut sweeping =
            Sweeping { world: &world, report: SweepReport { tries, ..SweepReport::default() } };
        let result = sweeping.everything(witness).await;
        let report = sweeping.report;
        world.clear().await;
        result.map(|()| report)
    }
}

struct Sweeping<'a> {
    world: &'a World,
    report: SweepReport,
}

impl Sweeping<'_> {
    async fn everything(&mut self, witness: Option<&dyn Witness>) -> Result<(), ProofError> {
        let world = self.world;
        let rows_before = rows_of_other(world, witness).await?;
        let before = of_other(views::look(world).await?);
        for endpoint in &world.declared.endpoints {
            let by_a_person = matches!(
                endpoint.access,
                Access::OwnAccount { .. } | Access::Roles { .. } | Access::AppRole { .. }
            );
            if endpoint.surface != Surface::Platform || !by_a_person {
                continue;
            }
            let (positions, unknown) = identifiers::positions(&world.declared, endpoint);
            self.report
                .differences
                .extend(unknown.into_iter().map(|field| format!("{endpoint}: {field} is not recognised")));
            self.report.endpoints += usize::from(!positions.is_empty());
            self.report.positions += positions.len();
            for position in positions {
                self.position(endpoint, &position).await?;
            }
        }
        let after = of_other(views::look(world).await?);
        for view in views::changed(&before, &after) {
            self.report.differences.push(format!("{view} changed by requests from another organization"));
        }
        let rows_after = rows_of_other(world, witness).await?;
        for row in rows_before.symmetric_difference(&rows_after) {
            self.report.differences.push(format!("a row of the other organization changed: {row}"));
        }
        Ok(())
    }

    async fn position(&mut self, endpoint: &Endpoint, position: &Position) -> Result<(), ProofError> {
        let world = self.world;
        let mut own = world.standing(AppKind::Organization)?.clone();
        if endpoint.path.contains("/orphaned-apps/") {
            world.orphan(&mut own).await?;
        }
        let own = world.named(&own);
        let name = match position {
            Position::Path(name) | Position::Query(name) => name.clone(),
            Position::Body { kind, .. } => object_of_kind(&own, kind)?,
        };
        let place = match position {
            Position::Path(name) => format!("{endpoint}, {{{name}}}"),
            Position::Query(name) => format!("{endpoint}, ?{name}"),
            Position::Body { field, .. } => format!("{endpoint}, body{field}"),
        };
        let known = |objects: &Objects| {
            objects.get(name.as_str()).cloned().ok_or_else(|| ProofError::NoObject(name.clone()))
        };
        let mut variants = vec![(Variant::Foreign, known(&world.other)?)];
        if matches!(name.as_str(), "app_id" | "app_secret_id" | "data_query_id") {
            variants.push((Variant::Invisible, known(world.standing(AppKind::Restricted)?)?));
            variants.push((Variant::Invisible, known(world.standing(AppKind::Own)?)?));
        }
        if name == "own_secret_id" {
            variants.push((Variant::Invisible, object(&own, "colleagues_secret_id")?.to_owned()));
        }
        if name == "own_account_id" {
            variants.push((Variant::Invisible, object(&own, "colleagues_account_id")?.to_owned()));
        }
        let mut answer = String::new();
        for (variant, value) in variants {
            let asked = (self.question(endpoint, position, &own, &value).await?, value.clone());
            let unknown_value = unknown(&value);
            let unknown = (self.question(endpoint, position, &own, &unknown_value).await?, unknown_value);
            let place = format!("{place}, {variant:?}");
            answer = self.compare(endpoint, position, &place, &asked, &unknown).await?;
        }
        self.malformed(endpoint, position, &own, &place, &answer).await
    }

    /// The two answers are the same, and take the same time. Returns the second.
    async fn compare(
        &mut self,
        endpoint: &Endpoint,
        position: &Position,
        place: &str,
        asked: &(Question, String),
        unknown: &(Question, String),
    ) -> Result<String, ProofError> {
        let client = &self.world.client;
        let got = client.ask(&asked.0).await?;
        let wanted = client.ask(&unknown.0).await?;
        self.report.requests += 2;
        let (one, other) = (masked(&got, &asked.1), masked(&wanted, &unknown.1));
        if one != other {
            self.report.differences.push(format!("{place}: {one}\n    and an unknown one: {other}"));
        }
        if matches!(position, Position::Path(_)) && got.status != 404 {
            self.report.differences.push(format!("{place}: {} instead of 404", got.status));
        }
        // What is done anew each time says nothing about looking for something.
        if got.status < 400 && !endpoint.is_safe() {
            return Ok(other);
        }
        let (mut times, mut unknown_times) = (Vec::new(), Vec::new());
        for _ in 0..self.report.tries {
            for (question, times) in [(&asked.0, &mut times), (&unknown.0, &mut unknown_times)] {
                let started = Instant::now();
                client.ask(question).await?;
                times.push(started.elapsed());
            }
        }
        let difference = median(times).abs_diff(median(unknown_times));
        if self.report.slowest.as_ref().is_none_or(|(slowest, _)| difference > *slowest) {
            self.report.slowest = Some((difference, place.to_owned()));
        }
        Ok(other)
    }

    /// In a path it names nothing; in a body it is no value of that field.
    async fn malformed(
        &mut self,
        endpoint: &Endpoint,
        position: &Position,
        own: &Objects,
        place: &str,
        unknown: &str,
    ) -> Result<(), ProofError> {
        for value in ["nonsense", "usr_0", "org_0123456789ABCDEF0123456789ABCDEF"] {
            let question = self.question(endpoint, position, own, value).await?;
            let reply = self.world.client.ask(&question).await?;
            self.report.requests += 1;
            let is_refused = match position {
                Position::Path(_) => masked(&reply, value) == *unknown,
                Position::Query(_) | Position::Body { .. } => matches!(reply.status, 400 | 404 | 422),
            };
            if !is_refused {
                let got = masked(&reply, value);
                self.report.differences.push(format!("{place}: {got}\n    for the malformed {value}"));
            }
        }
        Ok(())
    }

    async fn question(
        &self,
        endpoint: &Endpoint,
        position: &Position,
        own: &Objects,
        value: &str,
    ) -> Result<Question, ProofError> {
        let world = self.world;
        let mut objects = own.clone();
        if let Position::Path(name) | Position::Query(name) = position
            && let Some(object) = objects.iter_mut().find(|(known, _)| *known == name)
        {
            value.clone_into(object.1);
        }
        let address = match position {
            // Only one of the two is varied, even where they have one name.
            Position::Path(_) => requests::varied_address(endpoint, &objects, own)?,
            Position::Query(_) => requests::varied_address(endpoint, own, &objects)?,
            Position::Body { .. } => requests::address(endpoint, own)?,
        };
        let session = world.session(Person::Owner).await?;
        let mut question = Question::new(&endpoint.method, format!("{}{address}", world.platform()))
            .header("cookie", format!("{SESSION_COOKIE}={}", session.cookie))
            .header("origin", world.platform());
        question.body = match position {
            Position::Body { body, .. } => Some(("application/json", filled(body, own, value)?.to_string())),
            Position::Path(_) | Position::Query(_) => requests::body(requests::example(endpoint)?, own)?,
        };
        Ok(question)
    }
}

/// A body with its identifiers.
fn filled(body: &Value, own: &Objects, value: &str) -> Result<Value, ProofError> {
    Ok(match body {
        Value::String(text) if text == VARIED => value.into(),
        Value::String(text) => match text.strip_prefix(OWN) {
            Some(kind) => own.get(object_of_kind(own, kind)?.as_str()).cloned().unwrap_or_default().into(),
            None => body.clone(),
        },
        Value::Array(items) => {
            items.iter().map(|item| filled(item, own, value)).collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, field)| Ok((name.clone(), filled(field, own, value)?)))
                .collect::<Result<_, ProofError>>()?,
        ),
        _ => body.clone(),
    })
}

/// The object whose identifier begins like this.
fn object_of_kind(objects: &Objects, kind: &str) -> Result<String, ProofError> {
    let is_of_kind =
        |id: &str| id.strip_prefix(kind).is_some_and(|rest| rest.starts_with('_') && rest.len() == 33);
    let mut names = objects.iter().filter(|(_, id)| is_of_kind(id)).map(|(name, _)| *name);
    let preferred = if kind == "usr" { Some("user_id") } else { None };
    preferred
        .or_else(|| names.next())
        .map(str::to_owned)
        .ok_or_else(|| ProofError::NoObject(format!("{kind}_…")))
}

/// An identifier of the same kind that nobody has.
fn unknown(id: &str) -> String {
    let random = std::hash::RandomState::new().build_hasher().finish() & 0xffff_ffff_ffff;
    format!("{}{random:012x}", id.get(..id.len().saturating_sub(12)).unwrap_or_default())
}

/// An answer without what differs between any two: numbers of requests and decisions, new identifiers, instants,
/// and the identifier that was asked about.
fn masked(reply: &Reply, asked: &str) -> String {
    let mut body = match serde_json::from_slice::<Value>(&reply.body) {
        Ok(json) => json,
        Err(_) => reply.text().replace(asked, "…").into(),
    };
    mask(&mut body, asked);
    let header = |name: &str| reply.header(name).unwrap_or_default().replace(asked, "…");
    format!("{} {} {} {body}", reply.status, header("content-type"), header("location"))
}

fn mask(value: &mut Value, asked: &str) {
    match value {
        Value::String(text) => {
            let is_identifier = text.split_once('_').is_some_and(|(kind, digits)| {
                kind.len() <= 4 && digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            let is_instant = text.len() == 24 && text.ends_with('Z') && text.get(10..11) == Some("T");
            if is_identifier || is_instant {
                "…".clone_into(text);
            } else {
                *text = text.replace(asked, "…");
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(item, asked)),
        Value::Object(fields) => {
            for (name, field) in fields {
                if matches!(name.as_str(), "value" | "link" | "policyVersion" | "simulation") {
                    *field = "…".into();
                } else {
                    mask(field, asked);
                }
            }
        }
        _ => {}
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// What the other organization's Owner sees.
fn of_other(views: Views) -> Views {
    let outsider = format!(" as {}", Person::Outsider.name());
    views.into_iter().filter(|(name, _)| name.ends_with(&outsider)).collect()
}

/// What is stored about the other organization, its apps and its Owner.
async fn rows_of_other(world: &World, witness: Option<&dyn Witness>) -> Result<BTreeSet<String>, ProofError> {
    let Some(witness) = witness else { return Ok(BTreeSet::new()) };
    let ids = [
        "organization_id",
        "app_id",
        "group_id",
        "invitation_id",
        "rule_id",
        "secret_id",
        "connection_id",
        "data_query_id",
    ];
    let ids: Vec<&String> = ids.iter().filter_map(|name| world.other.get(name)).collect();
    let rows = witness.contents().await?;
    Ok(rows.into_iter().filter(|row| ids.iter().any(|id| row.contains(id.as_str()))).collect())
}
