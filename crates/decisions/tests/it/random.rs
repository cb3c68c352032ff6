//! Random policies and requests, the same for the same seed.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{
    AppFacts, AppLevel, AppRole, GrantFacts, Means, MemberFacts, Method, OrganizationFacts, PathRule,
    PathRules, Role, SignInAge, SignedIn, Subject,
};
use ids::{AppId, GroupId, OrganizationId, PathRuleId, SessionId, UserId};
use time::{Duration, OffsetDateTime};

const METHODS: [&str; 5] = ["GET", "POST", "DELETE", "HEAD", "PURGE"];
const PATTERNS: [&str; 9] =
    ["/", "/admin", "/admin/*", "/admin/users", "/a/b/c", "/*/settings", "/caf%C3%A9", "/reports", "/api/v1"];
const PATHS: [&str; 14] = [
    "/",
    "/admin",
    "/Admin/Users/",
    "/admin/users/7",
    "/x/../admin",
    "/%61dmin/keys",
    "/administrator",
    "/a/b/c",
    "/a/b/d",
    "/team/settings",
    "/CAF%c3%89/menu",
    "//reports///2026",
    "/api/v1/rows",
    "/a%2561/%5Bid%5D",
];
const DOMAINS: [Option<&str>; 3] = [None, Some("acme.example"), Some("other.example")];

/// SplitMix64 (Steele, Lea, Flood 2014): good enough to be unlike what a person would choose.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % below as u64).unwrap()
    }

    pub fn one_in(&mut self, number: usize) -> bool {
        self.number(number) == 0
    }

    pub fn of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.number(list.len())].clone()
    }

    fn some<T: Clone>(&mut self, list: &[T], most: usize) -> Vec<T> {
        (0..self.number(most + 1)).map(|_| self.of(list)).collect()
    }

    /// An instant around `now`, to the nanosecond, often exactly on a border.
    pub fn around(&mut self, now: OffsetDateTime, minutes: usize) -> OffsetDateTime {
        let offset = Duration::minutes(self.number(2 * minutes) as i64 - minutes as i64);
        let fine = if self.one_in(3) { 0 } else { self.number(1_000_000_000) as i64 };
        now + offset + Duration::nanoseconds(fine)
    }
}

/// An organization, one of its apps, and the people who ask.
#[derive(Clone)]
pub struct World {
    pub organization: Arc<OrganizationFacts>,
    pub app: Arc<AppFacts>,
    pub people: Vec<UserId>,
    /// May read the audit trail.
    pub auditor: SignedIn,
}

impl World {
    pub fn random(random: &mut Random, now: OffsetDateTime) -> Self {
        let id = OrganizationId::generate();
        let hosted_domain: Option<Arc<str>> = random.of(&DOMAINS).map(Into::into);
        let people: Vec<UserId> = (0..6).map(|_| UserId::generate()).collect();
        let groups: Vec<GroupId> = (0..3).map(|_| GroupId::generate()).collect();
        let auditor = SignedIn {
            user: UserId::generate(),
            session: SessionId::generate(),
            hosted_domain: hosted_domain.clone(),
            authenticated_at: now,
            means: Means::Browser,
        };
        let owner = MemberFacts { role: Role::Owner, groups: Vec::new() };
        let mut members = HashMap::from([(auditor.user, owner)]);
        let mut grants = HashMap::new();
        for person in &people {
            if !random.one_in(4) {
                let member = MemberFacts { role: random.of(&Role::ALL), groups: random.some(&groups, 2) };
                members.insert(*person, member);
            }
            if !random.one_in(3) {
                let expires_at = (!random.one_in(3)).then(|| random.around(now, 30));
                grants.insert(*person, GrantFacts { role: random.of(&AppRole::ALL), expires_at });
            }
        }
        let rules = (0..random.number(9)).map(|_| rule(random, &people, &groups)).collect();
        let app = AppFacts {
            id: AppId::generate(),
            organization: id,
            level: random.of(&AppLevel::ALL),
            creator: random.of(&people),
            grants,
            rules: PathRules::new(rules),
            server_actions_judged_by_page: random.one_in(4),
        };
        let organization = OrganizationFacts { id, hosted_domain, members };
        Self { organization: Arc::new(organization), app: Arc::new(app), people, auditor }
    }

    /// Has nobody in it but the auditor, who may use and edit its app without rules.
    pub fn open(random: &mut Random, now: OffsetDateTime) -> Self {
        let mut world = Self::random(random, now);
        let owner = MemberFacts { role: Role::Owner, groups: Vec::new() };
        world.organization = Arc::new(OrganizationFacts {
            hosted_domain: None,
            members: HashMap::from([(world.auditor.user, owner)]),
            ..OrganizationFacts::clone(&world.organization)
        });
        world.app = Arc::new(AppFacts {
            level: AppLevel::Organization,
            rules: PathRules::default(),
            ..AppFacts::clone(&world.app)
        });
        world
    }

    /// Somebody who asks, signed in some time ago.
    pub fn viewer(&self, random: &mut Random, now: OffsetDateTime) -> SignedIn {
        let hosted_domain = match &self.organization.hosted_domain {
            Some(wanted) if !random.one_in(4) => Some(Arc::clone(wanted)),
            _ => random.of(&DOMAINS).map(Into::into),
        };
        SignedIn {
            user: random.of(&self.people),
            session: SessionId::generate(),
            hosted_domain,
            authenticated_at: random.around(now, 40),
            means: random.of(&Means::ALL),
        }
    }
}

fn rule(random: &mut Random, people: &[UserId], groups: &[GroupId]) -> PathRule {
    let subject = |random: &mut Random| match random.number(4) {
        0 => Subject::User(random.of(people)),
        1 => Subject::Group(random.of(groups)),
        2 => Subject::Role(random.of(&Role::ALL)),
        _ => Subject::AppRole(random.of(&AppRole::ALL)),
    };
    PathRule {
        id: PathRuleId::generate(),
        pattern: random.of(&PATTERNS).parse().unwrap(),
        methods: if random.one_in(2) { Vec::new() } else { vec![method(random), method(random)] },
        subjects: (0..random.number(5)).map(|_| subject(random)).collect(),
        sign_in_within: random
            .one_in(3)
            .then(|| SignInAge::try_from(u32::try_from(1 + random.number(40)).unwrap()).unwrap()),
    }
}

pub fn method(random: &mut Random) -> Method {
    random.of(&METHODS).parse().unwrap()
}

/// The path of a request, sometimes with those that it is an alias of, sometimes none.
pub fn paths(random: &mut Random) -> Vec<&'static str> {
    match random.number(12) {
        0 => Vec::new(),
        1 | 2 => (0..1 + random.number(3)).map(|_| random.of(&PATHS)).collect(),
        _ => vec![random.of(&PATHS)],
    }
}
