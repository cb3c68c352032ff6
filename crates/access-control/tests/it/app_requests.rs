//! `decide` over the whole finite table, against the oracle.

use access_control::{
    AppRequest, AppRole, Method, PathRule, PathRules, RequestPath, Role, Subject, decide, explain,
};
use ids::PathRuleId;

use crate::oracle::{Oracle, Outcome};
use crate::situation::{Cast, NOW, Situation};

/// A request, whatever the person: method, pages, whether it needs every rule.
type Asked = (&'static str, &'static [&'static str], bool);

const PAGES: [&[&str]; 6] =
    [&["/"], &["/admin"], &["/admin/x/y"], &["/administrator"], &["/other/x"], &["/other", "/admin/x"]];
const METHODS: [&str; 3] = ["GET", "HEAD", "POST"];

fn rule(pattern: &str, methods: &[&str], subjects: Vec<Subject>) -> PathRule {
    PathRule {
        id: PathRuleId::generate(),
        pattern: pattern.parse().expect("a pattern"),
        methods: methods.iter().map(|method| method.parse().expect("a method")).collect(),
        subjects,
        sign_in_within: None,
    }
}

/// The same rule for sign-ins of the last so many minutes.
fn within(minutes: u32, rule: PathRule) -> PathRule {
    PathRule { sign_in_within: Some(minutes.try_into().expect("an age")), ..rule }
}

/// Every kind of subject, fitting the person and not.
fn subjects(cast: &Cast) -> Vec<Vec<Subject>> {
    let mut all = vec![
        vec![],
        vec![Subject::User(cast.person)],
        vec![Subject::User(cast.somebody_else)],
        vec![Subject::Group(cast.group)],
        vec![Subject::Group(cast.other_group)],
        vec![Subject::Group(cast.other_group), Subject::Role(Role::Editor)],
    ];
    all.extend(Role::ALL.map(|role| vec![Subject::Role(role)]));
    all.extend(AppRole::ALL.map(|role| vec![Subject::AppRole(role)]));
    all
}

/// No rule; one; two.
fn rule_sets(cast: &Cast) -> Vec<Vec<PathRule>> {
    let kinds: Vec<_> = subjects(cast).into_iter().map(|subjects| (subjects, None)).collect();
    let mut sets = vec![vec![]];
    sets.extend(kinds.iter().map(|one| vec![arranged("/admin", &[], one)]));
    sets.extend(pairs(&kinds));
    sets
}

/// Whom a rule names, and from which age of the sign-in on it refuses, in minutes.
type Kind = (Vec<Subject>, Option<u32>);

fn arranged(pattern: &str, methods: &[&str], (subjects, minutes): &Kind) -> PathRule {
    let plain = rule(pattern, methods, subjects.clone());
    match minutes {
        Some(minutes) => within(*minutes, plain),
        None => plain,
    }
}

/// Two rules of these kinds: of the same length, one below the other, by wildcard, by method, at the root.
fn pairs(kinds: &[Kind]) -> Vec<Vec<PathRule>> {
    let mut sets = Vec::new();
    for one in kinds {
        for other in kinds {
            let both = |first: &str, first_methods: &[&str], second: &str, second_methods: &[&str]| {
                vec![arranged(first, first_methods, one), arranged(second, second_methods, other)]
            };
            sets.push(both("/admin", &[], "/admin", &[]));
            sets.push(both("/admin", &[], "/admin/x", &[]));
            sets.push(both("/*", &[], "/admin", &[]));
            sets.push(both("/", &[], "/*/x", &[]));
            sets.push(both("/admin", &["GET"], "/admin", &["POST", "PUT"]));
            sets.push(both("/admin/x", &["POST"], "/admin", &[]));
        }
    }
    sets
}

struct Tally {
    cases: usize,
    differences: Vec<String>,
}

fn compare(
    oracle: &Oracle,
    cast: &Cast,
    situation: &Situation,
    rules: &PathRules,
    asked: &[Asked],
    tally: &mut Tally,
) {
    let viewer = cast.signed_in(situation);
    let organization = cast.organization_facts(situation);
    let mut app = cast.app_facts(situation, rules.clone());
    for &(method, pages, under_every_rule) in asked {
        let paths: Vec<RequestPath<'_>> =
            pages.iter().map(|page| RequestPath::parse(page).expect("a path")).collect();
        let judged: Method = method.parse().expect("a method");
        for opted_out in [false, true] {
            app.server_actions_judged_by_page = opted_out;
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
            let explained = explain(&request).decision;
            let expected =
                oracle.decide(situation, rules.as_slice(), method, pages, under_every_rule && !opted_out);
            tally.cases += 1;
            if Outcome::from(decision) != expected || explained != decision {
                tally.differences.push(format!(
                    "{situation:?} {method} {pages:?} every={under_every_rule} {rules:?}: {decision:?}, \
                     explained {explained:?}, oracle {expected:?}"
                ));
            }
        }
    }
}

fn report(oracle: &Oracle, tally: &Tally) {
    println!(
        "cases: {}, differences: {} ({} Cedar decisions)",
        tally.cases,
        tally.differences.len(),
        oracle.asked.get()
    );
    let first: Vec<_> = tally.differences.iter().take(5).collect();
    assert!(tally.differences.is_empty(), "{first:#?}");
}

fn every_request() -> Vec<Asked> {
    let all = METHODS.iter().flat_map(|&method| {
        PAGES.iter().flat_map(move |&pages| [false, true].map(move |every| (method, pages, every)))
    });
    all.collect()
}

#[test]
fn z01_every_situation_is_decided_as_cedar_decides_it() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let mut tally = Tally { cases: 0, differences: Vec::new() };
    // The rule sets that fit some people and not others; all of them come in the next test.
    let mut sets: Vec<Vec<PathRule>> = vec![vec![]];
    sets.extend(subjects(&cast).into_iter().map(|one| vec![rule("/admin", &[], one)]));
    sets.push(vec![
        rule("/admin", &[], vec![]),
        rule("/admin/x", &[], vec![Subject::AppRole(AppRole::Viewer), Subject::AppRole(AppRole::Editor)]),
        rule("/*/x", &["POST"], vec![Subject::Group(cast.group)]),
    ]);
    let builders = || rule("/admin", &[], vec![Subject::AppRole(AppRole::Editor)]);
    sets.extend([59, 60].map(|minutes| vec![within(minutes, builders())]));
    let asked = [
        ("GET", PAGES[0], false),
        ("GET", PAGES[1], false),
        ("POST", PAGES[2], false),
        ("GET", PAGES[3], true),
        ("HEAD", PAGES[5], false),
    ];
    for rules in sets.into_iter().map(PathRules::new) {
        for situation in Situation::all() {
            compare(&oracle, &cast, &situation, &rules, &asked, &mut tally);
        }
    }
    report(&oracle, &tally);
    assert!(tally.cases > 400_000, "the table shrank to {}", tally.cases);
}

#[test]
fn z01_every_set_of_rules_is_decided_as_cedar_decides_it() {
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let mut tally = Tally { cases: 0, differences: Vec::new() };
    let asked = every_request();
    for rules in rule_sets(&cast).into_iter().map(PathRules::new) {
        for situation in Situation::plain() {
            compare(&oracle, &cast, &situation, &rules, &asked, &mut tally);
        }
    }
    report(&oracle, &tally);
    assert!(tally.cases > 600_000, "the table shrank to {}", tally.cases);
}

#[test]
fn z01_every_age_of_a_sign_in_is_decided_as_cedar_decides_it() {
    const MONTH: i64 = 30 * 24 * 60 * 60;
    let cast = Cast::new();
    let oracle = Oracle::new(cast, &[include_str!("apps.cedar")]);
    let mut tally = Tally { cases: 0, differences: Vec::new() };
    let subjects = [
        vec![Subject::User(cast.person)],
        vec![Subject::User(cast.somebody_else)],
        vec![Subject::Role(Role::Owner)],
    ];
    let minutes = [None, Some(1), Some(60), Some(43_200)];
    let kinds: Vec<Kind> =
        subjects.iter().flat_map(|one| minutes.map(|minutes| (one.clone(), minutes))).collect();
    let people = Situation::plain().filter(|situation| {
        matches!(situation.role, Some(Role::Owner | Role::Member)) && !situation.in_group
    });
    let people: Vec<_> = people
        .flat_map(|person| {
            [-30, 60, 61, 3600, 3601, MONTH, MONTH + 1]
                .map(|signed_in_ago| Situation { signed_in_ago, ..person })
        })
        .collect();
    let asked: Vec<Asked> = every_request()
        .into_iter()
        .filter(|(method, pages, _)| *method != "HEAD" && [PAGES[1], PAGES[2], PAGES[5]].contains(pages))
        .collect();
    for rules in pairs(&kinds).into_iter().map(PathRules::new) {
        for situation in &people {
            compare(&oracle, &cast, situation, &rules, &asked, &mut tally);
        }
    }
    report(&oracle, &tally);
    assert!(tally.cases > 250_000, "the table shrank to {}", tally.cases);
}

#[test]
fn an_app_of_another_organization_is_hidden() {
    let cast = Cast::new();
    let situation = Situation::plain().next().expect("an Owner or Member");
    let viewer = cast.signed_in(&situation);
    let organization = cast.organization_facts(&Situation { role: Some(Role::Owner), ..situation });
    let mut app = cast.app_facts(&situation, PathRules::default());
    app.organization = ids::OrganizationId::generate();
    let path = [RequestPath::parse("/").expect("a path")];
    let method: Method = "GET".parse().expect("a method");
    let decision = decide(&AppRequest {
        viewer: &viewer,
        organization: &organization,
        app: &app,
        method: &method,
        paths: &path,
        under_every_rule: false,
        now: NOW,
    });
    assert_eq!(Outcome::from(decision), Outcome::Hidden);
}

#[test]
fn a_request_for_no_page_needs_every_rule() {
    let cast = Cast::new();
    let situation = Situation { role: Some(Role::Owner), ..Situation::plain().next().expect("one") };
    let rules = PathRules::new(vec![rule("/admin", &[], vec![])]);
    let mut app = cast.app_facts(&situation, rules);
    app.server_actions_judged_by_page = true;
    let method: Method = "GET".parse().expect("a method");
    let decision = decide(&AppRequest {
        viewer: &cast.signed_in(&situation),
        organization: &cast.organization_facts(&situation),
        app: &app,
        method: &method,
        paths: &[],
        under_every_rule: false,
        now: NOW,
    });
    assert_eq!(Outcome::from(decision), Outcome::Ruled(app.rules.as_slice()[0].id));
}
