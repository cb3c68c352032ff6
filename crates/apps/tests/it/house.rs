//! A store with the use cases on it, people to act, and permits for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use access_control::{
    Action, AppFacts, CreateApp, Facts, FactsUnavailable, InApp, InOrganization, ListApps, MemberFacts,
    OrganizationFacts, Permit, Principal, Refusal, Role, SignedIn, authorize,
};
use apps::{
    AgentTokens, App, AppChanges, AppError, AppPathRules, Apps, Grants, Memberships, NeighbourError, NewApp,
    OrganizationSlugs, OrphanedApps, ServerSecretRotations, ServerSecrets, Store,
};
use async_trait::async_trait;
use audit::{Change, Event, Follower, Journal, Occasion, Target};
use cryptography::{MasterKey, RootKey};
use ids::{AppId, GroupId, OrganizationId, OrganizationSlug, SessionId, UserId};
use outbound::AddressPolicy;
use revocations::{OpenStreams, OutstandingTokens, Revocations};
use sea_orm::{ConnectionTrait, Statement, Value};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Vault};
use test_support::TestDatabase;
use time::OffsetDateTime;
use tokio::sync::watch;

/// The use cases on one store.
pub struct House {
    pub database: TestDatabase,
    pub journal: Journal,
    pub facts: Arc<Known>,
    pub apps: Apps,
    pub orphaned_apps: OrphanedApps,
    pub grants: Grants,
    pub path_rules: AppPathRules,
    pub server_secrets: ServerSecrets,
    pub server_secret_rotations: ServerSecretRotations,
    pub agent_tokens: AgentTokens,
}

/// An organization and its members.
#[derive(Clone, Copy)]
pub struct Tenant {
    pub id: OrganizationId,
    pub owner: UserId,
}

/// What decisions read: apps as the store has them after each change, organizations as a test made them.
pub struct Known {
    database: sea_orm::DatabaseConnection,
    organizations: Mutex<HashMap<OrganizationId, (OrganizationSlug, OrganizationFacts)>>,
    apps: Mutex<HashMap<AppId, Arc<AppFacts>>>,
}

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.organizations.lock().unwrap().get(&id).map(|(_, facts)| Arc::new(facts.clone())))
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(self.apps.lock().unwrap().get(&id).cloned())
    }
}

impl OrganizationSlugs for Known {
    fn slug(&self, id: OrganizationId) -> Result<Option<OrganizationSlug>, FactsUnavailable> {
        Ok(self.organizations.lock().unwrap().get(&id).map(|(slug, _)| slug.clone()))
    }
}

#[async_trait]
impl Follower for Known {
    async fn committed(&self, event: &Event) {
        let (Target::App(id) | Target::Grant(id, _) | Target::PathRule(id, _) | Target::ServerSecret(id, _)) =
            event.target
        else {
            return;
        };
        let record = apps::load(&self.database, id).await.unwrap();
        let mut apps = self.apps.lock().unwrap();
        match record {
            Some(record) => apps.insert(id, record.facts),
            None => apps.remove(&id),
        };
    }

    async fn announced(&self, _: audit::News<'_>) {}
}

/// The table of members, as `organizations` would read it.
struct MembersTable;

#[async_trait]
impl Memberships for MembersTable {
    async fn locked(
        &self,
        change: &Change,
        organization: OrganizationId,
    ) -> Result<HashMap<UserId, Role>, NeighbourError> {
        let transaction = change.transaction();
        let backend = transaction.get_database_backend();
        if backend == sea_orm::DatabaseBackend::Postgres {
            let lock = "SELECT id FROM organizations WHERE id = $1 FOR UPDATE";
            let lock = Statement::from_sql_and_values(backend, lock, [organization.to_string().into()]);
            transaction.query_one_raw(lock).await?;
        }
        let all = "SELECT user_id, role FROM members WHERE organization_id = $1";
        let all = Statement::from_sql_and_values(backend, all, [organization.to_string().into()]);
        let mut roles = HashMap::new();
        for row in transaction.query_all_raw(all).await? {
            roles.insert(
                row.try_get::<String>("", "user_id")?.parse()?,
                row.try_get::<String>("", "role")?.parse()?,
            );
        }
        Ok(roles)
    }
}

impl House {
    /// Upstreams may have public addresses only.
    pub fn on(database: TestDatabase) -> Self {
        Self::with(database, AddressPolicy::default())
    }

    pub fn with(database: TestDatabase, addresses: AddressPolicy) -> Self {
        let connection = database.connection().clone();
        let journal = Journal::new(connection.clone());
        let facts = Arc::new(Known {
            database: connection.clone(),
            organizations: Mutex::default(),
            apps: Mutex::default(),
        });
        journal.follow(vec![Arc::clone(&facts) as Arc<dyn Follower>]);
        let store = Store::new(journal.clone(), connection);
        let read = Arc::clone(&facts) as Arc<dyn Facts>;
        let slugs = Arc::clone(&facts) as Arc<dyn OrganizationSlugs>;
        let root_key = RootKey::generate().unwrap();
        let server_secrets = ServerSecrets::new(store.clone(), &root_key, vault(&journal));
        Self {
            orphaned_apps: OrphanedApps::new(store.clone(), Arc::clone(&read), Arc::new(MembersTable)),
            apps: Apps::new(store.clone(), Arc::clone(&read), slugs, Arc::new(addresses)),
            grants: Grants::new(store.clone(), Arc::clone(&read)),
            path_rules: AppPathRules::new(store.clone(), read),
            agent_tokens: AgentTokens::new(store.clone(), &root_key),
            server_secret_rotations: ServerSecretRotations::new(store.clone(), server_secrets.clone()),
            server_secrets,
            database,
            journal,
            facts,
        }
    }

    /// What revocations do in the only process of the store, which has no streams.
    pub fn revocations(&self) -> Revocations {
        let (version, tokens) =
            (watch::channel(0).1, OutstandingTokens::living_for(time::Duration::minutes(13)));
        Revocations::new(self.journal.clone(), self.facts.clone(), version, OpenStreams::default(), tokens)
    }

    pub async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().execute_raw(statement).await.unwrap();
    }

    /// One number from the store.
    pub async fn count(&self, table: &str) -> i64 {
        let statement =
            Statement::from_string(self.database.backend(), format!("SELECT COUNT(*) AS n FROM {table}"));
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// The newest event's detail.
    pub async fn last_event(&self) -> (String, String) {
        let statement = Statement::from_string(
            self.database.backend(),
            "SELECT action, detail FROM audit_events ORDER BY id DESC LIMIT 1",
        );
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        (row.try_get("", "action").unwrap(), row.try_get("", "detail").unwrap())
    }

    pub async fn person(&self) -> UserId {
        let id = UserId::generate();
        self.execute(
            "INSERT INTO users (id, issuer, subject, email, name, created_at) \
             VALUES ($1, 'https://issuer.example', $1, $2, 'Somebody', $3)",
            [id.to_string().into(), format!("{id}@example.com").into(), OffsetDateTime::now_utc().into()],
        )
        .await;
        id
    }

    /// An organization with one Owner.
    pub async fn tenant(&self, slug: &str) -> Tenant {
        let id = OrganizationId::generate();
        self.execute(
            "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $2, $2, $3)",
            [id.to_string().into(), slug.into(), OffsetDateTime::now_utc().into()],
        )
        .await;
        let facts = OrganizationFacts { id, hosted_domain: None, members: HashMap::new() };
        self.facts.organizations.lock().unwrap().insert(id, (slug.parse().unwrap(), facts));
        let tenant = Tenant { id, owner: UserId::generate() };
        Tenant { owner: self.member(tenant, Role::Owner).await, ..tenant }
    }

    /// A group with nobody in it.
    pub async fn group(&self, organization: OrganizationId) -> GroupId {
        let id = GroupId::generate();
        self.execute(
            "INSERT INTO groups (id, organization_id, name, created_at) VALUES ($1, $2, $1, $3)",
            [id.to_string().into(), organization.to_string().into(), OffsetDateTime::now_utc().into()],
        )
        .await;
        id
    }

    pub async fn member(&self, tenant: Tenant, role: Role) -> UserId {
        let user = self.person().await;
        self.join(tenant, user, role).await;
        user
    }

    pub async fn join(&self, tenant: Tenant, user: UserId, role: Role) {
        self.execute(
            "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
            [
                tenant.id.to_string().into(),
                user.to_string().into(),
                role.to_string().into(),
                OffsetDateTime::now_utc().into(),
            ],
        )
        .await;
        let member = MemberFacts { role, groups: Vec::new() };
        let mut organizations = self.facts.organizations.lock().unwrap();
        organizations.get_mut(&tenant.id).unwrap().1.members.insert(user, member);
    }

    /// Ends a membership as organizations do.
    pub async fn remove_member(&self, tenant: Tenant, user: UserId) {
        let change = self.journal.begin().await.unwrap();
        apps::forget_member(&change, tenant.id, user).await.unwrap();
        let delete = Statement::from_sql_and_values(
            self.database.backend(),
            "DELETE FROM members WHERE organization_id = $1 AND user_id = $2",
            [tenant.id.to_string().into(), user.to_string().into()],
        );
        change.transaction().execute_raw(delete).await.unwrap();
        let event = Event::done(audit::Actor::System, "members.remove", Target::Member(user)).of(tenant.id);
        change.commit(event).await.unwrap();
        let mut organizations = self.facts.organizations.lock().unwrap();
        organizations.get_mut(&tenant.id).unwrap().1.members.remove(&user);
    }

    /// Gives a member another role.
    pub async fn set_role(&self, tenant: Tenant, user: UserId, role: Role) {
        self.execute(
            "UPDATE members SET role = $3 WHERE organization_id = $1 AND user_id = $2",
            [tenant.id.to_string().into(), user.to_string().into(), role.to_string().into()],
        )
        .await;
        self.remember(tenant, user, MemberFacts { role, groups: Vec::new() });
    }

    /// Makes the facts say that somebody is a member.
    pub fn remember(&self, tenant: Tenant, user: UserId, member: MemberFacts) {
        let mut organizations = self.facts.organizations.lock().unwrap();
        organizations.get_mut(&tenant.id).unwrap().1.members.insert(user, member);
    }

    /// Puts rules into the store, past the use cases.
    pub async fn fill_with_rules(&self, app: AppId, number: usize) {
        for index in 0..number {
            self.execute(
                "INSERT INTO path_rules (id, app_id, pattern, methods, subjects, created_at) \
                 VALUES ($1, $2, $3, '[]', '[]', $4)",
                [
                    ids::PathRuleId::generate().to_string().into(),
                    app.to_string().into(),
                    format!("/page{index}").into(),
                    OffsetDateTime::now_utc().into(),
                ],
            )
            .await;
        }
    }

    pub fn within<A: Action<Scope = InOrganization>>(
        &self,
        user: UserId,
        tenant: Tenant,
    ) -> Result<Permit<A>, Refusal> {
        authorize::<A>(Some(&principal(user)), tenant.id, &*self.facts, OffsetDateTime::now_utc())
    }

    pub fn on_app<A: Action<Scope = InApp>>(&self, user: UserId, app: AppId) -> Result<Permit<A>, Refusal> {
        authorize::<A>(Some(&principal(user)), app, &*self.facts, OffsetDateTime::now_utc())
    }

    pub async fn try_app(&self, tenant: Tenant, slug: &str) -> Result<App, AppError> {
        let permit = self.within::<CreateApp>(tenant.owner, tenant).unwrap();
        let new = NewApp { slug: slug.parse().unwrap(), name: "An app".parse().unwrap() };
        self.apps.create(&permit, new, Occasion::now()).await
    }

    pub async fn app(&self, tenant: Tenant, slug: &str) -> App {
        self.try_app(tenant, slug).await.unwrap()
    }

    pub async fn update(&self, user: UserId, app: AppId, changes: AppChanges) -> Result<App, AppError> {
        let permit = self.on_app(user, app).map_err(AppError::Refused)?;
        self.apps.update(&permit, changes, Occasion::now()).await
    }

    /// The slugs of the apps that a person sees in the list.
    pub async fn visible(&self, user: UserId, tenant: Tenant) -> Vec<String> {
        let permit = self.within::<ListApps>(user, tenant).unwrap();
        let apps = self.apps.list_visible(&permit, OffsetDateTime::now_utc()).await.unwrap();
        apps.iter().map(|app| app.slug.to_string()).collect()
    }
}

fn vault(journal: &Journal) -> Vault {
    let master_key = LocalMasterKey::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap());
    let keyring = Keyring::new(MasterKeys::new(Arc::new(master_key), Vec::new()));
    Vault::new(secrets_vault::Store::new(journal.clone()), keyring)
}

pub fn principal(user: UserId) -> Principal {
    Principal::User(signed_in(user))
}

pub fn signed_in(user: UserId) -> SignedIn {
    SignedIn {
        user,
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: OffsetDateTime::now_utc(),
        means: access_control::Means::Browser,
    }
}
