//! An organization with people and apps, and the use cases of named secrets on it.

use std::collections::HashMap;
use std::sync::Arc;

use access_control::{
    Action, AppFacts, AppLevel, AppRole, AtDeployment, Facts, FactsUnavailable, GrantFacts, InApp,
    InOrganization, Means, MemberFacts, OrganizationFacts, PathRules, Permit, Principal, Refusal, Role,
    SignedIn, authorize,
};
use audit::Occasion;
use cryptography::SecretBytes;
use ids::{AppId, OrganizationId, RequestId, SessionId, UserId};
use sea_orm::{ConnectionTrait as _, Statement, Value};
use secrets_vault::{
    AppSecrets, Environments, GivenParts, GivenValue, Kind, NewSecret, NewSecretValue, OwnSecrets, Secrets,
    Store,
};
use test_support::TestDatabase;
use time::OffsetDateTime;

use crate::house::House;

pub struct Office {
    pub house: House,
    pub facts: Arc<Known>,
    pub secrets: Secrets,
    pub app_secrets: AppSecrets,
    pub own_secrets: OwnSecrets,
    pub environments: Environments,
    pub organization: OrganizationId,
    pub owner: UserId,
    pub editor: UserId,
    pub member: UserId,
    /// For everybody in the organization.
    pub app: AppId,
    /// Restricted: the Editor sees it, the Owner does not.
    pub hidden: AppId,
    /// Somebody else's.
    pub elsewhere: OrganizationId,
    pub outsider: UserId,
}

pub struct Known {
    organizations: HashMap<OrganizationId, Arc<OrganizationFacts>>,
    apps: HashMap<AppId, Arc<AppFacts>>,
}

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.organizations.get(&id).cloned())
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(self.apps.get(&id).cloned())
    }
}

impl Office {
    pub async fn new(database: TestDatabase) -> Self {
        let house = House::new(database).await;
        let [organization, elsewhere] = [OrganizationId::generate(), OrganizationId::generate()];
        let [owner, editor, member, outsider] = std::array::from_fn(|_| UserId::generate());
        let [app, hidden] = [AppId::generate(), AppId::generate()];
        let people = [
            (organization, owner, Role::Owner),
            (organization, editor, Role::Editor),
            (organization, member, Role::Member),
            (elsewhere, outsider, Role::Owner),
        ];
        let facts_of = |id| {
            let members = people.iter().filter(|(in_organization, ..)| *in_organization == id);
            let members =
                members.map(|(_, user, role)| (*user, MemberFacts { role: *role, groups: Vec::new() }));
            Arc::new(OrganizationFacts { id, hosted_domain: None, members: members.collect() })
        };
        let app_facts = |id, level| {
            let grant = GrantFacts { role: AppRole::Editor, expires_at: None };
            Arc::new(AppFacts {
                id,
                organization,
                level,
                creator: editor,
                grants: HashMap::from([(editor, grant)]),
                rules: PathRules::default(),
                server_actions_judged_by_page: false,
            })
        };
        let facts = Arc::new(Known {
            organizations: [organization, elsewhere].into_iter().map(|id| (id, facts_of(id))).collect(),
            apps: HashMap::from([
                (app, app_facts(app, AppLevel::Organization)),
                (hidden, app_facts(hidden, AppLevel::Restricted)),
            ]),
        });
        let (store, vault) = (Store::new(house.journal.clone()), house.vault.clone());
        let office = Self {
            secrets: Secrets::new(store.clone(), vault.clone(), Arc::clone(&facts) as Arc<dyn Facts>),
            app_secrets: AppSecrets::new(store.clone(), vault.clone(), Arc::clone(&facts) as Arc<dyn Facts>),
            own_secrets: OwnSecrets::new(store.clone(), vault.clone(), Arc::clone(&facts) as Arc<dyn Facts>),
            environments: Environments::new(store, vault),
            house,
            facts,
            organization,
            owner,
            editor,
            member,
            app,
            hidden,
            elsewhere,
            outsider,
        };
        let now: Value = OffsetDateTime::now_utc().into();
        for id in [organization, elsewhere] {
            let sql = "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $1, 'Acme', $2)";
            office.execute(sql, [id.to_string().into(), now.clone()]).await;
        }
        for (organization, user, role) in people {
            let sql = "INSERT INTO users (id, issuer, subject, email, name, created_at) VALUES ($1, 'i', $1, $1, 'Somebody', $2)";
            office.execute(sql, [user.to_string().into(), now.clone()]).await;
            let sql =
                "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)";
            let row = [organization.to_string(), user.to_string(), role.to_string()].map(Value::from);
            office.execute(sql, row.into_iter().chain([now.clone()])).await;
        }
        for id in [app, hidden] {
            let sql = "INSERT INTO apps (id, organization_id, slug, name, level, creator_id, server_actions_judged_by_page, created_at)
                       VALUES ($1, $2, $1, $1, 'organization', $3, FALSE, $4)";
            let row = [id.to_string(), organization.to_string(), editor.to_string()].map(Value::from);
            office.execute(sql, row.into_iter().chain([now.clone()])).await;
        }
        office
    }

    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let database = &self.house.database;
        let statement = Statement::from_sql_and_values(database.backend(), sql, values);
        database.connection().execute_raw(statement).await.unwrap();
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS n FROM {table}");
        let statement = Statement::from_string(self.house.database.backend(), sql);
        let row = self.house.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// The texts of all events, with what they are about.
    pub async fn trail(&self) -> Vec<String> {
        let sql = "SELECT action || ' ' || detail AS line FROM audit_events ORDER BY sequence";
        let statement = Statement::from_string(self.house.database.backend(), sql);
        let rows = self.house.database.connection().query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get("", "line").unwrap()).collect()
    }

    pub fn within<A: Action<Scope = InOrganization>>(&self, user: UserId) -> Permit<A> {
        let organization = if user == self.outsider { self.elsewhere } else { self.organization };
        authorize(Some(&principal(user)), organization, &*self.facts, OffsetDateTime::now_utc()).unwrap()
    }

    pub fn on<A: Action<Scope = InApp>>(&self, user: UserId, app: AppId) -> Result<Permit<A>, Refusal> {
        authorize(Some(&principal(user)), app, &*self.facts, OffsetDateTime::now_utc())
    }

    pub fn deploying<A: Action<Scope = AtDeployment>>(
        &self,
        user: UserId,
        app: AppId,
    ) -> Result<Permit<A>, Refusal> {
        authorize(Some(&principal(user)), app, &*self.facts, OffsetDateTime::now_utc())
    }
}

fn principal(user: UserId) -> Principal {
    Principal::User(SignedIn {
        user,
        session: SessionId::generate(),
        hosted_domain: None,
        authenticated_at: OffsetDateTime::now_utc(),
        means: Means::Browser,
    })
}

/// Now, as exactly as PostgreSQL keeps it.
pub fn occasion() -> Occasion {
    let now = OffsetDateTime::now_utc();
    let now = now.replace_microsecond(now.microsecond()).unwrap();
    Occasion { request: RequestId::generate(), now }
}

pub fn text(value: &str) -> GivenValue {
    GivenValue::Text(SecretBytes::copy_of(value.as_bytes()))
}

pub fn secret(value: &str) -> Option<SecretBytes> {
    Some(SecretBytes::copy_of(value.as_bytes()))
}

pub fn parts(parts: GivenParts) -> GivenValue {
    GivenValue::Parts(Box::new(parts))
}

pub fn variable(name: &str, environment: access_control::Environment, value: &str) -> NewSecret {
    new(Kind::EnvironmentVariable, name, Some(environment), text(value))
}

pub fn new(
    kind: Kind,
    name: &str,
    environment: Option<access_control::Environment>,
    value: GivenValue,
) -> NewSecret {
    NewSecret { kind, name: name.to_owned(), environment, value }
}

pub fn another(value: &str) -> NewSecretValue {
    NewSecretValue { value: text(value), expected_version: None }
}
