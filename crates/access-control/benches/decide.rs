//! What a decision costs: with no, few and many path rules; and what reading a path costs.

#![expect(clippy::panic, reason = "a benchmark that cannot be set up ends")]

use std::collections::HashMap;
use std::hint::black_box;

use access_control::{
    AppFacts, AppLevel, AppRequest, MemberFacts, Method, OrganizationFacts, PathRule, PathRules, RequestPath,
    Role, SignedIn, Subject, decide,
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use ids::{AppId, OrganizationId, PathRuleId, SessionId, UserId};
use time::OffsetDateTime;

fn rules(count: usize) -> PathRules {
    let rule = |number: usize| PathRule {
        id: PathRuleId::generate(),
        pattern: match number % 4 {
            0 => format!("/admin/area-{number}"),
            1 => format!("/reports/{number}/details"),
            2 => format!("/teams/*/settings-{number}"),
            _ => format!("/area-{number}"),
        }
        .parse()
        .unwrap_or_else(|error| panic!("{error}")),
        methods: Vec::new(),
        subjects: vec![Subject::Role(Role::Owner), Subject::Role(Role::Member)],
        sign_in_within: None,
    };
    PathRules::new((0..count).map(rule).collect())
}

fn decisions(criterion: &mut Criterion) {
    let (user, organization) = (UserId::generate(), OrganizationId::generate());
    let viewer = SignedIn {
        user,
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: OffsetDateTime::UNIX_EPOCH,
        means: access_control::Means::Browser,
    };
    let member = MemberFacts { role: Role::Member, groups: Vec::new() };
    let organization =
        OrganizationFacts { id: organization, hosted_domain: None, members: HashMap::from([(user, member)]) };
    let method: Method = "GET".parse().unwrap_or_else(|error| panic!("{error}"));
    let mut group = criterion.benchmark_group("decide");
    for count in [0, 10, 1_000] {
        let app = AppFacts {
            id: AppId::generate(),
            organization: organization.id,
            level: AppLevel::Organization,
            creator: user,
            grants: HashMap::new(),
            rules: rules(count),
            server_actions_judged_by_page: false,
        };
        for path in ["/", "/teams/7/settings-2/members"] {
            let paths = [RequestPath::parse(path).unwrap_or_else(|error| panic!("{error}"))];
            let request = AppRequest {
                viewer: &viewer,
                organization: &organization,
                app: &app,
                method: &method,
                paths: &paths,
                under_every_rule: false,
                now: OffsetDateTime::UNIX_EPOCH,
            };
            let id = BenchmarkId::new(format!("{count} rules"), path);
            group.bench_function(id, |bencher| bencher.iter(|| decide(black_box(&request))));
        }
    }
    group.finish();
}

fn paths(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("request path");
    for (name, raw) in [
        ("plain", "/teams/7/settings/members"),
        ("upper case", "/Teams/7/Settings/Members"),
        ("needs work", "/x/%2e%2e/Te%61ms//7/./settings/caf%C3%A9"),
    ] {
        group.bench_function(name, |bencher| bencher.iter(|| RequestPath::parse(black_box(raw)).is_ok()));
    }
    group.finish();
}

criterion_group!(benches, decisions, paths);
criterion_main!(benches);
