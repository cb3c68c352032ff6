//! A million random requests against random apps, decided by `decide` and by the naive model.

use access_control::{
    AppLevel, AppRequest, AppRole, Decision, Means, Method, PathRule, PathRules, Reason, RequestPath, Role,
    Subject, decide, explain,
};
use ids::PathRuleId;

use crate::naive_model::{NaiveRule, NaiveWorld, Refused};
use crate::situation::{Cast, DOMAIN, NOW, Situation};

const WORLDS: u64 = 20_000;
const REQUESTS: u64 = 50;
const SEGMENTS: [&str; 4] = ["a", "b", "c", "d"];
const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// SplitMix64 (Steele, Lea and Flood, 2014): the seed repeats the run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("small")
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn some<T: Copy>(&mut self, from: &[T], most: usize) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| self.pick(from)).collect()
    }
}

fn situation(random: &mut Random) -> Situation {
    let ends = [None, Some(-1), Some(0), Some(1), Some(86_400)];
    let roles = [None, Some(Role::Owner), Some(Role::Admin), Some(Role::Editor), Some(Role::Member)];
    Situation {
        role: random.pick(&roles),
        level: random.pick(&AppLevel::ALL),
        grant: (random.below(4) > 0).then(|| (random.pick(&AppRole::ALL), random.pick(&ends))),
        creator: random.below(2) > 0,
        domain_wanted: random.below(3) == 0,
        domain: random.pick(&[None, Some(DOMAIN), Some(DOMAIN), Some("other.example")]),
        in_group: random.below(2) > 0,
        signed_in_ago: random.pick(&[-30, 0, 59, 60, 61, 3600, 3601, 30 * 86_400, 30 * 86_400 + 1]),
        means: random.pick(&Means::ALL),
    }
}

fn rules(random: &mut Random, cast: &Cast) -> Vec<NaiveRule> {
    let mut subjects = vec![
        Subject::User(cast.person),
        Subject::User(cast.somebody_else),
        Subject::Group(cast.group),
        Subject::Group(cast.other_group),
    ];
    subjects.extend(Role::ALL.map(Subject::Role));
    subjects.extend(AppRole::ALL.map(Subject::AppRole));
    let count = random.pick(&[0, 1, 2, 4, 8, 16]);
    let rule = |number| NaiveRule {
        number,
        pattern: random.some(&["a", "b", "c", "*"], 4),
        methods: if random.below(3) == 0 { random.some(&METHODS, 2) } else { Vec::new() },
        subjects: random.some(&subjects, 4),
        within: if random.below(3) == 0 { Some(random.pick(&[1, 2, 60, 43_200])) } else { None },
    };
    (0..count).map(rule).collect()
}

#[test]
fn z01_a_million_sampled_requests_are_decided_as_the_naive_model_decides_them() {
    let seed =
        std::env::var("ACCESS_CONTROL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_260_101);
    let mut random = Random(seed);
    let (mut cases, mut differences, mut allowed, mut late) = (0_u64, Vec::new(), 0_u64, 0_u64);
    for _ in 0..WORLDS {
        let cast = Cast::new();
        let situation = situation(&mut random);
        let rules = rules(&mut random, &cast);
        // Numbers and identifiers have the same order.
        let mut identifiers: Vec<PathRuleId> = rules.iter().map(|_| PathRuleId::generate()).collect();
        identifiers.sort_unstable();
        let mut arranged: Vec<PathRule> = rules
            .iter()
            .map(|rule| PathRule {
                id: identifiers[rule.number],
                pattern: format!("/{}", rule.pattern.join("/")).parse().expect("a pattern"),
                methods: rule.methods.iter().map(|method| method.parse().expect("a method")).collect(),
                subjects: rule.subjects.clone(),
                sign_in_within: rule
                    .within
                    .map(|minutes| u32::try_from(minutes).expect("few").try_into().expect("an age")),
            })
            .collect();
        // The order in which rules come must not matter.
        let middle = random.below(arranged.len() + 1);
        arranged.rotate_left(middle);
        let app = cast.app_facts(&situation, PathRules::new(arranged));
        let organization = cast.organization_facts(&situation);
        let viewer = cast.signed_in(&situation);
        let world = NaiveWorld {
            role: situation.role,
            user: cast.person,
            groups: if situation.in_group { vec![cast.group] } else { Vec::new() },
            right_domain: !situation.domain_wanted || situation.domain == Some(DOMAIN),
            level: situation.level,
            creator: situation.creator,
            live_grant: situation
                .grant
                .filter(|(_, end)| end.is_none_or(|end| end > 0))
                .map(|(role, _)| role),
            signed_in_ago: situation.signed_in_ago,
            rules,
        };
        for _ in 0..REQUESTS {
            let method = random.pick(&METHODS);
            let pages: Vec<Vec<&str>> = (0..=random.below(2)).map(|_| random.some(&SEGMENTS, 5)).collect();
            let under_every_rule = random.below(8) == 0;
            let texts: Vec<String> = pages.iter().map(|page| format!("/{}", page.join("/"))).collect();
            let paths: Vec<RequestPath<'_>> =
                texts.iter().map(|text| RequestPath::parse(text).expect("a path")).collect();
            let judged: Method = method.parse().expect("a method");
            let request = AppRequest {
                viewer: &viewer,
                organization: &organization,
                app: &app,
                method: &judged,
                paths: &paths,
                under_every_rule,
                now: NOW,
            };
            let decision = decide(&request);
            let number = |rule| identifiers.iter().position(|id| *id == rule).expect("a rule of the app");
            let found = match decision {
                Decision::Allow(role) => Some(Ok(role)),
                Decision::Refuse(Reason::PathRule(rule)) => Some(Err(Refused::For(number(rule)))),
                Decision::Refuse(Reason::SignInTooOld(rule)) => Some(Err(Refused::Until(number(rule)))),
                Decision::Refuse(_) => None,
            };
            let expected = world.decide(method, &pages, under_every_rule);
            cases += 1;
            allowed += u64::from(matches!(decision, Decision::Allow(_)));
            late += u64::from(matches!(decision, Decision::Refuse(Reason::SignInTooOld(_))));
            if found != expected || explain(&request).decision != decision {
                differences.push(format!("{situation:?} {method} {texts:?}: {found:?}, model {expected:?}"));
            }
        }
    }
    println!(
        "cases: {cases}, differences: {}, allowed: {allowed}, too old: {late} (seed {seed})",
        differences.len()
    );
    assert!(differences.is_empty(), "{:#?}", &differences[..differences.len().min(5)]);
    assert!(cases >= 1_000_000 && allowed > cases / 10 && allowed < cases * 9 / 10);
    assert!(late > cases / 100, "{late} sign-ins were too old");
}
