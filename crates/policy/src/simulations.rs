//! What a draft would do, before it is made.

use std::collections::BTreeSet;
use std::sync::Arc;

use access_control::{
    Facts as _, FactsUnavailable, ListGroups, Permit, Principal, Refusal, SignedIn, SimulateApp,
    SimulatePolicy, Subject, authorize,
};
use apps::AppRecord;
use decisions::{Seen, Traffic};
use directory::Directory;
use ids::{AppId, GroupId, OrganizationId};
use organizations::{Groups, OrganizationError};
use time::{Duration, OffsetDateTime};
use tokio::sync::Semaphore;

use crate::comparison::{affected_apps, compare, probes};
use crate::{Effect, MOST_CHANGES, PolicyChange, PolicyError, Probe, Probes, SimulationHash, World};

/// The most requests that were seen and are asked about.
const MOST_SEEN: usize = 20_000;

/// How many simulations compute at a time; the others wait. Each may keep a core busy for seconds.
const AT_ONCE: usize = 2;

/// So many apps are asked for what they saw one by one.
const FEW_APPS: usize = 8;

/// Simulations.
#[derive(Clone, Debug)]
pub struct Simulations {
    directory: Directory,
    groups: Groups,
    traffic: Traffic,
    turns: Arc<Semaphore>,
}

/// What a draft would do.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Names the draft and what it was simulated on.
    pub hash: SimulationHash,
    /// Who gains and loses, in apps whose access the asker may see; by app and person.
    pub effects: Vec<Effect>,
    /// What was asked about.
    pub probes: Probes,
    /// What there is in apps whose access the asker may not see.
    pub hidden: Totals,
    /// How many people were asked about.
    pub people: usize,
    /// How many apps were asked about.
    pub apps: usize,
    /// More was seen than was asked about.
    pub capped: bool,
}

/// Effects, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Apps in which anything changes.
    pub apps: usize,
    /// People for whom anything changes.
    pub people: usize,
    /// Pairs of app and person that gain something.
    pub gaining: usize,
    /// Pairs of app and person that lose something.
    pub losing: usize,
    /// Requests that somebody gets further with, for each of them.
    pub requests_gained: usize,
    /// Requests that somebody gets less far with, for each of them.
    pub requests_lost: usize,
}

impl Totals {
    /// Counts effects.
    #[must_use]
    pub fn of<'a>(effects: impl IntoIterator<Item = &'a Effect>) -> Self {
        let (mut apps, mut people) = (BTreeSet::new(), BTreeSet::new());
        let mut totals = Self::default();
        for effect in effects {
            apps.insert(effect.app);
            people.insert(effect.user);
            totals.gaining += usize::from(effect.gains.total > 0 || effect.after > effect.before);
            totals.losing += usize::from(effect.loses.total > 0 || effect.after < effect.before);
            totals.requests_gained += effect.gains.total;
            totals.requests_lost += effect.loses.total;
        }
        Self { apps: apps.len(), people: people.len(), ..totals }
    }
}

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The changes, in the order in which they would be made.
    pub changes: Vec<PolicyChange>,
    /// For how long back requests that apps saw are asked about.
    pub seen_within: Duration,
    /// How many requests of each person in each app are kept, gained and lost each. All are counted.
    pub kept: usize,
}

impl Simulations {
    /// Simulations on these facts.
    #[must_use]
    pub fn new(directory: Directory, groups: Groups, traffic: Traffic) -> Self {
        Self { directory, groups, traffic, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// What a draft would do in an organization. Apps that the asker cannot edit are counted, not named.
    ///
    /// # Errors
    /// The draft names something that the asker may not see, or the platform would refuse it.
    pub async fn of_organization(
        &self,
        permit: &Permit<SimulatePolicy>,
        draft: Draft,
        now: OffsetDateTime,
    ) -> Result<Simulation, PolicyError> {
        let organization = permit.organization();
        let records = self.directory.apps_of(organization)?;
        let world = self.world(organization, &records)?;
        check_sight(permit.actor(), &world, &draft.changes, now)?;
        self.check_groups(permit.actor(), organization, &draft.changes, now).await?;
        let simulation = self.run(permit.actor(), world, draft, now).await?;
        Ok(within_sight(permit.actor(), &self.directory, simulation, now)?)
    }

    /// What a draft of one app's changes would do.
    ///
    /// # Errors
    /// The draft changes something else, or the platform would refuse it.
    pub async fn of_app(
        &self,
        permit: &Permit<SimulateApp>,
        draft: Draft,
        now: OffsetDateTime,
    ) -> Result<Simulation, PolicyError> {
        only_of(permit.app(), &draft.changes)?;
        let record = self.directory.app_record(permit.app())?.ok_or(Refusal::NotFound)?;
        let world = self.world(permit.organization(), &[record])?;
        self.check_groups(permit.actor(), permit.organization(), &draft.changes, now).await?;
        self.run(permit.actor(), world, draft, now).await
    }

    fn world(&self, organization: OrganizationId, apps: &[Arc<AppRecord>]) -> Result<World, PolicyError> {
        let organization = self.directory.organization(organization)?.ok_or(Refusal::NotFound)?;
        Ok(World::new(organization, apps.iter().map(|app| Arc::clone(&app.facts))))
    }

    /// Facts know groups by their members only.
    async fn check_groups(
        &self,
        actor: &SignedIn,
        organization: OrganizationId,
        changes: &[PolicyChange],
        now: OffsetDateTime,
    ) -> Result<(), PolicyError> {
        let named: Vec<Vec<GroupId>> = changes.iter().map(named_groups).collect();
        if named.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let principal = Principal::User(actor.clone());
        let permit = authorize::<ListGroups>(Some(&principal), organization, &self.directory, now)?;
        let known: BTreeSet<GroupId> =
            self.groups.list(&permit).await?.into_iter().map(|group| group.id).collect();
        match named.iter().position(|groups| groups.iter().any(|group| !known.contains(group))) {
            Some(index) => Err(PolicyError::at(index)(OrganizationError::NotFound.into())),
            None => Ok(()),
        }
    }

    /// What was seen by the apps that a draft can matter to: the cap is then spent on them.
    async fn seen(&self, before: &World, after: &World, since: OffsetDateTime) -> Result<Seen, PolicyError> {
        let affected = affected_apps(before, after);
        if affected.len() > FEW_APPS {
            return Ok(self.traffic.seen(before.organization_facts().id, since, MOST_SEEN).await?);
        }
        let mut all = Seen { requests: Vec::new(), capped: false };
        for app in affected {
            let seen = self.traffic.seen_by_app(app, since, MOST_SEEN - all.requests.len()).await?;
            all.requests.extend(seen.requests);
            all.capped |= seen.capped;
        }
        Ok(all)
    }

    async fn run(
        &self,
        actor: &SignedIn,
        before: World,
        draft: Draft,
        now: OffsetDateTime,
    ) -> Result<Simulation, PolicyError> {
        // Nobody closes it. A computation whose caller is gone keeps its turn until it ends.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok();
        let after = made(&before, &draft.changes, actor, now)?;
        let seen = self.seen(&before, &after, now - draft.seen_within).await?;
        let capped = seen.capped;
        let computed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let known = seen.requests.into_iter().filter(|request| before.apps().contains_key(&request.app));
            let seen = known.map(|request| {
                let decisions::SeenRequest { app, method, paths, under_every_rule } = request;
                (app, Probe { method, paths, under_every_rule })
            });
            let probes = probes(&before, &after, seen);
            let effects = compare(&before, &after, &probes, now, draft.kept);
            Simulation {
                hash: before.hash(&draft.changes),
                effects,
                probes,
                hidden: Totals::default(),
                people: before.organization_facts().members.len(),
                apps: before.apps().len(),
                capped,
            }
        });
        computed.await.map_err(PolicyError::Interrupted)
    }
}

/// The groups that a change puts somebody into, or lets through.
fn named_groups(change: &PolicyChange) -> Vec<GroupId> {
    if let PolicyChange::AddGroupMember { group_id, .. } = change {
        return vec![*group_id];
    }
    let subjects = change.rule().into_iter().flat_map(|rule| &rule.subjects);
    let group = |subject: &Subject| match *subject {
        Subject::Group(group) => Some(group),
        Subject::User(_) | Subject::Role(_) | Subject::AppRole(_) => None,
    };
    subjects.filter_map(group).collect()
}

/// The world after a draft.
fn made(
    before: &World,
    changes: &[PolicyChange],
    actor: &SignedIn,
    now: OffsetDateTime,
) -> Result<World, PolicyError> {
    if changes.len() > MOST_CHANGES {
        return Err(PolicyError::TooManyChanges);
    }
    let mut after = before.clone();
    for (index, change) in changes.iter().enumerate() {
        let checked = change.rule().map_or(Ok(()), |rule| rule.checked().map(|_| ()));
        checked.map_err(PolicyError::from).map_err(PolicyError::at(index))?;
        after.apply(change, actor.user, now).map_err(PolicyError::at(index))?;
    }
    Ok(after)
}

/// Every change is of this app.
pub(crate) fn only_of(app: AppId, changes: &[PolicyChange]) -> Result<(), PolicyError> {
    match changes.iter().position(|change| change.app() != Some(app)) {
        Some(index) => Err(PolicyError::at(index)(PolicyError::OtherApp)),
        None => Ok(()),
    }
}

/// Who may not see who may use an app must not find out by changing it on trial.
fn check_sight(
    actor: &SignedIn,
    world: &World,
    changes: &[PolicyChange],
    now: OffsetDateTime,
) -> Result<(), PolicyError> {
    let principal = Principal::User(actor.clone());
    for (index, app) in changes.iter().enumerate().filter_map(|(index, change)| Some((index, change.app()?)))
    {
        authorize::<SimulateApp>(Some(&principal), app, world, now)
            .map_err(|refusal| PolicyError::at(index)(refusal.into()))?;
    }
    Ok(())
}

/// Leaves the effects in apps that the asker can edit, and counts the others.
fn within_sight(
    actor: &SignedIn,
    directory: &Directory,
    mut simulation: Simulation,
    now: OffsetDateTime,
) -> Result<Simulation, FactsUnavailable> {
    let principal = Principal::User(actor.clone());
    let mut seen = BTreeSet::new();
    for app in simulation.probes.keys() {
        match authorize::<SimulateApp>(Some(&principal), *app, directory, now) {
            Ok(_) => {
                seen.insert(*app);
            }
            Err(Refusal::Unavailable(unavailable)) => return Err(unavailable),
            Err(Refusal::NotFound | Refusal::Forbidden | Refusal::Unauthenticated) => {}
        }
    }
    let (visible, hidden): (Vec<_>, Vec<_>) =
        simulation.effects.into_iter().partition(|effect| seen.contains(&effect.app));
    simulation.effects = visible;
    simulation.hidden = Totals::of(&hidden);
    simulation.probes.retain(|app, _| seen.contains(app));
    Ok(simulation)
}
