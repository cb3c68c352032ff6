//! An organization with people and apps, their accounts, and a service to connect them at.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use access_control::{
    Action, AppFacts, AppLevel, AppRole, CompleteConnectAttempt, Facts, FactsUnavailable, GrantFacts,
    InOrganization, ManageAccounts, ManageOauthClients, Means, MemberFacts, OrganizationFacts, PathRules,
    Permit, Principal, Role, SignedIn, authorize,
};
use audit::Journal;
use catalogue::Service;
use cryptography::{MasterKey, RootKey};
use ids::{AppId, OrganizationId, SessionId, UserId};
use integrations::{
    AccessTokens, Account, AccountCredentials, AccountError, Accounts, ConnectAttempts, Connected,
    GivenAccount, GivenAttempt, GivenSecret, ManagesAccounts, OauthClient, OauthClients, RefreshBounds,
    RefreshCounters, Refreshes, Services, Store, Trial,
};
use outbound::AddressPolicy;
use rustls_pki_types::CertificateDer;
use sea_orm::{ConnectionTrait as _, Statement, Value};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Vault};
use service_client::{ClientNetwork, ServiceClient};
use test_support::TestDatabase;
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET, HOST, Reuse, TokenServer};
use time::OffsetDateTime;
use url::Url;

use crate::account_requests::{client, given, occasion, query};

/// Where people consent.
pub const CODE: &str = "token-server";
/// Where a key proves accounts: an access token of the server's.
pub const KEY: &str = "key-server";
/// Where a client proves itself.
pub const CLIENT: &str = "client-server";

pub struct AccountOffice {
    pub database: TestDatabase,
    pub journal: Journal,
    pub server: TokenServer,
    pub credentials: AccountCredentials,
    pub accounts: Accounts,
    pub clients: OauthClients,
    pub attempts: ConnectAttempts,
    pub organization: OrganizationId,
    pub admin: UserId,
    pub editor: UserId,
    /// Of the organization, without leave to connect shared accounts.
    pub member: UserId,
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
    facts: Arc<Known>,
    vault: Vault,
    sealing: RootKey,
    sessions: HashMap<UserId, SessionId>,
}

/// Who belongs where. Roles may change.
pub struct Known {
    organizations: std::sync::Mutex<HashMap<OrganizationId, Arc<OrganizationFacts>>>,
    apps: HashMap<AppId, Arc<AppFacts>>,
}

impl Facts for Known {
    fn organization(&self, id: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(self.organizations.lock().unwrap().get(&id).cloned())
    }

    fn app(&self, id: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(self.apps.get(&id).cloned())
    }
}

impl AccountOffice {
    /// The service is on this machine, which is permitted.
    pub async fn new(database: TestDatabase) -> Self {
        Self::permitting(database, &["127.0.0.0/8"]).await
    }

    /// These networks are permitted, and public ones.
    pub async fn permitting(database: TestDatabase, networks: &[&str]) -> Self {
        let server = TokenServer::start(Reuse::SingleUse, Duration::from_secs(3600)).await;
        let journal = Journal::new(database.connection().clone());
        let master = LocalMasterKey::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap());
        let keyring = Keyring::new(MasterKeys::new(Arc::new(master), Vec::new()));
        let vault = Vault::new(secrets_vault::Store::new(journal.clone()), keyring);
        let [organization, elsewhere] = [OrganizationId::generate(), OrganizationId::generate()];
        let [admin, editor, member, outsider] = std::array::from_fn(|_| UserId::generate());
        let [app, other_app, hidden, foreign_app] = std::array::from_fn(|_| AppId::generate());
        let people = [
            (organization, admin, Role::Admin),
            (organization, editor, Role::Editor),
            (organization, member, Role::Member),
            (elsewhere, outsider, Role::Owner),
        ];
        let apps = [
            (app, organization, AppLevel::Organization, editor),
            (other_app, organization, AppLevel::Organization, editor),
            (hidden, organization, AppLevel::Restricted, editor),
            (foreign_app, elsewhere, AppLevel::Organization, outsider),
        ];
        let facts = Arc::new(Known {
            organizations: std::sync::Mutex::new(
                [organization, elsewhere].into_iter().map(|id| (id, facts_of(id, &people))).collect(),
            ),
            apps: apps.into_iter().map(|(id, of, level, by)| (id, facts_of_app(id, of, level, by))).collect(),
        });
        let sealing = RootKey::generate().unwrap();
        let networks: Vec<_> = networks.iter().map(|network| network.parse().unwrap()).collect();
        let parts = Parts::new(&journal, &vault, &facts, &sealing, Served::by(&server), networks);
        let Parts { credentials, refreshes: _, tokens: _, accounts, clients, attempts } = parts;
        let sessions = people.iter().map(|(_, user, _)| (*user, SessionId::generate())).collect();
        let office = Self {
            database,
            journal,
            server,
            credentials,
            accounts,
            clients,
            attempts,
            organization,
            admin,
            editor,
            member,
            app,
            other_app,
            hidden,
            elsewhere,
            outsider,
            foreign_app,
            facts,
            vault,
            sealing,
            sessions,
        };
        office.fill(&people, &apps).await;
        office
    }

    /// Accounts in a process that was just started.
    pub fn restarted(&self) -> Accounts {
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        let served = Served::by(&self.server);
        Parts::new(&self.journal, &self.vault, &self.facts, &self.sealing, served, networks).accounts
    }

    /// The same people in a process that reaches another server, too, besides its own.
    pub fn beside(&self, other: &TokenServer) -> Parts {
        let mut served = Served::by(&self.server);
        served.roots.push(other.root());
        served.resolve.push(other.host());
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        Parts::new(&self.journal, &self.vault, &self.facts, &self.sealing, served, networks)
    }

    /// The same people in a process that knows this service instead, whose server has a certificate of this authority.
    pub fn at(&self, entry: &str, root: CertificateDer<'static>) -> Parts {
        let entries = vec![Arc::new(Service::parse(entry).unwrap())];
        let served = Served { entries, roots: vec![root], resolve: Vec::new() };
        let networks = vec!["127.0.0.0/8".parse().unwrap()];
        Parts::new(&self.journal, &self.vault, &self.facts, &self.sealing, served, networks)
    }

    async fn fill(
        &self,
        people: &[(OrganizationId, UserId, Role)],
        apps: &[(AppId, OrganizationId, AppLevel, UserId)],
    ) {
        let now: Value = OffsetDateTime::now_utc().into();
        for id in [self.organization, self.elsewhere] {
            let sql = "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $1, 'Acme', $2)";
            self.execute(sql, [id.to_string().into(), now.clone()]).await;
        }
        for (organization, user, role) in people {
            let sql = "INSERT INTO users (id, issuer, subject, email, name, created_at) VALUES ($1, 'i', $1, $1, 'Somebody', $2)";
            self.execute(sql, [user.to_string().into(), now.clone()]).await;
            let sql =
                "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)";
            let row = [organization.to_string(), user.to_string(), role.to_string()].map(Value::from);
            self.execute(sql, row.into_iter().chain([now.clone()])).await;
        }
        for (id, organization, _, creator) in apps {
            let sql = "INSERT INTO apps (id, organization_id, slug, name, level, creator_id, server_actions_judged_by_page, created_at)
                       VALUES ($1, $2, $1, $1, 'organization', $3, FALSE, $4)";
            let row = [id.to_string(), organization.to_string(), creator.to_string()].map(Value::from);
            self.execute(sql, row.into_iter().chain([now.clone()])).await;
        }
    }

    /// A service of the organization's own at the server, with its API at this path.
    pub async fn import(&self, id: &str, path: &str) {
        self.import_entry(id, &key_entry(id, &format!("{}{path}", self.server.origin()))).await;
    }

    /// A service of the organization's own where people consent at this server.
    pub async fn import_consented(&self, id: &str, origin: &str, issuer: Option<&str>) {
        let issuer = issuer.map(|issuer| format!("issuer = \"{issuer}\"\nissuer_in_callback = true\n"));
        let entry = format!(
            "{}[authentication]\nkind = \"oauth2_code\"\nauthorize_url = \"{origin}/authorize\"\n\
             token_url = \"{origin}/token\"\n{}{}",
            head(id),
            issuer.unwrap_or_default(),
            api(&format!("{}/api", self.server.origin()), "token")
        );
        self.import_entry(id, &entry).await;
    }

    async fn import_entry(&self, id: &str, entry: &str) {
        let now: Value = OffsetDateTime::now_utc().into();
        let sql = "INSERT INTO imported_services (id, organization_id, service, name, definition, digest, source, version, created_by, created_at, updated_by, updated_at)
                   VALUES ($1, $2, $3, 'Own', $4, '', 'by hand', 1, $5, $6, $5, $6)";
        let (organization, user) = (self.organization.to_string(), self.editor.to_string());
        let id: [Value; 5] = [
            ids::ImportedServiceId::generate().to_string().into(),
            organization.into(),
            id.into(),
            entry.into(),
            user.into(),
        ];
        self.execute(sql, id.into_iter().chain([now])).await;
    }

    /// The organization's client at the service where people consent.
    pub async fn register(&self) -> OauthClient {
        let given = client(CLIENT_ID, GivenSecret::Text(CLIENT_SECRET.into()));
        let permit = self.within::<ManageOauthClients>(self.admin);
        self.clients.create(&permit, &CODE.parse().unwrap(), given, occasion()).await.unwrap()
    }

    /// Connects a shared account with a key that the server knows.
    pub async fn connect(&self, name: &str) -> Account {
        let permit = self.within::<ManageAccounts>(self.editor);
        let (account, trial) = self.accounts.connect(&permit, self.given(name), occasion()).await.unwrap();
        assert_eq!(trial, Trial::Works);
        account
    }

    /// An account with a key that the server knows.
    pub fn given(&self, name: &str) -> GivenAccount {
        given(KEY, name, &[("api_key", &self.server.grant().access)])
    }

    /// Consents to a new account at the service, and comes back.
    pub async fn consent<A: ManagesAccounts>(
        &self,
        user: UserId,
        given: GivenAttempt,
    ) -> Result<Connected, AccountError> {
        let begun = self.attempts.begin(&self.within::<A>(user), given, occasion()).await?;
        let back = self.server.authorize(begun.url.as_str());
        self.come_back(user, &back).await
    }

    /// A browser comes back from the service.
    pub async fn come_back(&self, user: UserId, back: &Url) -> Result<Connected, AccountError> {
        self.attempts.complete(&self.back(user), None, &query(back), occasion()).await
    }

    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> u64 {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().execute_raw(statement).await.unwrap().rows_affected()
    }

    pub async fn text(&self, sql: &str) -> String {
        let statement = Statement::from_string(self.database.backend(), sql);
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    pub async fn count(&self, table: &str) -> i64 {
        let statement =
            Statement::from_string(self.database.backend(), format!("SELECT COUNT(*) AS n FROM {table}"));
        let row = self.database.connection().query_one_raw(statement).await.unwrap().unwrap();
        row.try_get("", "n").unwrap()
    }

    /// The texts of all events.
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

    /// The events of one action, once there are so many.
    pub async fn wait_for(&self, action: &str, number: usize) -> Vec<serde_json::Value> {
        let started = std::time::Instant::now();
        loop {
            let events = self.events(action).await;
            if events.len() >= number {
                return events;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "no {action}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn within<A: Action<Scope = InOrganization>>(&self, user: UserId) -> Permit<A> {
        self.within_as(self.person(user))
    }

    pub fn within_as<A: Action<Scope = InOrganization>>(&self, person: SignedIn) -> Permit<A> {
        let organization = if person.user == self.outsider { self.elsewhere } else { self.organization };
        let person = Principal::User(person);
        authorize(Some(&person), organization, &*self.facts, OffsetDateTime::now_utc()).unwrap()
    }

    /// The leave of whoever comes back from a service.
    pub fn back(&self, user: UserId) -> Permit<CompleteConnectAttempt> {
        self.back_as(self.person(user))
    }

    pub fn back_as(&self, person: SignedIn) -> Permit<CompleteConnectAttempt> {
        authorize(Some(&Principal::User(person)), (), &*self.facts, OffsetDateTime::now_utc()).unwrap()
    }

    /// In the one browser that everybody has.
    pub fn person(&self, user: UserId) -> SignedIn {
        SignedIn {
            user,
            session: self.sessions[&user],
            hosted_domain: None,
            authenticated_at: OffsetDateTime::now_utc(),
            means: Means::Browser,
        }
    }

    /// From now on the person has this role.
    pub fn change_role(&self, user: UserId, role: Option<Role>) {
        let mut organizations = self.facts.organizations.lock().unwrap();
        let facts = organizations.get_mut(&self.organization).unwrap();
        let mut members = facts.members.clone();
        match role {
            Some(role) => members.insert(user, MemberFacts { role, groups: Vec::new() }),
            None => members.remove(&user),
        };
        *facts = Arc::new(OrganizationFacts { id: facts.id, hosted_domain: None, members });
    }
}

/// What a process is made of.
pub struct Parts {
    pub credentials: AccountCredentials,
    pub refreshes: Refreshes,
    pub tokens: AccessTokens,
    pub accounts: Accounts,
    pub clients: OauthClients,
    pub attempts: ConnectAttempts,
}

/// The services that a process knows, and how their servers are reached.
struct Served {
    entries: Vec<Arc<Service>>,
    roots: Vec<CertificateDer<'static>>,
    resolve: Vec<(String, SocketAddr)>,
}

impl Served {
    fn by(server: &TokenServer) -> Self {
        Self { entries: entries(&server.origin()), roots: vec![server.root()], resolve: vec![server.host()] }
    }
}

impl Parts {
    fn new(
        journal: &Journal,
        vault: &Vault,
        facts: &Arc<Known>,
        sealing: &RootKey,
        served: Served,
        networks: Vec<outbound::Network>,
    ) -> Self {
        let sender = ServiceClient::new(ClientNetwork {
            addresses: Arc::new(AddressPolicy::new(networks)),
            roots: served.roots,
            resolve: served.resolve,
            patience: Duration::from_secs(10),
        })
        .unwrap();
        let store = Store::new(journal.clone());
        let services = Services::new(store.clone(), served.entries);
        let credentials = AccountCredentials::new(store, vault.clone(), services);
        let observer = Arc::new(RefreshCounters::default());
        let bounds = RefreshBounds::default();
        let refreshes = Refreshes::new(credentials.clone(), sender.clone(), bounds, observer);
        let tokens = AccessTokens::new(refreshes.clone());
        let facts = Arc::clone(facts) as Arc<dyn Facts>;
        let accounts = Accounts::new(credentials.clone(), tokens.clone(), sender, facts);
        let redirect = Url::parse("https://vybe.test/integrations/callback").unwrap();
        let attempts =
            ConnectAttempts::new(accounts.clone(), sealing.sealing_key("connect attempts"), redirect);
        let clients = OauthClients::new(credentials.clone());
        Self { credentials, refreshes, tokens, accounts, clients, attempts }
    }
}

fn facts_of(id: OrganizationId, people: &[(OrganizationId, UserId, Role)]) -> Arc<OrganizationFacts> {
    let members = people.iter().filter(|(of, ..)| *of == id);
    let members = members.map(|(_, user, role)| (*user, MemberFacts { role: *role, groups: Vec::new() }));
    Arc::new(OrganizationFacts { id, hosted_domain: None, members: members.collect() })
}

fn facts_of_app(id: AppId, organization: OrganizationId, level: AppLevel, creator: UserId) -> Arc<AppFacts> {
    let grant = GrantFacts { role: AppRole::Editor, expires_at: None };
    Arc::new(AppFacts {
        id,
        organization,
        level,
        creator,
        grants: HashMap::from([(creator, grant)]),
        rules: PathRules::default(),
        server_actions_judged_by_page: false,
    })
}

/// The services that are at the server.
fn entries(origin: &str) -> Vec<Arc<Service>> {
    let base = format!("{origin}/api");
    let code = format!(
        "{}[authentication]\nkind = \"oauth2_code\"\nauthorize_url = \"{origin}/authorize\"\ntoken_url = \"{origin}/token\"\n\
         default_scopes = [\"read\", \"write\"]\nrequired_scopes = [\"offline\"]\n\
         [authentication.lifetime]\nmargin_seconds = 60\nreuse = \"single_use\"\n\
         [authentication.revocation]\nurl = \"{origin}/revoke\"\n{}",
        head(CODE),
        api(&base, "token")
    );
    let client = format!(
        "{}[authentication]\nkind = \"oauth2_client_credentials\"\ntoken_url = \"{origin}/token\"\n{}",
        head(CLIENT),
        api(&base, "token")
    );
    let entries = [code, key_entry(KEY, &base), client];
    entries.iter().map(|entry| Arc::new(Service::parse(entry).unwrap())).collect()
}

fn key_entry(id: &str, base: &str) -> String {
    format!(
        "{}[authentication]\nkind = \"api_key\"\n\
         [[variable]]\nkey = \"region\"\nlabel = \"Region\"\npattern = \"[a-z]{{2}}\"\nexample = \"eu\"\ndefault = \"eu\"\n{}",
        head(id),
        api(base, "api_key")
    )
}

fn head(id: &str) -> String {
    format!(
        "schema = 1\nid = \"{id}\"\nname = \"The {id}\"\ncategories = [\"testing\"]\ntier = \"fixture\"\n\
         documentation = \"https://{HOST}/docs\"\n"
    )
}

fn api(base: &str, credential: &str) -> String {
    format!(
        "[api]\nbase = \"{base}\"\nhosts = [\"{HOST}\"]\ntest = {{ path = \"/me\" }}\n\
         credential = [{{ place = \"header\", name = \"Authorization\", format = \"Bearer {{{credential}}}\" }}]\n"
    )
}
