//! A store with the policy on it, wired as the platform wires it.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{
    Action, AppLevel, Check, CreateApp, CreateOrganization, Facts as _, ManageGroups, Permit, Principal,
    Refusal, Role, Scope, SignedIn, authorize,
};
use apps::{App, AppPathRules, Apps, Grants, NewApp};
use async_trait::async_trait;
use audit::{Actor, Change, Event, Follower, Journal, Occasion, Receipts, Target};
use cryptography::RootKey;
use directory::Directory;
use ids::{EmailAddress, GroupId, OrganizationId, RequestId, SessionId, UserId};
use organizations::{Departures, Gone, Groups, Members, NeighbourError, Organizations, People, PersonName};
use outbound::AddressPolicy;
use policy::{Explanations, Policies, PolicyChange, PolicyChanges, Probe, Simulations};
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement, Value};
use test_support::TestDatabase;
use time::OffsetDateTime;

pub struct House {
    pub database: TestDatabase,
    pub journal: Journal,
    pub directory: Directory,
    pub organizations: Organizations,
    pub groups: Groups,
    pub apps: Apps,
    pub simulations: Simulations,
    pub changes: PolicyChanges,
    pub policies: Policies,
    pub explanations: Explanations,
}

/// An organization with its Owner.
#[derive(Clone, Copy)]
pub struct Tenant {
    pub id: OrganizationId,
    pub owner: UserId,
}

/// People as the table of users has them.
struct Known(DatabaseConnection);

#[async_trait]
impl People for Known {
    async fn people(&self, users: &[UserId]) -> Result<HashMap<UserId, PersonName>, NeighbourError> {
        let statement = Statement::from_string(self.0.get_database_backend(), "SELECT id, email FROM users");
        let mut found = HashMap::new();
        for row in self.0.query_all_raw(statement).await? {
            let (id, email): (String, String) = (row.try_get("", "id")?, row.try_get("", "email")?);
            let id: UserId = id.parse()?;
            if users.contains(&id) {
                let person = PersonName { email: email.parse()?, name: "Somebody".to_owned(), picture: None };
                found.insert(id, person);
            }
        }
        Ok(found)
    }

    async fn with_email(&self, email: &EmailAddress) -> Result<Option<UserId>, NeighbourError> {
        let statement = Statement::from_sql_and_values(
            self.0.get_database_backend(),
            "SELECT id FROM users WHERE email = $1",
            [email.as_str().into()],
        );
        let row = self.0.query_one_raw(statement).await?;
        Ok(row.map(|row| row.try_get::<String>("", "id")).transpose()?.map(|id| id.parse()).transpose()?)
    }
}

/// Wires departures to apps, as the platform does.
struct FromApps;

#[async_trait]
impl Departures for FromApps {
    async fn forget_member(
        &self,
        change: &Change,
        organization: OrganizationId,
        user: UserId,
    ) -> Result<(), NeighbourError> {
        Ok(apps::forget_member(change, organization, user).await?)
    }

    async fn forget_organization(
        &self,
        change: &Change,
        organization: OrganizationId,
        now: OffsetDateTime,
    ) -> Result<Gone, NeighbourError> {
        let apps = apps::forget_organization(change, organization, now).await?;
        Ok(Gone { apps, ..Gone::default() })
    }
}

impl House {
    pub async fn on(database: TestDatabase) -> Self {
        let connection = database.connection().clone();
        let journal = Journal::new(connection.clone());
        let directory = Directory::load(&audit::Journal::new(connection.clone())).await.unwrap();
        journal.follow(vec![Arc::new(directory.clone()) as Arc<dyn Follower>]);
        let facts = Arc::new(directory.clone());
        let people: Arc<dyn People> = Arc::new(Known(connection.clone()));
        let traffic = decisions::Traffic::new(decisions::Store::new(connection.clone()));
        let organizations = organizations::Store::new(journal.clone(), connection.clone());
        let store = apps::Store::new(journal.clone(), connection);
        let groups = Groups::new(organizations.clone());
        let apps = Apps::new(store.clone(), facts.clone(), facts.clone(), Arc::new(AddressPolicy::default()));
        let key = RootKey::generate().unwrap().signing_key("audit heads").unwrap();
        let receipts = Arc::new(Receipts::new(key));
        Self {
            simulations: Simulations::new(directory.clone(), groups.clone(), traffic),
            changes: PolicyChanges {
                journal: journal.clone(),
                members: Members::new(organizations.clone(), people.clone(), Arc::new(FromApps)),
                groups: groups.clone(),
                apps: apps.clone(),
                grants: Grants::new(store.clone(), facts.clone()),
                path_rules: AppPathRules::new(store, facts),
                people: people.clone(),
            },
            policies: Policies {
                directory: directory.clone(),
                groups: groups.clone(),
                people: people.clone(),
            },
            explanations: Explanations { directory: directory.clone(), people, read: Arc::new(plainly) },
            organizations: Organizations::new(organizations, Arc::new(FromApps), receipts),
            database,
            journal,
            directory,
            groups,
            apps,
        }
    }

    pub fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }

    pub async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().execute_raw(statement).await.unwrap();
    }

    /// How many events the trail has.
    pub async fn events(&self) -> i64 {
        let statement =
            Statement::from_string(self.database.backend(), "SELECT COUNT(*) AS number FROM audit_events");
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "number").unwrap()
    }

    pub async fn person(&self) -> UserId {
        let id = UserId::generate();
        self.execute(
            "INSERT INTO users (id, issuer, subject, email, name, created_at) \
             VALUES ($1, 'https://issuer.example', $1, $2, 'Somebody', $3)",
            [id.to_string().into(), email(id).into(), OffsetDateTime::now_utc().into()],
        )
        .await;
        id
    }

    /// A permit, decided on what the directory says now.
    pub fn permit<A: Action>(
        &self,
        user: UserId,
        object: <A::Scope as Scope>::Object,
    ) -> Result<Permit<A>, Refusal>
    where
        A::Scope: Check,
    {
        authorize::<A>(Some(&Principal::User(signed_in(user))), object, &self.directory, self.now())
    }

    pub async fn tenant(&self, slug: &str) -> Tenant {
        let owner = self.person().await;
        let permit = self.permit::<CreateOrganization>(owner, ()).unwrap();
        let (slug, name) = (slug.parse().unwrap(), slug.parse().unwrap());
        let made = self.organizations.create(&permit, RequestId::generate(), slug, name).await.unwrap();
        Tenant { id: made.id, owner }
    }

    /// A new member, as an accepted invitation makes one.
    pub async fn member(&self, tenant: Tenant, role: Role) -> UserId {
        let user = self.person().await;
        let change = self.journal.begin().await.unwrap();
        let statement = Statement::from_sql_and_values(
            self.database.backend(),
            "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
            [
                tenant.id.to_string().into(),
                user.to_string().into(),
                role.to_string().into(),
                OffsetDateTime::now_utc().into(),
            ],
        );
        change.transaction().execute_raw(statement).await.unwrap();
        let event = Event::done(Actor::System, "invitations.accept", Target::Member(user)).of(tenant.id);
        change.commit(event).await.unwrap();
        user
    }

    pub async fn group(&self, tenant: Tenant, name: &str) -> GroupId {
        let permit = self.permit::<ManageGroups>(tenant.owner, tenant.id).unwrap();
        self.groups.create(&permit, RequestId::generate(), name.parse().unwrap()).await.unwrap().id
    }

    pub async fn app(&self, tenant: Tenant, slug: &str) -> App {
        let permit = self.permit::<CreateApp>(tenant.owner, tenant.id).unwrap();
        let new = NewApp { slug: slug.parse().unwrap(), name: "An app".parse().unwrap() };
        self.apps.create(&permit, new, Occasion::now()).await.unwrap()
    }

    pub fn role(&self, tenant: Tenant, user: UserId) -> Option<Role> {
        let organization = self.directory.organization(tenant.id).unwrap().unwrap();
        organization.members.get(&user).map(|member| member.role)
    }

    pub fn level(&self, app: &App) -> AppLevel {
        self.directory.app(app.id).unwrap().unwrap().level
    }

    pub fn rules(&self, app: &App) -> usize {
        self.directory.app(app.id).unwrap().unwrap().rules.as_slice().len()
    }
}

/// A change from JSON, as clients send it.
pub fn change(value: serde_json::Value) -> PolicyChange {
    serde_json::from_value(value).unwrap()
}

pub fn email(user: UserId) -> String {
    format!("{user}@example.com")
}

fn signed_in(user: UserId) -> SignedIn {
    SignedIn {
        user,
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: OffsetDateTime::now_utc(),
        means: access_control::Means::Browser,
    }
}

/// The middleware reads more than this; the platform's tests ask it.
fn plainly(method: &str, target: &str) -> Result<Probe, String> {
    let path = access_control::RequestPath::parse(target).map_err(|error| error.to_string())?;
    let method = method.parse().map_err(|error: access_control::MethodError| error.to_string())?;
    Ok(Probe { method, paths: vec![path.into_owned()], under_every_rule: false })
}
