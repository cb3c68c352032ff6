//! What a lookup and a change cost, at more and more apps, on a real store.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up stops")]

use std::hint::black_box;

use access_control::{
    AppRequest, Environment, Facts as _, Method, PathRule, RequestPath, Role, SignedIn, Subject, decide,
};
use audit::{Actor, Event, Follower as _, Target};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use directory::Directory;
use ids::{AppId, OrganizationId, PathRuleId, ServerSecretId, SessionId, UserId};
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, Statement, TransactionTrait, Value};
use test_support::TestDatabase;
use time::OffsetDateTime;

const APPS_PER_ORGANIZATION: usize = 10;
const RULES: usize = 1_000;

/// One app of many, with as many rules as an app can have.
struct Middle {
    id: AppId,
    organization: OrganizationId,
    label: String,
    hash: [u8; 32],
    viewer: SignedIn,
}

async fn insert<const N: usize>(transaction: &DatabaseTransaction, sql: &str, values: [Value; N]) {
    let statement = Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, values);
    transaction.execute_raw(statement).await.unwrap();
}

async fn fill(database: &TestDatabase, apps: usize) -> Middle {
    let now = OffsetDateTime::now_utc();
    let user = UserId::generate();
    let transaction = database.connection().begin().await.unwrap();
    insert(
        &transaction,
        "INSERT INTO users (id, issuer, subject, email, name, created_at) VALUES ($1, '', '', '', '', $2)",
        [user.to_string().into(), now.into()],
    )
    .await;
    // Nothing is opened here: any key will do.
    insert(
        &transaction,
        "INSERT INTO data_keys (id, holder, master_key_id, wrapped, seals, created_at) VALUES ('key', 'x', 'x', x'00', 0, $1)",
        [now.into()],
    )
    .await;
    let mut organization = OrganizationId::generate();
    let mut middle = None;
    for number in 0..apps {
        if number % APPS_PER_ORGANIZATION == 0 {
            organization = OrganizationId::generate();
            insert(
                &transaction,
                "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $2, 'Acme', $3)",
                [organization.to_string().into(), format!("acme{number}").into(), now.into()],
            )
            .await;
            insert(
                &transaction,
                "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, 'editor', $3)",
                [organization.to_string().into(), user.to_string().into(), now.into()],
            )
            .await;
        }
        let (id, label, hash) = (AppId::generate(), format!("app{number}-acme"), hash_of(number));
        insert(
            &transaction,
            "INSERT INTO apps (id, organization_id, slug, name, level, creator_id, server_actions_judged_by_page, created_at) \
             VALUES ($1, $2, $3, 'An app', 'organization', $4, FALSE, $5)",
            [
                id.to_string().into(),
                organization.to_string().into(),
                format!("app{number}").into(),
                user.to_string().into(),
                now.into(),
            ],
        )
        .await;
        insert(
            &transaction,
            "INSERT INTO hosts (label, app_id) VALUES ($1, $2)",
            [label.as_str().into(), id.to_string().into()],
        )
        .await;
        let secret = ServerSecretId::generate().to_string();
        let value = secret.clone();
        insert(
            &transaction,
            "INSERT INTO sealed_values (id, kind, organization_id, app_id, version, data_key_id, sealed, updated_at) \
             VALUES ($1, 'server_secret', $2, $3, 1, 'key', x'00', $4)",
            [
                value.as_str().into(),
                organization.to_string().into(),
                id.to_string().into(),
                now.into(),
            ],
        )
        .await;
        insert(
            &transaction,
            "INSERT INTO server_secrets (id, app_id, environment, secret_hash, secret_id, issued_by, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                secret.into(),
                id.to_string().into(),
                Environment::Production.as_str().into(),
                hash.to_vec().into(),
                value.into(),
                user.to_string().into(),
                now.into(),
            ],
        )
        .await;
        if number == apps / 2 {
            add_rules(&transaction, id, now).await;
            let viewer = SignedIn {
                user,
                session: SessionId::generate(),
                hosted_domain: None,
                authenticated_at: now,
                means: access_control::Means::Browser,
            };
            middle = Some(Middle { id, organization, label, hash, viewer });
        }
    }
    transaction.commit().await.unwrap();
    middle.unwrap()
}

async fn add_rules(transaction: &DatabaseTransaction, app: AppId, now: OffsetDateTime) {
    for number in 0..RULES {
        let rule = PathRule {
            id: PathRuleId::generate(),
            pattern: format!("/section{}/page{number}", number % 30).parse().unwrap(),
            methods: Vec::new(),
            subjects: vec![Subject::Role(Role::Editor)],
            sign_in_within: None,
        };
        insert(
            transaction,
            "INSERT INTO path_rules (id, app_id, pattern, methods, subjects, created_at) VALUES ($1, $2, $3, '[]', $4, $5)",
            [
                rule.id.to_string().into(),
                app.to_string().into(),
                rule.pattern.to_string().into(),
                serde_json::to_string(&rule.subjects).unwrap().into(),
                now.into(),
            ],
        )
        .await;
    }
}

fn hash_of(number: usize) -> [u8; 32] {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    hash
}

fn lookups(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let now = OffsetDateTime::now_utc();
    let method: Method = "GET".parse().unwrap();
    let path = RequestPath::parse("/section3/page333/details").unwrap();
    for apps in [100, 10_000, 100_000] {
        let database = runtime.block_on(TestDatabase::sqlite());
        let Middle { id, organization, label, hash, viewer } = runtime.block_on(fill(&database, apps));
        let directory =
            runtime.block_on(Directory::load(&audit::Journal::new(database.connection().clone()))).unwrap();
        let mut group = criterion.benchmark_group("directory");
        let named = |name| BenchmarkId::new(name, apps);
        group.bench_function(named("app_at"), |bencher| {
            bencher.iter(|| directory.app_at(black_box(&label)).unwrap().unwrap());
        });
        group.bench_function(named("app_at, unknown"), |bencher| {
            bencher.iter(|| directory.app_at(black_box("nobody-at-all")).unwrap());
        });
        group.bench_function(named("app_by_secret"), |bencher| {
            bencher.iter(|| directory.app_by_secret(black_box(&hash), now).unwrap().unwrap());
        });
        group.bench_function(named("look up and decide, 1000 rules"), |bencher| {
            bencher.iter(|| {
                let app = directory.app_at(black_box(&label)).unwrap().unwrap();
                let organization = directory.organization(app.organization()).unwrap().unwrap();
                decide(&AppRequest {
                    viewer: &viewer,
                    organization: &organization,
                    app: &app.facts,
                    method: &method,
                    paths: std::slice::from_ref(&path),
                    under_every_rule: false,
                    now,
                })
            });
        });
        // Reading the store again included.
        let change_of = |target| Event::done(Actor::System, "bench", target).of(organization);
        let of_app = change_of(Target::App(id));
        group.bench_function(named("change of an app with 1000 rules"), |bencher| {
            bencher.iter(|| runtime.block_on(directory.committed(&of_app)));
        });
        let of_organization = change_of(Target::Organization(organization));
        group.bench_function(named("change of an organization"), |bencher| {
            bencher.iter(|| runtime.block_on(directory.committed(&of_organization)));
        });
        group.sample_size(10);
        group.bench_function(named("load all at start"), |bencher| {
            bencher.iter(|| {
                runtime
                    .block_on(Directory::load(&audit::Journal::new(database.connection().clone())))
                    .unwrap()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, lookups);
criterion_main!(benches);
