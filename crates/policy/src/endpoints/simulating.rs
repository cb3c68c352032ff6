//! Simulating a draft.

use std::collections::HashMap;

use access_control::{AppRole, Permit, SimulateApp, SimulatePolicy};
use endpoint::{Answer, Call, Problem};
use ids::{AppId, AppSlug, EmailAddress, UserId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::Duration;

use super::{LARGEST_DRAFT, PolicyApi};
use crate::{Access, Draft, Effect, PolicyChange, PolicyError, Probe, Shifts, Simulation, Totals};

/// The most pairs of app and person that one answer lists.
const MOST_LISTED: usize = 1_000;
/// The most requests that are listed of one pair, gained and lost each.
const MOST_REQUESTS: usize = 20;
/// For how many days back requests are asked about when nobody says.
const USUAL_DAYS: u16 = 30;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DraftBody {
    /// The changes, in the order in which they would be made. At most 1,000.
    #[schemars(length(max = 1000))]
    changes: Vec<PolicyChange>,
    /// For how many days back requests that apps saw are asked about; 30 when not given.
    #[schemars(range(max = 365))]
    seen_within_days: Option<u16>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SimulationAnswer {
    /// Names these changes and the policy that they were simulated on; to be sent when they are made.
    simulation: String,
    /// Everything in apps that the asker can edit.
    totals: TotalsAnswer,
    /// What there is in apps that the asker cannot edit, which are not named.
    hidden: TotalsAnswer,
    /// Who gains and loses, by app and person; at most 1,000 pairs.
    effects: Vec<EffectAnswer>,
    /// More pairs than are listed.
    effects_left_out: usize,
    /// How much was asked about.
    asked: AskedAnswer,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TotalsAnswer {
    apps: usize,
    people: usize,
    /// Pairs of app and person that gain something.
    gaining: usize,
    /// Pairs of app and person that lose something.
    losing: usize,
    requests_gained: usize,
    requests_lost: usize,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AskedAnswer {
    people: usize,
    apps: usize,
    requests: usize,
    seen_within_days: u16,
    /// More requests were seen than were asked about.
    capped: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EffectAnswer {
    app_id: AppId,
    app: Option<AppSlug>,
    user_id: UserId,
    email: Option<EmailAddress>,
    /// The person's role in the app; `null` is none.
    role_before: Option<AppRole>,
    role_after: Option<AppRole>,
    gains: Requests,
    loses: Requests,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Requests {
    total: usize,
    /// At most 20 of them.
    requests: Vec<RequestAnswer>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RequestAnswer {
    method: String,
    /// In a path that was made from a rule, `*` stands for a segment that no rule names.
    path: String,
    before: AccessAnswer,
    after: AccessAnswer,
}

/// How far somebody gets.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AccessAnswer {
    allowed: bool,
    /// Allowed only with a sign-in that is not older.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign_in_within_minutes: Option<u32>,
}

impl From<Access> for AccessAnswer {
    fn from(access: Access) -> Self {
        match access {
            Access::Refused => Self { allowed: false, sign_in_within_minutes: None },
            Access::SignedInWithin(age) => {
                Self { allowed: true, sign_in_within_minutes: Some(age.minutes()) }
            }
            Access::Allowed => Self { allowed: true, sign_in_within_minutes: None },
        }
    }
}

impl From<Totals> for TotalsAnswer {
    fn from(totals: Totals) -> Self {
        let Totals { apps, people, gaining, losing, requests_gained, requests_lost } = totals;
        Self { apps, people, gaining, losing, requests_gained, requests_lost }
    }
}

impl Requests {
    fn of(shifts: &Shifts, probes: &[Probe]) -> Self {
        let requests = shifts.first.iter().filter_map(|shift| {
            let probe = probes.get(shift.probe)?;
            Some(RequestAnswer {
                method: probe.method.as_str().to_owned(),
                path: probe.path().to_owned(),
                before: shift.before.into(),
                after: shift.after.into(),
            })
        });
        Self { total: shifts.total, requests: requests.collect() }
    }
}

pub(super) async fn of_organization(
    api: PolicyApi,
    permit: Permit<SimulatePolicy>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let (draft, days) = draft(&mut call).await?;
    let simulation = api.simulations.of_organization(&permit, draft, call.now()).await?;
    answer(&api, &simulation, days).await
}

pub(super) async fn of_app(
    api: PolicyApi,
    permit: Permit<SimulateApp>,
    mut call: Call,
) -> Result<Answer, Problem> {
    let (draft, days) = draft(&mut call).await?;
    let simulation = api.simulations.of_app(&permit, draft, call.now()).await?;
    answer(&api, &simulation, days).await
}

async fn draft(call: &mut Call) -> Result<(Draft, u16), Problem> {
    let body: DraftBody = call.json_up_to(LARGEST_DRAFT).await?;
    let days = body.seen_within_days.unwrap_or(USUAL_DAYS);
    if days > 365 {
        return Err(Problem::invalid("invalid_days", "Requests of at most 365 days can be asked about."));
    }
    let seen_within = Duration::days(i64::from(days));
    Ok((Draft { changes: body.changes, seen_within, kept: MOST_REQUESTS }, days))
}

async fn answer(api: &PolicyApi, simulation: &Simulation, days: u16) -> Result<Answer, Problem> {
    let listed = &simulation.effects[..simulation.effects.len().min(MOST_LISTED)];
    let mut users: Vec<UserId> = listed.iter().map(|effect| effect.user).collect();
    users.sort_unstable();
    users.dedup();
    let people = api.policies.people.people(&users).await.map_err(PolicyError::Neighbour)?;
    let mut slugs = HashMap::new();
    for effect in listed {
        if let std::collections::hash_map::Entry::Vacant(place) = slugs.entry(effect.app) {
            let record = api.policies.directory.app_record(effect.app).map_err(PolicyError::from)?;
            place.insert(record.map(|record| record.slug.clone()));
        }
    }
    let effects = listed.iter().map(|effect| {
        let Effect { app, user, before, after, gains, loses } = effect;
        let probes = simulation.probes.get(app).map(Vec::as_slice).unwrap_or_default();
        EffectAnswer {
            app_id: *app,
            app: slugs.get(app).cloned().flatten(),
            user_id: *user,
            email: people.get(user).map(|person| person.email.clone()),
            role_before: *before,
            role_after: *after,
            gains: Requests::of(gains, probes),
            loses: Requests::of(loses, probes),
        }
    });
    Ok(Answer::json(&SimulationAnswer {
        simulation: simulation.hash.as_str().to_owned(),
        totals: Totals::of(&simulation.effects).into(),
        hidden: simulation.hidden.into(),
        effects: effects.collect(),
        effects_left_out: simulation.effects.len() - listed.len(),
        asked: AskedAnswer {
            people: simulation.people,
            apps: simulation.apps,
            requests: simulation.probes.values().map(Vec::len).sum(),
            seen_within_days: days,
            capped: simulation.capped,
        },
    }))
}
