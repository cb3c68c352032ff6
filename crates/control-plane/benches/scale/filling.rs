//! Very many rows, in the shape in which the product writes them.

use access_control::{Role, Subject};
use cryptography::Token;
use ids::{AppId, OrganizationId, PathRuleId, ServerSecretId, SessionId, UserId};
use sea_orm::{ConnectionTrait as _, DatabaseBackend, Statement, TransactionTrait as _, Value};
use time::{Duration, OffsetDateTime};

use crate::world::World;

/// What an organization has.
const APPS_PER_ORGANIZATION: usize = 10;
const MEMBERS_PER_ORGANIZATION: usize = 10;
/// How many values go into one insert: stores bound the parameters of a statement.
const PARAMETERS: usize = 30_000;
/// How many sessions are kept here before they are written.
const WRITTEN_AT_ONCE: usize = 50_000;
/// As browsers call themselves.
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// Rows of one table, written in as few statements as may be.
struct Rows<'a> {
    world: &'a World,
    insert: &'static str,
    width: usize,
    values: Vec<Value>,
}

impl<'a> Rows<'a> {
    /// `insert` ends before `VALUES`.
    fn new(world: &'a World, insert: &'static str) -> Self {
        let width = insert.matches(',').count() + 1;
        Self { world, insert, width, values: Vec::new() }
    }

    fn add<const N: usize>(&mut self, row: [Value; N]) {
        assert_eq!(N, self.width, "{}", self.insert);
        self.values.extend(row);
    }

    async fn write(&mut self) {
        let backend = self.world.database.get_database_backend();
        let place = |row: usize, column: usize| match backend {
            // It looks for each numbered parameter among all the others.
            DatabaseBackend::Sqlite => "?".to_owned(),
            _ => format!("${}", row * self.width + column),
        };
        let transaction = self.world.database.begin().await.unwrap();
        for some in self.values.chunks(PARAMETERS / self.width * self.width) {
            let rows: Vec<String> = (0..some.len() / self.width)
                .map(|row| {
                    let places: Vec<String> = (1..=self.width).map(|column| place(row, column)).collect();
                    format!("({})", places.join(","))
                })
                .collect();
            let sql = format!("{} VALUES {}", self.insert, rows.join(","));
            let statement = Statement::from_sql_and_values(backend, sql, some.iter().cloned());
            transaction.execute_raw(statement).await.unwrap();
        }
        transaction.commit().await.unwrap();
        self.values.clear();
    }
}

/// Writes tables in this order: rows refer to those of tables before them.
async fn write(tables: &mut [&mut Rows<'_>]) {
    for rows in tables {
        rows.write().await;
    }
}

fn texts<T: ToString>(value: &T) -> Value {
    value.to_string().into()
}

/// So many apps, ten to an organization with ten members of its own, each with a host, a secret, a rule and two grants.
/// Answers the people.
pub async fn add_apps(world: &World, from: usize, to: usize) -> Vec<UserId> {
    let now = OffsetDateTime::now_utc();
    let data_key = one_text(world, "SELECT id FROM data_keys ORDER BY id LIMIT 1").await;
    let mut people = Vec::new();
    let mut users = Rows::new(world, "INSERT INTO users (id, issuer, subject, email, name, created_at)");
    let mut organizations = Rows::new(world, "INSERT INTO organizations (id, slug, name, created_at)");
    let mut members = Rows::new(world, "INSERT INTO members (organization_id, user_id, role, created_at)");
    let mut all = Vec::new();
    for number in (from..to).step_by(APPS_PER_ORGANIZATION) {
        let organization = OrganizationId::generate();
        organizations.add([
            texts(&organization),
            format!("org{number}").into(),
            "An organization".into(),
            now.into(),
        ]);
        let mut own = Vec::new();
        for place in 0..MEMBERS_PER_ORGANIZATION {
            let (user, name) = (UserId::generate(), format!("person{}", number + place));
            let email = format!("{name}@example.com");
            let issuer = "https://issuer.example.com";
            users.add([
                texts(&user),
                issuer.into(),
                name.as_str().into(),
                email.into(),
                name.as_str().into(),
                now.into(),
            ]);
            let role = ["owner", "admin", "editor", "member"][place.min(3)];
            members.add([texts(&organization), texts(&user), role.into(), now.into()]);
            own.push(user);
        }
        people.extend_from_slice(&own);
        all.push((number, organization, own));
    }
    write(&mut [&mut users, &mut organizations, &mut members]).await;
    let mut apps = Rows::new(
        world,
        "INSERT INTO apps (id, organization_id, slug, name, level, creator_id, upstream_url, server_actions_judged_by_page, created_at)",
    );
    let mut hosts = Rows::new(world, "INSERT INTO hosts (label, app_id)");
    let mut grants = Rows::new(
        world,
        "INSERT INTO grants (app_id, organization_id, user_id, role, granted_by, created_at)",
    );
    let mut rules =
        Rows::new(world, "INSERT INTO path_rules (id, app_id, pattern, methods, subjects, created_at)");
    let mut values = Rows::new(
        world,
        "INSERT INTO sealed_values (id, kind, organization_id, app_id, version, data_key_id, sealed, updated_at)",
    );
    let mut secrets = Rows::new(
        world,
        "INSERT INTO server_secrets (id, app_id, environment, secret_hash, secret_id, issued_by, created_at)",
    );
    for (first, organization, own) in &all {
        for number in *first..(first + APPS_PER_ORGANIZATION).min(to) {
            let (app, creator) = (AppId::generate(), own[2]);
            apps.add([
                texts(&app),
                texts(organization),
                format!("app{number}").into(),
                "An app".into(),
                ["organization", "restricted"][number % 2].into(),
                texts(&creator),
                format!("http://10.0.{}.{}:3000", number / 250 % 250, number % 250).into(),
                false.into(),
                now.into(),
            ]);
            hosts.add([format!("app{number}-org{first}").into(), texts(&app)]);
            for user in &own[4..6] {
                grants.add([
                    texts(&app),
                    texts(organization),
                    texts(user),
                    "viewer".into(),
                    texts(&creator),
                    now.into(),
                ]);
            }
            let rule = PathRuleId::generate();
            rules.add([
                texts(&rule),
                texts(&app),
                "/admin".into(),
                "[]".into(),
                serde_json::to_string(&[Subject::Role(Role::Admin)]).unwrap().into(),
                now.into(),
            ]);
            let (secret, hash) = (ServerSecretId::generate(), Token::generate().unwrap());
            let value = format!("sec_{}", secret.to_string().rsplit('_').next().unwrap());
            values.add([
                value.as_str().into(),
                "server_secret".into(),
                texts(organization),
                texts(&app),
                1_i64.into(),
                data_key.as_str().into(),
                vec![0_u8; 96].into(),
                now.into(),
            ]);
            secrets.add([
                texts(&secret),
                texts(&app),
                "production".into(),
                hash.as_bytes().to_vec().into(),
                value.into(),
                texts(&creator),
                now.into(),
            ]);
        }
    }
    write(&mut [&mut apps, &mut hosts, &mut grants, &mut rules, &mut values, &mut secrets]).await;
    people
}

/// So many live sessions of these people in turn, last used at different times. They are API tokens, so that this program
/// can ask with each of them, and all have the same secret. Answers the tokens.
pub async fn add_sessions(world: &World, people: &[UserId], count: usize) -> Vec<String> {
    let now = OffsetDateTime::now_utc();
    let secret = Token::generate().unwrap();
    let mut rows = Rows::new(
        world,
        "INSERT INTO sessions (id, user_id, means, name, token_hash, user_agent, created_at, authenticated_at, last_seen_at, ends_at, lapse_hour)",
    );
    let mut tokens = Vec::with_capacity(count);
    for number in 0..count {
        let id = SessionId::generate();
        let seen = now - Duration::seconds(i64::try_from(number % 500_000).unwrap());
        let began = seen - Duration::days(1);
        let ends = began + Duration::days(30);
        rows.add([
            texts(&id),
            texts(&people[number % people.len()]),
            "api_token".into(),
            "a program".into(),
            secret.hash().to_vec().into(),
            USER_AGENT.into(),
            began.into(),
            began.into(),
            seen.into(),
            ends.into(),
            (ends.unix_timestamp() / 3600 + 1).into(),
        ]);
        let digits = id.to_string();
        if number % WRITTEN_AT_ONCE == 0 {
            rows.write().await;
        }
        tokens.push(format!("vybe_api_{}_{}", digits.trim_start_matches("ses_"), *secret.reveal()));
    }
    rows.write().await;
    tokens
}

/// Lets PostgreSQL look at what was filled in, as it does by itself after a minute. SQLite never does.
pub async fn settle(world: &World) {
    if world.database.get_database_backend() == DatabaseBackend::Postgres {
        world.execute("ANALYZE", []).await;
    }
}

async fn one_text(world: &World, sql: &str) -> String {
    let statement = Statement::from_string(world.database.get_database_backend(), sql);
    let row = world.database.query_one_raw(statement).await.unwrap().expect("a row");
    row.try_get_by_index(0).unwrap()
}
