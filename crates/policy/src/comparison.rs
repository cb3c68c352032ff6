//! Who gains and who loses between two worlds: the decision itself, asked twice.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use access_control::{
    AppFacts, AppRequest, AppRole, Decision, Means, MemberFacts, Method, Principal, ReadApp, RequestPath,
    SignInAge, SignedIn, authorize, decide,
};
use ids::{AppId, SessionId, UserId};
use time::{Duration, OffsetDateTime};

use crate::World;

/// A request that is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The method as it is judged.
    pub method: Method,
    /// The pages that it reaches: its own path first.
    pub paths: Vec<RequestPath<'static>>,
    /// Whether it needs access under every rule.
    pub under_every_rule: bool,
}

impl Probe {
    /// The path that it is shown by.
    #[must_use]
    pub fn path(&self) -> &str {
        self.paths.first().map_or("/", RequestPath::forwarded)
    }

    fn key(&self) -> (String, String, bool, Vec<String>) {
        let others = self.paths.iter().skip(1).map(|path| path.forwarded().to_owned()).collect();
        (self.path().to_owned(), self.method.as_str().to_owned(), self.under_every_rule, others)
    }
}

/// How far somebody gets with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Refused.
    Refused,
    /// Let through with a sign-in that is not older.
    SignedInWithin(SignInAge),
    /// Let through.
    Allowed,
}

impl Access {
    /// Grows with what is allowed.
    fn extent(self) -> u32 {
        match self {
            Self::Refused => 0,
            Self::SignedInWithin(age) => age.minutes(),
            Self::Allowed => u32::MAX,
        }
    }
}

/// A request that somebody gets further with, or less far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shift {
    /// The request, by its place in the app's list of probes.
    pub probe: usize,
    /// Before.
    pub before: Access,
    /// After.
    pub after: Access,
}

/// Requests that somebody gets further with, or less far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shifts {
    /// How many.
    pub total: usize,
    /// The first of them, as many as were asked for.
    pub first: Vec<Shift>,
}

impl Shifts {
    fn add(&mut self, shift: Shift, most: usize) {
        self.total += 1;
        if self.first.len() < most {
            self.first.push(shift);
        }
    }
}

/// What a draft does to one person in one app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The app.
    pub app: AppId,
    /// The person.
    pub user: UserId,
    /// The person's role in the app before.
    pub before: Option<AppRole>,
    /// And after.
    pub after: Option<AppRole>,
    /// The requests that the person gets further with.
    pub gains: Shifts,
    /// The requests that the person gets less far with.
    pub loses: Shifts,
}

/// The requests to ask about, by app.
pub type Probes = BTreeMap<AppId, Vec<Probe>>;

/// What to ask about: what was seen, `/`, and one request for each rule of either world.
#[must_use]
pub fn probes(before: &World, after: &World, seen: impl IntoIterator<Item = (AppId, Probe)>) -> Probes {
    let mut all: BTreeMap<AppId, BTreeMap<_, Probe>> = BTreeMap::new();
    let mut add = |app: AppId, probe: Probe| {
        all.entry(app).or_default().entry(probe.key()).or_insert(probe);
    };
    let plain = |path: &str, method: &str| {
        let path = RequestPath::parse(path).ok()?.into_owned();
        Some(Probe { method: method.parse().ok()?, paths: vec![path], under_every_rule: false })
    };
    for app in before.apps().values().chain(after.apps().values()) {
        plain("/", "GET").into_iter().for_each(|probe| add(app.id, probe));
        for rule in app.rules.as_slice() {
            // `*` matches itself, and no rule for a named segment matches it.
            let pattern = rule.pattern.to_string();
            let named = rule.methods.iter().map(Method::as_str);
            let methods: Vec<&str> =
                if rule.methods.is_empty() { vec!["GET", "POST"] } else { named.collect() };
            for method in methods {
                plain(&pattern, method).into_iter().for_each(|probe| add(app.id, probe));
            }
        }
    }
    for (app, probe) in seen {
        add(app, probe);
    }
    all.into_iter().map(|(app, probes)| (app, probes.into_values().collect())).collect()
}

/// Everybody for whom something is different, by app and person.
///
/// People are taken to sign in where their organization asks them to. A grant that ends later is taken to
/// hold. Of each person in each app all requests are counted, and `most` kept, gained and lost each.
#[must_use]
pub fn compare(
    before: &World,
    after: &World,
    probes: &Probes,
    now: OffsetDateTime,
    most: usize,
) -> Vec<Effect> {
    let touched = touched_members(before, after);
    let work: Vec<_> = probes
        .iter()
        .filter_map(|(id, probes)| {
            let (one, other) = (before.apps().get(id)?, after.apps().get(id)?);
            // Where neither the app nor the person changed, the decision cannot.
            let users: Vec<UserId> = if Arc::ptr_eq(one, other) {
                touched.iter().copied().collect()
            } else {
                let mut everybody: Vec<_> = before.organization_facts().members.keys().copied().collect();
                everybody.sort_unstable();
                everybody
            };
            (!users.is_empty()).then_some((one, other, probes, users))
        })
        .collect();
    let one_app =
        |(one, other, probes, users): &(&Arc<AppFacts>, &Arc<AppFacts>, &Vec<Probe>, Vec<UserId>)| {
            let view = View { before, after, now, most, ages: ages(one, other) };
            let effects = users.iter().filter_map(|user| view.effect(one.id, *user, probes));
            effects.collect::<Vec<_>>()
        };
    let questions: usize = work.iter().map(|(_, _, probes, users)| probes.len() * users.len()).sum();
    if questions < WORTH_THREADS {
        return work.iter().flat_map(one_app).collect();
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let share = work.len().div_ceil(threads * 4).max(1);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut parts: Vec<(usize, Vec<Effect>)> = std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let start = next.fetch_add(share, std::sync::atomic::Ordering::Relaxed);
                let Some(some) =
                    work.get(start..work.len().min(start + share)).filter(|some| !some.is_empty())
                else {
                    return done;
                };
                done.push((start, some.iter().flat_map(one_app).collect()));
            }
        };
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        // A thread that panicked has taken its answers with it, so the panic goes on here.
        let finished = started.into_iter().map(|thread| thread.join());
        finished.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    parts.sort_unstable_by_key(|(start, _)| *start);
    parts.into_iter().flat_map(|(_, effects)| effects).collect()
}

/// Below this, starting threads costs more than it saves.
const WORTH_THREADS: usize = 100_000;

/// The apps in which a decision may be different.
pub(crate) fn affected_apps(before: &World, after: &World) -> Vec<AppId> {
    let everywhere = !touched_members(before, after).is_empty();
    let changed = |id: &AppId, app: &Arc<AppFacts>| {
        everywhere || !after.apps().get(id).is_some_and(|other| Arc::ptr_eq(app, other))
    };
    before.apps().iter().filter(|(id, app)| changed(id, app)).map(|(id, _)| *id).collect()
}

/// Members whose own facts are different.
fn touched_members(before: &World, after: &World) -> BTreeSet<UserId> {
    let after = &after.organization_facts().members;
    let same = |one: &MemberFacts, other: &MemberFacts| {
        one.role == other.role
            && one.groups.len() == other.groups.len()
            && one.groups.iter().all(|group| other.groups.contains(group))
    };
    let members = before.organization_facts().members.iter();
    members
        .filter(|(user, member)| !after.get(user).is_some_and(|other| same(member, other)))
        .map(|(user, _)| *user)
        .collect()
}

/// The ages of a sign-in that the rules of an app ask for, before or after, oldest first.
fn ages(before: &AppFacts, after: &AppFacts) -> Vec<SignInAge> {
    let rules = before.rules.as_slice().iter().chain(after.rules.as_slice());
    let mut ages: Vec<SignInAge> = rules.filter_map(|rule| rule.sign_in_within).collect();
    ages.sort_unstable_by_key(|age| std::cmp::Reverse(age.minutes()));
    ages.dedup();
    ages
}

struct View<'a> {
    before: &'a World,
    after: &'a World,
    now: OffsetDateTime,
    most: usize,
    ages: Vec<SignInAge>,
}

impl View<'_> {
    fn effect(&self, app: AppId, user: UserId, probes: &[Probe]) -> Option<Effect> {
        let viewer = SignedIn {
            user,
            session: SessionId::generate(),
            hosted_domain: self.before.organization_facts().hosted_domain.clone(),
            authenticated_at: self.now,
            means: Means::Browser,
        };
        let principal = Principal::User(viewer.clone());
        let role = |world: &World| {
            let permit = authorize::<ReadApp>(Some(&principal), app, world, self.now);
            permit.ok().map(|permit| permit.app_role())
        };
        let (before, after) = (role(self.before), role(self.after));
        let mut effect =
            Effect { app, user, before, after, gains: Shifts::default(), loses: Shifts::default() };
        if before.is_some() || after.is_some() {
            for (number, probe) in probes.iter().enumerate() {
                let before = self.access(self.before, app, &viewer, probe);
                let after = self.access(self.after, app, &viewer, probe);
                let shift = Shift { probe: number, before, after };
                match before.extent().cmp(&after.extent()) {
                    std::cmp::Ordering::Less => effect.gains.add(shift, self.most),
                    std::cmp::Ordering::Greater => effect.loses.add(shift, self.most),
                    std::cmp::Ordering::Equal => {}
                }
            }
        }
        let unchanged = before == after && effect.gains.total == 0 && effect.loses.total == 0;
        (!unchanged).then_some(effect)
    }

    fn access(&self, world: &World, app: AppId, viewer: &SignedIn, probe: &Probe) -> Access {
        let Some(app) = world.apps().get(&app) else { return Access::Refused };
        let allowed = |viewer: &SignedIn| {
            let request = AppRequest {
                viewer,
                organization: world.organization_facts(),
                app,
                method: &probe.method,
                paths: &probe.paths,
                under_every_rule: probe.under_every_rule,
                now: self.now,
            };
            matches!(decide(&request), Decision::Allow(_))
        };
        let signed_in = |minutes: i64| SignedIn {
            authenticated_at: self.now - Duration::minutes(minutes),
            ..viewer.clone()
        };
        if !allowed(viewer) {
            return Access::Refused;
        }
        let Some(oldest) = self.ages.first() else { return Access::Allowed };
        if allowed(&signed_in(i64::from(oldest.minutes()) + 1)) {
            return Access::Allowed;
        }
        let held = self.ages.iter().find(|age| allowed(&signed_in(i64::from(age.minutes()))));
        // A rule asks for one of these ages, so the youngest of them lets through whom a fresh sign-in does.
        held.map_or(Access::Refused, |age| Access::SignedInWithin(*age))
    }
}
