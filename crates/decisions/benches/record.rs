//! What a decision costs the request that waits for it, and the writer that nobody waits for.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up ends")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access_control::{
    AppFacts, AppLevel, AppRole, Decision, Means, MemberFacts, Method, OrganizationFacts, PathRules,
    RequestPath, Role, SignedIn,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use decisions::{Decided, Queue, Recorder, Recording, Store};
use ids::{AppId, DecisionId, OrganizationId, RequestId, SessionId, UserId};
use sea_orm::DatabaseConnection;
use test_support::TestDatabase;
use time::OffsetDateTime;

/// Fewer than one queue holds.
const AT_ONCE: u64 = 4_000;

/// What is at hand when a request has been decided.
struct Scene {
    organization: Arc<OrganizationFacts>,
    app: Arc<AppFacts>,
    viewer: SignedIn,
    method: Method,
    path: RequestPath<'static>,
    request: RequestId,
}

impl Scene {
    fn new() -> Self {
        let (user, organization) = (UserId::generate(), OrganizationId::generate());
        let member = MemberFacts { role: Role::Member, groups: Vec::new() };
        Self {
            organization: Arc::new(OrganizationFacts {
                id: organization,
                hosted_domain: None,
                members: HashMap::from([(user, member)]),
            }),
            app: Arc::new(AppFacts {
                id: AppId::generate(),
                organization,
                level: AppLevel::Organization,
                creator: user,
                grants: HashMap::new(),
                rules: PathRules::default(),
                server_actions_judged_by_page: false,
            }),
            viewer: SignedIn {
                user,
                session: SessionId::generate(),
                hosted_domain: None,
                authenticated_at: OffsetDateTime::now_utc(),
                means: Means::Browser,
            },
            method: "GET".parse().unwrap(),
            path: RequestPath::parse("/reports/2026/summary").unwrap(),
            request: RequestId::generate(),
        }
    }

    /// As the middleware does it.
    fn record(&self, queue: &Queue, now: OffsetDateTime) -> DecisionId {
        queue.record(false, |id| Decided {
            id,
            at: now,
            policy_version: 1,
            organization: Arc::clone(&self.organization),
            app: Arc::clone(&self.app),
            viewer: self.viewer.clone(),
            request: self.request,
            method: self.method.clone(),
            paths: [&self.path].into_iter().map(|path| path.forwarded().into()).collect(),
            under_every_rule: false,
            again: false,
            decision: Decision::Allow(AppRole::Viewer),
            foreign_origin: false,
        })
    }
}

fn on_the_request(criterion: &mut Criterion) {
    let (scene, now) = (Scene::new(), OffsetDateTime::now_utc());
    let mut group = criterion.benchmark_group("on the request's path");
    group.bench_function("an identifier", |bencher| bencher.iter(DecisionId::generate));
    group.throughput(Throughput::Elements(AT_ONCE));
    for (name, recording) in [("kept", Recording::All), ("not kept", Recording::Refused)] {
        // A queue that nobody empties meanwhile: the writer only ever takes its lock for an instant.
        let queue = || Recorder::new(Store::new(DatabaseConnection::default()), recording).0.queue();
        group.bench_function(format!("{AT_ONCE} allowed requests, {name}"), |bencher| {
            bencher.iter_batched(
                queue,
                |queue| {
                    for _ in 0..AT_ONCE {
                        black_box(scene.record(&queue, now));
                    }
                    queue
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn by_the_writer(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut group = criterion.benchmark_group("by the writer");
    group.sample_size(10).measurement_time(Duration::from_secs(10)).throughput(Throughput::Elements(AT_ONCE));
    let database = runtime.block_on(TestDatabase::sqlite());
    group.bench_function(format!("{AT_ONCE} decisions into SQLite"), |bencher| {
        bencher.iter_custom(|times| {
            let mut spent = Duration::ZERO;
            for _ in 0..times {
                let (recorder, writer) =
                    Recorder::new(Store::new(database.connection().clone()), Recording::All);
                let (scene, queue) = (Scene::new(), recorder.queue());
                for _ in 0..AT_ONCE {
                    scene.record(&queue, OffsetDateTime::now_utc());
                }
                let began = Instant::now();
                runtime.block_on(writer.run(std::future::ready(())));
                spent += began.elapsed();
            }
            spent
        });
    });
    group.finish();
}

criterion_group!(benches, on_the_request, by_the_writer);
criterion_main!(benches);
