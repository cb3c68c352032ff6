//! An organization with people and apps, and its connections.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use access_control::{
    Action, AppFacts, AppLevel, AppRole, Facts, FactsUnavailable, GrantFacts, InOrganization, Means,
    MemberFacts, OrganizationFacts, PathRules, Permit, Principal, Role, SignedIn, UsableBy, authorize,
};
use audit::{Journal, Occasion};
use cryptography::{MasterKey, SecretBytes};
use data_gateway::{
    Connection, ConnectionError, ConnectionKind, Connections, GivenConnection, GivenDestination, GivenHop,
    OpenDatabases, Store, TlsMode,
};
use databases::{Engine, Limits};
use ids::{AppId, OrganizationId, RequestId, SessionId, UserId};
use outbound::AddressPolicy;
use sea_orm::{ConnectionTrait as _, Statement, Value};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Vault};
use test_support::TestDatabase;
use time::OffsetDateTime;

pub struct Office {
    pub database: TestDatabase,
    pub journal: Journal,
    pub vault: Vault,
    pub facts: Arc<Known>,
    pub open: OpenDatabases,
    pub connections: Connections,
    pub organization: OrganizationId,
    pub admin: UserId,
    pub editor: UserId,
    /// For everybody in the organization.
    pub app: AppId,
    /// The same.
    pub other_app: AppId,
    /// Restricted: the Editor sees it, the Admin does not.
    pub hidden: AppId,
    pub elsewhere: OrganizationId,
    pub outsider: UserId,
    /// Of another organization.
    pub foreign_app: AppId,
}

pub struct Known {
    organizations: HashMap<OrganizationId, Arc<OrganizationFacts>>,
    apps: Mutex<HashMap<AppId, Arc<AppFacts>>>,
}

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.organizations.get(&id).cloned())
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(self.apps.lock().unwrap().get(&id).cloned())
    }
}

impl Office {
    /// In which databases and SSH servers may be on this machine.
    pub async fn new(database: TestDatabase) -> Self {
        Self::permitting(database, &["127.0.0.0/8", "::1/128"]).await
    }

    /// In which they may be in these networks, and in public ones.
    pub async fn permitting(database: TestDatabase, networks: &[&str]) -> Self {
        let journal = Journal::new(database.connection().clone());
        let master = LocalMasterKey::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap());
        let keyring = Keyring::new(MasterKeys::new(Arc::new(master), Vec::new()));
        let vault = Vault::new(secrets_vault::Store::new(journal.clone()), keyring);
        let [organization, elsewhere] = [OrganizationId::generate(), OrganizationId::generate()];
        let [admin, editor, outsider] = std::array::from_fn(|_| UserId::generate());
        let [app, other_app, hidden, foreign_app] = std::array::from_fn(|_| AppId::generate());
        let people = [
            (organization, admin, Role::Admin),
            (organization, editor, Role::Editor),
            (elsewhere, outsider, Role::Owner),
        ];
        let of = |id| {
            let members = people.iter().filter(|(in_organization, ..)| *in_organization == id);
            let members =
                members.map(|(_, user, role)| (*user, MemberFacts { role: *role, groups: Vec::new() }));
            (id, Arc::new(OrganizationFacts { id, hosted_domain: None, members: members.collect() }))
        };
        let apps = [
            (app, organization, AppLevel::Organization, editor),
            (other_app, organization, AppLevel::Organization, editor),
            (hidden, organization, AppLevel::Restricted, editor),
            (foreign_app, elsewhere, AppLevel::Organization, outsider),
        ];
        let app_facts = |(id, organization, level, creator): (AppId, OrganizationId, AppLevel, UserId)| {
            let grant = GrantFacts { role: AppRole::Editor, expires_at: None };
            let facts = AppFacts {
                id,
                organization,
                level,
                creator,
                grants: HashMap::from([(creator, grant)]),
                rules: PathRules::default(),
                server_actions_judged_by_page: false,
            };
            (id, Arc::new(facts))
        };
        let facts = Arc::new(Known {
            organizations: [organization, elsewhere].into_iter().map(of).collect(),
            apps: Mutex::new(apps.into_iter().map(app_facts).collect()),
        });
        let networks = networks.iter().map(|network| network.parse().unwrap()).collect();
        let addresses = Arc::new(AddressPolicy::new(networks));
        let store = Store::new(journal.clone());
        let open = OpenDatabases::new(store.clone(), vault.clone(), Arc::clone(&addresses));
        journal.follow(vec![Arc::new(open.clone())]);
        let known = Arc::clone(&facts) as Arc<dyn Facts>;
        let connections = Connections::new(store, vault.clone(), known, open.clone(), addresses, receipts());
        let office = Self {
            database,
            journal,
            vault,
            facts,
            open,
            connections,
            organization,
            admin,
            editor,
            app,
            other_app,
            hidden,
            elsewhere,
            outsider,
            foreign_app,
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
        for (id, organization, _, creator) in apps {
            let sql = "INSERT INTO apps (id, organization_id, slug, name, level, creator_id, server_actions_judged_by_page, created_at)
                       VALUES ($1, $2, $1, $1, 'organization', $3, FALSE, $4)";
            let row = [id.to_string(), organization.to_string(), creator.to_string()].map(Value::from);
            office.execute(sql, row.into_iter().chain([now.clone()])).await;
        }
        office
    }

    /// Open databases and connections of a process that was just started.
    pub fn restarted(&self) -> (OpenDatabases, Connections) {
        let store = Store::new(self.journal.clone());
        let networks = ["127.0.0.0/8", "::1/128"].iter().map(|network| network.parse().unwrap()).collect();
        let addresses = Arc::new(AddressPolicy::new(networks));
        let open = OpenDatabases::new(store.clone(), self.vault.clone(), Arc::clone(&addresses));
        let known = Arc::clone(&self.facts) as Arc<dyn Facts>;
        (open.clone(), Connections::new(store, self.vault.clone(), known, open, addresses, receipts()))
    }

    pub async fn create(&self, given: GivenConnection) -> Result<Connection, ConnectionError> {
        self.connections.create(&self.within(self.editor), ConnectionKind::External, given, occasion()).await
    }

    pub async fn update(
        &self,
        connection: &Connection,
        given: GivenConnection,
    ) -> Result<Connection, ConnectionError> {
        self.connections.update(&self.within(self.editor), connection.id, given, None, occasion()).await
    }

    pub async fn find(&self, connection: &Connection) -> Result<Connection, ConnectionError> {
        self.connections.find(&self.within(self.editor), connection.id, occasion().now).await
    }

    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> u64 {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().execute_raw(statement).await.unwrap().rows_affected()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT COUNT(*) AS n FROM {table}");
        let statement = Statement::from_string(self.database.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// The texts of all events, with what they are about.
    pub async fn trail(&self) -> Vec<String> {
        let sql =
            "SELECT action || ' ' || outcome || ' ' || detail AS line FROM audit_events ORDER BY sequence";
        let statement = Statement::from_string(self.database.backend(), sql);
        let rows = self.database.connection().query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get("", "line").unwrap()).collect()
    }

    /// The events of one action.
    pub async fn events(&self, action: &str) -> Vec<serde_json::Value> {
        let lines = self.trail().await;
        let detail = |line: &String| {
            let (name, rest) = line.split_once(' ')?;
            let (_, detail) = rest.split_once(' ')?;
            (name == action).then(|| serde_json::from_str(detail).unwrap())
        };
        lines.iter().filter_map(detail).collect()
    }

    pub fn within<A: Action<Scope = InOrganization>>(&self, user: UserId) -> Permit<A> {
        let organization = if user == self.outsider { self.elsewhere } else { self.organization };
        authorize(Some(&principal(user)), organization, &*self.facts, OffsetDateTime::now_utc()).unwrap()
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

pub fn secret(text: &str) -> Option<SecretBytes> {
    Some(SecretBytes::copy_of(text.as_bytes()))
}

/// A connection to a database that does not exist.
pub fn given(name: &str) -> GivenConnection {
    GivenConnection {
        name: name.to_owned(),
        destination: GivenDestination {
            engine: Engine::Postgresql,
            host: "db.invalid".to_owned(),
            port: 5432,
            database: "sales".to_owned(),
            user: "reader".to_owned(),
            tls: TlsMode::VerifyFull { authorities: None },
            hops: Vec::new(),
        },
        password: secret("correct horse"),
        read_only: true,
        limits: Limits::default(),
        usable_by: UsableBy::EveryApp,
    }
}

/// An SSH server that does not exist.
pub fn hop(key: &test_support::SshKey) -> GivenHop {
    GivenHop {
        host: "ssh.invalid".to_owned(),
        port: 22,
        user: "tunnel".to_owned(),
        host_key: format!("SHA256:{}", "A".repeat(43)),
        private_key: secret(&key.private),
        passphrase: None,
    }
}

/// Signs with a key of its own.
fn receipts() -> Arc<audit::Receipts> {
    let key = cryptography::RootKey::generate().unwrap().signing_key("audit heads").unwrap();
    Arc::new(audit::Receipts::new(key))
}
