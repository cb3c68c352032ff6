//! A store with accounts at an authorization server, and engines on it as separate processes would have them.
//!
//! Accounts are written as connecting writes them, many at a time: what is tested here is what becomes of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use audit::{Actor, Event, Journal, Target};
use catalogue::Service;
use cryptography::MasterKey;
use ids::{AccountId, OauthClientId, OrganizationId, SecretId, UserId};
use integrations::{
    AccessTokens, AccountCredentials, Notices, ReconnectNotice, RefreshBounds, RefreshCounters,
    RefreshObserver, Refresher, Refreshes, Services, Store,
};
use outbound::AddressPolicy;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement, Value};
use secrets_vault::{
    Keyring, Kind, LocalMasterKey, MasterKeyProvider, MasterKeys, NewValue, Owner, Vault, join_fields,
};
use serde_json::json;
use service_client::{ClientNetwork, Credentials, ServiceClient, Tokens};
use test_support::TestDatabase;
use test_support::token_server::{CLIENT_ID, CLIENT_SECRET, GrantedTokens, Reuse, TokenServer};
use time::OffsetDateTime;

/// The service's name in the entry.
pub const SERVICE: &str = "token-server";

pub struct RefreshHouse {
    pub database: TestDatabase,
    pub journal: Journal,
    pub vault: Vault,
    pub server: TokenServer,
    pub organization: OrganizationId,
    pub user: UserId,
    pub setting: Setting,
}

/// What another process needs to work on the same accounts.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Setting {
    pub store: String,
    pub master_key: String,
    pub entry: String,
    pub host: (String, std::net::SocketAddr),
    pub root: Vec<u8>,
    /// How long a token request may take.
    pub patience: Duration,
}

/// How an account at the server is seeded.
#[derive(Clone, Copy, Debug)]
pub struct Seeded {
    pub id: AccountId,
    pub grant: usize,
}

/// One process.
#[derive(Clone)]
pub struct Engine {
    pub refreshes: Refreshes,
    pub tokens: AccessTokens,
    pub counters: Arc<RefreshCounters>,
    pub told: Arc<Told>,
}

/// Whoever was told.
#[derive(Default)]
pub struct Told(Mutex<Vec<ReconnectNotice>>);

impl Told {
    pub fn all(&self) -> Vec<ReconnectNotice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Notices for Told {
    async fn needs_reconnect(&self, notice: &ReconnectNotice) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(notice.clone());
        true
    }
}

impl RefreshHouse {
    /// Access tokens live so long.
    pub async fn new(database: TestDatabase, reuse: Reuse, lifetime: Duration) -> Self {
        Self::with_margin(database, reuse, lifetime, lifetime.as_secs() / 4).await
    }

    pub async fn with_margin(database: TestDatabase, reuse: Reuse, lifetime: Duration, margin: u64) -> Self {
        let server = TokenServer::start(reuse, lifetime).await;
        let setting = Setting {
            store: database.url().to_owned(),
            master_key: MasterKey::generate().unwrap().to_string(),
            entry: entry(&server.origin(), reuse, margin),
            host: server.host(),
            root: server.root().to_vec(),
            patience: Duration::from_secs(5),
        };
        let journal = Journal::new(database.connection().clone());
        let vault = setting.vault(&journal);
        let (organization, user) = (OrganizationId::generate(), UserId::generate());
        let house = Self { database, journal, vault, server, organization, user, setting };
        let now: Value = OffsetDateTime::now_utc().into();
        house
            .execute(
                "INSERT INTO users (id, issuer, subject, email, name, created_at) VALUES ($1, 'i', $1, $1, 'Ada', $2)",
                [user.to_string().into(), now],
            )
            .await;
        house.found(organization).await;
        house
    }

    /// The same house with another organization, whose accounts are seeded from now on.
    pub async fn move_on(&mut self) {
        self.organization = OrganizationId::generate();
        self.found(self.organization).await;
    }

    async fn found(&self, organization: OrganizationId) {
        let now: Value = OffsetDateTime::now_utc().into();
        self.execute(
            "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $1, 'Acme', $2)",
            [organization.to_string().into(), now.clone()],
        )
        .await;
        self.seed_client(now).await;
    }

    async fn seed_client(&self, now: Value) {
        let (id, secret) = (OauthClientId::generate(), SecretId::generate());
        let used_for = json!({ "service": SERVICE, "clientId": CLIENT_ID, "imported": null });
        let sealed = join_fields(&[used_for.to_string().as_bytes(), CLIENT_SECRET.as_bytes()]);
        let owner = Owner::Organization(self.organization);
        self.vault.prepare(owner).await.unwrap();
        let change = self.journal.begin().await.unwrap();
        let place = NewValue { id: secret, owner, kind: Kind::OauthClientSecret };
        self.vault.seal(&change, place, &sealed, OffsetDateTime::now_utc()).await.unwrap();
        let sql = "INSERT INTO oauth_clients (id, organization_id, service, client_id, scopes, version, secret, created_by, \
                       created_at, updated_by, updated_at) VALUES ($1, $2, $3, $4, '[]', 1, $5, $6, $7, $6, $7)";
        let values = [
            id.to_string().into(),
            self.organization.to_string().into(),
            SERVICE.into(),
            CLIENT_ID.into(),
            secret.to_string().into(),
            self.user.to_string().into(),
            now,
        ];
        let backend = self.database.backend();
        change.transaction().execute_raw(Statement::from_sql_and_values(backend, sql, values)).await.unwrap();
        change.commit(self.seeded()).await.unwrap();
    }

    fn seeded(&self) -> Event {
        Event::done(Actor::System, "test.seed", Target::Organization(self.organization)).of(self.organization)
    }

    /// One account with a fresh grant; its token ends in `ends`, and is due in `due`.
    pub async fn account(&self, due: Duration, ends: Duration) -> Seeded {
        self.accounts(1, |_| (due, ends)).await.remove(0)
    }

    /// Accounts, and when each is due and ends.
    pub async fn accounts(&self, number: usize, when: impl Fn(usize) -> (Duration, Duration)) -> Vec<Seeded> {
        let grants: Vec<GrantedTokens> = (0..number).map(|_| self.server.grant()).collect();
        self.seed(&grants, when).await
    }

    pub async fn seed(
        &self,
        grants: &[GrantedTokens],
        when: impl Fn(usize) -> (Duration, Duration),
    ) -> Vec<Seeded> {
        let owner = Owner::Organization(self.organization);
        self.vault.prepare(owner).await.unwrap();
        let change = self.journal.begin().await.unwrap();
        let backend = self.database.backend();
        let now = OffsetDateTime::now_utc();
        let mut seeded = Vec::new();
        for (number, granted) in grants.iter().enumerate() {
            let (due, ends) = when(number);
            let (id, secret) = (AccountId::generate(), SecretId::generate());
            let used_for = json!({
                "account": id, "service": SERVICE, "values": {}, "usableBy": "every_app", "fromPages": false,
                "generation": 1, "clientId": CLIENT_ID, "imported": null,
            });
            let tokens = Credentials::Tokens(Tokens {
                access: granted.access.clone().into(),
                refresh: Some(granted.refresh.as_str()).filter(|text| !text.is_empty()).map(Into::into),
                secrets: Default::default(),
            });
            let sealed = join_fields(&[used_for.to_string().as_bytes(), tokens.to_bytes().reveal()]);
            let place = NewValue { id: secret, owner, kind: Kind::AccountCredentials };
            self.vault.seal(&change, place, &sealed, now).await.unwrap();
            let sql = format!(
                "INSERT INTO accounts (id, organization_id, service, user_id, name, variables, asked_scopes, scopes, every_app, \
                     from_pages, state, cause, version, credentials, generation, expires_at, refreshed_at, refresh_at, \
                     failures, notice_due, lease_holder, lease_fence, lease_until, consented_at, created_by, created_at, \
                     updated_by, updated_at) \
                 VALUES ($1, $2, $3, NULL, $4, '{{}}', '[]', '[]', TRUE, FALSE, 'active', NULL, 1, $5, 1, {clock} + $6, \
                     {clock}, {clock} + $7, 0, FALSE, NULL, 0, NULL, $8, $9, $8, $9, $8)",
                clock = clock(backend)
            );
            let values: [Value; 9] = [
                id.to_string().into(),
                self.organization.to_string().into(),
                SERVICE.into(),
                format!("Account {number}").into(),
                secret.to_string().into(),
                milliseconds(ends).into(),
                milliseconds(due).into(),
                now.into(),
                self.user.to_string().into(),
            ];
            change
                .transaction()
                .execute_raw(Statement::from_sql_and_values(backend, sql, values))
                .await
                .unwrap();
            seeded.push(Seeded { id, grant: granted.grant });
        }
        change.commit(self.seeded()).await.unwrap();
        seeded
    }

    /// A process in this one.
    pub fn engine(&self, bounds: RefreshBounds) -> Engine {
        self.setting.engine(self.database.connection(), bounds, None)
    }

    pub async fn execute(&self, sql: &str, values: impl IntoIterator<Item = Value>) {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().execute_raw(statement).await.unwrap();
    }

    pub async fn row(&self, sql: &str, values: impl IntoIterator<Item = Value>) -> Option<QueryResult> {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().query_one_raw(statement).await.unwrap()
    }

    pub async fn count(&self, what: &str) -> i64 {
        let row = self.row(&format!("SELECT COUNT(*) AS n FROM {what}"), []).await.unwrap();
        row.try_get("", "n").unwrap()
    }

    /// State, cause and generation of an account.
    pub async fn state(&self, id: AccountId) -> (String, Option<String>, i64) {
        let sql = "SELECT state, cause, generation FROM accounts WHERE id = $1";
        let row = self.row(sql, [id.to_string().into()]).await.unwrap();
        (
            row.try_get("", "state").unwrap(),
            row.try_get("", "cause").unwrap(),
            row.try_get("", "generation").unwrap(),
        )
    }

    /// Waits until the account is as asked.
    pub async fn until(&self, id: AccountId, fits: impl Fn(&(String, Option<String>, i64)) -> bool) {
        let waiting = async {
            while !fits(&self.state(id).await) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), waiting).await.is_err() {
            panic!("the account stays {:?}", self.state(id).await);
        }
    }

    /// The server and the entry say from now on that refresh tokens are treated so.
    pub fn says(&mut self, reuse: Reuse, lifetime: Duration) {
        self.server.set(reuse, lifetime);
        self.setting.entry = entry(&self.server.origin(), reuse, lifetime.as_secs() / 4);
    }

    /// The account, as those who use it read it.
    pub async fn find(&self, id: AccountId) -> integrations::Account {
        self.engine(quick()).tokens.find(self.organization, id).await.unwrap().unwrap()
    }

    /// Makes the account due now.
    pub async fn make_due(&self, id: AccountId) {
        let sql = format!(
            "UPDATE accounts SET refresh_at = {}, failures = 0 WHERE id = $1",
            clock(self.database.backend())
        );
        self.execute(&sql, [id.to_string().into()]).await;
    }
}

impl Setting {
    pub fn vault(&self, journal: &Journal) -> Vault {
        let master: Arc<dyn MasterKeyProvider> =
            Arc::new(LocalMasterKey::new(MasterKey::parse(&self.master_key).unwrap()));
        let masters = MasterKeys::new(master, Vec::new());
        Vault::new(secrets_vault::Store::new(journal.clone()), Keyring::new(masters))
    }

    pub fn client(&self) -> ServiceClient {
        let loopback = AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]);
        ServiceClient::new(ClientNetwork {
            addresses: Arc::new(loopback),
            roots: vec![self.root.clone().into()],
            resolve: vec![self.host.clone()],
            patience: self.patience,
        })
        .unwrap()
    }

    pub fn engine(
        &self,
        database: &DatabaseConnection,
        bounds: RefreshBounds,
        observer: Option<Arc<dyn RefreshObserver>>,
    ) -> Engine {
        let journal = Journal::new(database.clone());
        let store = Store::new(journal.clone());
        let service = Arc::new(Service::parse(&self.entry).unwrap());
        let services = Services::new(store.clone(), [service]);
        let credentials = AccountCredentials::new(store, self.vault(&journal), services);
        let counters = Arc::new(RefreshCounters::default());
        let observer = observer.unwrap_or_else(|| Arc::clone(&counters) as Arc<dyn RefreshObserver>);
        let refreshes = Refreshes::new(credentials, self.client(), bounds, observer);
        Engine { tokens: AccessTokens::new(refreshes.clone()), refreshes, counters, told: Arc::default() }
    }
}

impl Engine {
    /// Begins the background task. It ends when this is dropped or sent to.
    pub fn start(&self) -> Working {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let refresher = Refresher::new(self.refreshes.clone(), Arc::clone(&self.told) as Arc<dyn Notices>);
        let task = tokio::spawn(refresher.run(async {
            let _ = stopped.await;
        }));
        Working { stop, task }
    }
}

/// A background task under way.
pub struct Working {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Working {
    pub async fn end(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}

/// Short times, so that a test ends.
pub fn quick() -> RefreshBounds {
    RefreshBounds {
        lease: Duration::from_secs(8),
        patience: Duration::from_secs(2),
        wait: Duration::from_secs(30),
        glance: Duration::from_millis(20),
        period: Duration::from_millis(50),
        least_apart: Duration::from_millis(100),
        ..RefreshBounds::default()
    }
}

fn entry(origin: &str, reuse: Reuse, margin: u64) -> String {
    let (policy, grace) = match reuse {
        Reuse::Static => ("static", String::new()),
        Reuse::Grace(grace) => ("grace", format!("grace_seconds = {}", grace.as_secs())),
        Reuse::UntilSuccessorUsed => ("until_successor_used", String::new()),
        Reuse::SingleUse => ("single_use", String::new()),
    };
    format!(
        r#"
schema = 1
id = "{SERVICE}"
name = "Token server"
categories = ["testing"]
tier = "fixture"
documentation = "https://token-server.test/docs"

[authentication]
kind = "oauth2_code"
authorize_url = "{origin}/authorize"
token_url = "{origin}/token"

[authentication.lifetime]
margin_seconds = {margin}
reuse = "{policy}"
{grace}

[authentication.revocation]
url = "{origin}/revoke"

[api]
base = "{origin}/api"
hosts = ["token-server.test"]
credential = [{{ place = "header", name = "Authorization", format = "Bearer {{token}}" }}]
"#
    )
}

/// The store's clock in SQL.
pub fn clock(backend: sea_orm::DatabaseBackend) -> &'static str {
    match backend {
        sea_orm::DatabaseBackend::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        _ => "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

/// The access token in credentials.
pub fn access(credentials: &Credentials) -> String {
    match credentials {
        Credentials::Tokens(tokens) => tokens.access.reveal().to_owned(),
        other => panic!("no tokens: {other:?}"),
    }
}
