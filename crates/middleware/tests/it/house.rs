//! A platform with an organization, people and apps, whose app hosts are served for real.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use access_control::{
    Action, AppCredential, AppLevel, Check, CreateApp, Facts, Permit, Principal, Role, Scope, SignedIn,
    Subject, UpdateApp, authorize,
};
use apps::{AppChanges, AppPathRules, Apps, NewApp, NewPathRule};
use audit::{Actor, Event, Follower, Journal, Occasion, Target};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptography::{MasterKey, RootKey, SealingKey, Token};
use decisions::{DecisionRecord, Recorder, Recording};
use directory::Directory;
use endpoint::{
    Authenticator, Certificates, Gate, Limits, RateLimits, Rates, Rejected, SESSION_COOKIE, Server, Sites,
};
use identity::{Lifetimes, Sessions, SigningKeys, Store, UserTokens};
use ids::{AppId, OrganizationId, SessionId, UserId};
use middleware::{Counters, Middleware, Patience, PoolLimits};
use outbound::AddressPolicy;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sea_orm::{ConnectionTrait as _, Statement, Value};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Vault};
use test_support::{Authority, RawConnection, TestDatabase, Trust};
use time::OffsetDateTime;
use tokio::sync::oneshot;

use crate::upstream::Upstream;

/// The label of the app that every member uses; `/admin` is for admins.
pub const HELLO: &str = "hello-acme";
/// The label of the app that only its creator uses.
pub const PRIVATE: &str = "private-acme";

pub struct House {
    pub database: TestDatabase,
    pub directory: Directory,
    pub sessions: Arc<Sessions>,
    pub counters: Arc<Counters>,
    pub upstream: Upstream,
    pub organization: OrganizationId,
    pub hello: AppId,
    pub owner: Somebody,
    pub member: Somebody,
    pub outsider: Somebody,
    pub port: u16,
    address: SocketAddr,
    trust: Trust,
    stop: Option<oneshot::Sender<()>>,
    seal: SealingKey,
    apps: Apps,
    rules: AppPathRules,
}

#[derive(Clone)]
pub struct Somebody {
    pub signed_in: SignedIn,
    token: Vec<u8>,
}

/// What differs from one house to another.
#[derive(Clone)]
pub struct Plan {
    pub patience: Patience,
    pub pool: PoolLimits,
    /// Networks that apps may run in when connected to; when they were set, loopback was permitted.
    pub networks: Vec<&'static str>,
    pub upstream_host: &'static str,
    pub member_name: &'static str,
    /// The authorities that apps' certificates are checked against, PEM.
    pub roots: Option<String>,
    /// Which decisions are kept.
    pub recording: Recording,
    /// How often clients may come.
    pub rates: Rates,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            patience: Patience { answer: Duration::from_secs(10), idle_tunnel: Duration::from_secs(60) },
            pool: PoolLimits::default(),
            networks: vec!["127.0.0.0/8", "::1/128"],
            upstream_host: "127.0.0.1",
            member_name: "Milo Member",
            roots: None,
            recording: Recording::All,
            rates: Rates::UNLIMITED,
        }
    }
}

struct Nobody;

#[async_trait::async_trait]
impl Authenticator for Nobody {
    async fn session(&self, _: &str) -> Result<SignedIn, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn server_secret(&self, _: &str, _: Option<&str>) -> Result<AppCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn api_token(&self, _: &str) -> Result<SignedIn, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn agent_token(&self, _: &str) -> Result<access_control::AgentCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    fn app_to_open(&self, _: &SignedIn, _: &str) -> Result<Option<ids::AppId>, Rejected> {
        Ok(None)
    }
}

impl House {
    pub async fn build() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        Self::on(TestDatabase::sqlite().await, plan).await
    }

    pub async fn on(database: TestDatabase, plan: Plan) -> Self {
        let upstream = Upstream::start().await;
        let connection = database.connection().clone();
        let root = RootKey::generate().unwrap();
        let journal = Journal::new(connection.clone());
        let now = OffsetDateTime::now_utc();

        let organization = OrganizationId::generate();
        let rows = Rows { database: &database, now };
        rows.organization(organization, "acme").await;
        let owner = rows.person("owner", "Olivia Owner").await;
        let member = rows.person("member", plan.member_name).await;
        let outsider = rows.person("outsider", "Oscar Outsider").await;
        rows.member(organization, &owner, Role::Owner).await;
        rows.member(organization, &member, Role::Member).await;

        let directory = Directory::load(&audit::Journal::new(connection.clone())).await.unwrap();
        let seal = || root.sealing_key("session cookie");
        let sessions = Arc::new(Sessions::new(
            Store::new(connection.clone()),
            journal.clone(),
            seal(),
            Lifetimes::default(),
            10_000,
        ));
        journal.follow(vec![Arc::new(directory.clone()), Arc::clone(&sessions) as Arc<dyn Follower>]);
        let facts: Arc<dyn Facts> = Arc::new(directory.clone());
        let policy = |networks: &[&str]| {
            Arc::new(AddressPolicy::new(networks.iter().map(|network| network.parse().unwrap()).collect()))
        };
        let apps_store = apps::Store::new(journal.clone(), connection.clone());
        let apps = Apps::new(
            apps_store.clone(),
            Arc::clone(&facts),
            Arc::new(directory.clone()),
            policy(&["127.0.0.0/8", "::1/128"]),
        );
        let rules = AppPathRules::new(apps_store, Arc::clone(&facts));
        let url = format!("http://{}:{}", plan.upstream_host, upstream.address.port());
        let hello =
            make_app(&apps, &*facts, &owner, organization, "hello", &url, AppLevel::Organization).await;
        make_app(&apps, &*facts, &owner, organization, "private", &url, AppLevel::User).await;
        let rule = NewPathRule::new("/admin", &[], vec![Subject::Role(Role::Owner)]).unwrap();
        let permit = permit::<UpdateApp>(&owner.signed_in, hello, &*facts);
        rules.create(&permit, rule, Occasion::now()).await.unwrap();

        let master_key = LocalMasterKey::new(MasterKey::parse(&MasterKey::generate().unwrap()).unwrap());
        let keyring = Keyring::new(MasterKeys::new(Arc::new(master_key), Vec::new()));
        let vault = Vault::new(secrets_vault::Store::new(journal.clone()), keyring);
        let signing_keys =
            SigningKeys::open(Store::new(connection.clone()), journal.clone(), vault, now).await.unwrap();
        let user_tokens = UserTokens::new(
            Arc::new(signing_keys),
            Arc::clone(&sessions),
            "https://vybe.test",
            time::Duration::seconds(30),
        );
        let counters = Arc::new(Counters::default());
        let (recorder, decisions) = Recorder::new(decisions::Store::new(connection.clone()), plan.recording);
        tokio::spawn(decisions.run(std::future::pending()));
        let (refusals, writer) = audit::Refusals::new();
        tokio::spawn(writer.run(journal.clone(), std::future::pending()));

        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sites = Arc::new(Sites::new("vybe.test", "vybe.test", address.port()));
        let rate_limits = Arc::new(RateLimits::new(plan.rates, Arc::new(|_| false)));
        let middleware = Middleware {
            directory: directory.clone(),
            sessions: Arc::clone(&sessions),
            user_tokens: Arc::new(user_tokens),
            sites: Arc::clone(&sites),
            refusals: refusals.clone(),
            decisions: recorder,
            counters: Arc::clone(&counters),
            addresses: policy(&plan.networks),
            tls: trust_in(plan.roots.as_deref()),
            rate_limits: Arc::clone(&rate_limits),
            pool: plan.pool,
            patience: plan.patience,
            streams: revocations::OpenStreams::default(),
        };
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["vybe.test", "*.vybe.test"]);
        let certificates =
            Certificates::from_pem(certificate.certificate.as_bytes(), certificate.key.as_bytes()).unwrap();
        let gate = Gate { authenticator: Arc::new(Nobody), facts, sites, refusals, rate_limits };
        let limits = Limits { workers: NonZeroUsize::MIN, ..Limits::default() };
        let server = Server::new(Vec::new(), gate, middleware.into_factory())
            .unwrap()
            .limits(limits)
            .listen(listener, certificates);
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run(async move { drop(stopped.await) }));

        Self {
            database,
            directory,
            sessions,
            counters,
            upstream,
            organization,
            hello,
            owner,
            member,
            outsider,
            port: address.port(),
            address,
            trust: authority.trust(),
            stop: Some(stop),
            seal: seal(),
            apps,
            rules,
        }
    }

    /// What stands in `Host` for an app.
    pub fn host(&self, label: &str) -> String {
        format!("{label}.vybe.test:{}", self.port)
    }

    pub async fn connect(&self, label: &str) -> RawConnection {
        RawConnection::open(self.address, &format!("{label}.vybe.test"), &self.trust).await.unwrap()
    }

    /// The cookie of somebody's session on one host, as a header line.
    pub fn cookie(&self, somebody: &Somebody, label: &str) -> String {
        let value = [somebody.signed_in.session.to_string().as_bytes(), &somebody.token].concat();
        let sealed = self.seal.seal(format!("session cookie/app/{label}").as_bytes(), &value).unwrap();
        format!("cookie: {SESSION_COOKIE}={}\r\n", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// A head for an app's host with somebody's cookie. `headers` are whole lines.
    pub fn head(&self, request_line: &str, somebody: &Somebody, headers: &str) -> String {
        self.head_on(HELLO, request_line, &self.cookie(somebody, HELLO), headers)
    }

    pub fn head_on(&self, label: &str, request_line: &str, cookie: &str, headers: &str) -> String {
        format!("{request_line} HTTP/1.1\r\nhost: {}\r\n{cookie}{headers}\r\n", self.host(label))
    }

    /// One request of the member on a connection of its own.
    pub async fn ask(&self, request_line: &str, headers: &str) -> test_support::Response {
        let mut connection = self.connect(HELLO).await;
        connection.exchange(self.head(request_line, &self.member, headers)).await.unwrap()
    }

    pub async fn sign_out(&self, somebody: &Somebody) {
        let SignedIn { user, session, .. } = somebody.signed_in;
        self.execute("DELETE FROM sessions WHERE id = $1", [session.to_string().into()]).await;
        let event = Event::done(Actor::Person(user), "session.end", Target::Session(session));
        self.sessions.committed(&event).await;
    }

    pub async fn remove_member(&self, somebody: &Somebody) {
        let user = somebody.signed_in.user;
        self.execute("DELETE FROM members WHERE user_id = $1", [user.to_string().into()]).await;
        let event = Event::done(Actor::System, "members.remove", Target::Member(user)).of(self.organization);
        self.directory.committed(&event).await;
    }

    /// A rule that lets these through.
    pub async fn narrow(&self, pattern: &str, subjects: Vec<Subject>) {
        let permit = permit::<UpdateApp>(&self.owner.signed_in, self.hello, &self.directory);
        let rule = NewPathRule::new(pattern, &[], subjects).unwrap();
        self.rules.create(&permit, rule, Occasion::now()).await.unwrap();
    }

    /// The kept decisions, oldest first, once there are this many.
    pub async fn kept_decisions(&self, count: usize) -> Vec<DecisionRecord> {
        let sql = "SELECT record FROM decisions ORDER BY id";
        for _ in 0..300 {
            let statement = Statement::from_string(self.database.backend(), sql);
            let rows = self.database.connection().query_all_raw(statement).await.unwrap();
            if rows.len() >= count {
                let record = |row: &sea_orm::QueryResult| {
                    serde_json::from_str(&row.try_get::<String>("", "record").unwrap()).unwrap()
                };
                return rows.iter().map(record).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not {count} decisions are kept");
    }

    pub async fn set_level(&self, level: AppLevel) {
        let facts: &dyn Facts = &self.directory;
        let permit = permit::<UpdateApp>(&self.owner.signed_in, self.hello, facts);
        let changes = AppChanges { level: Some(level), ..AppChanges::default() };
        self.apps.update(&permit, changes, Occasion::now()).await.unwrap();
    }

    pub async fn judge_server_actions_by_page(&self) {
        let permit = permit::<UpdateApp>(&self.owner.signed_in, self.hello, &self.directory);
        let changes = AppChanges { server_actions_judged_by_page: Some(true), ..AppChanges::default() };
        self.apps.update(&permit, changes, Occasion::now()).await.unwrap();
    }

    pub async fn set_upstream(&self, url: Option<&str>) {
        let permit = permit::<UpdateApp>(&self.owner.signed_in, self.hello, &self.directory);
        let upstream = Some(url.map(|url| url.parse().unwrap()));
        let changes = AppChanges { upstream, ..AppChanges::default() };
        self.apps.update(&permit, changes, Occasion::now()).await.unwrap();
    }

    pub async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) {
        self.rows().execute(sql, values).await;
    }

    /// Writes rows as they are, past every use case.
    pub fn rows(&self) -> Rows<'_> {
        Rows { database: &self.database, now: OffsetDateTime::now_utc() }
    }

    /// Has the facts of these read again.
    pub async fn read_again(&self, targets: impl IntoIterator<Item = Target>) {
        for target in targets {
            self.directory.committed(&Event::done(Actor::System, "test", target)).await;
        }
    }

    /// Details of the refused requests in the audit trail, once there are this many.
    pub async fn refusals(&self, count: usize) -> Vec<(String, String)> {
        let backend = self.database.backend();
        let sql = "SELECT decision_id, detail FROM audit_events WHERE action = 'app.request' ORDER BY chain, sequence";
        for _ in 0..300 {
            let rows =
                self.database.connection().query_all_raw(Statement::from_string(backend, sql)).await.unwrap();
            if rows.len() >= count {
                let text =
                    |row: &sea_orm::QueryResult, column: &str| row.try_get::<String>("", column).unwrap();
                return rows.iter().map(|row| (text(row, "decision_id"), text(row, "detail"))).collect();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not {count} refusals in the audit trail");
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

pub struct Rows<'a> {
    database: &'a TestDatabase,
    now: OffsetDateTime,
}

impl Rows<'_> {
    pub async fn execute<const N: usize>(&self, sql: &str, values: [Value; N]) {
        let statement = Statement::from_sql_and_values(self.database.backend(), sql, values);
        self.database.connection().execute_raw(statement).await.unwrap();
    }

    pub async fn organization(&self, id: OrganizationId, slug: &str) {
        let sql = "INSERT INTO organizations (id, slug, name, created_at) VALUES ($1, $2, $2, $3)";
        self.execute(sql, [id.to_string().into(), slug.into(), self.now.into()]).await;
    }

    pub async fn member(&self, organization: OrganizationId, somebody: &Somebody, role: Role) {
        let sql = "INSERT INTO members (organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)";
        let user = somebody.signed_in.user.to_string();
        self.execute(
            sql,
            [organization.to_string().into(), user.into(), role.as_str().into(), self.now.into()],
        )
        .await;
    }

    pub async fn person(&self, subject: &str, name: &str) -> Somebody {
        let (user, session) = (UserId::generate(), SessionId::generate());
        let token = Token::generate().unwrap();
        let sql = "INSERT INTO users (id, issuer, subject, email, name, created_at) \
            VALUES ($1, 'https://issuer.test', $2, $3, $4, $5)";
        let email = format!("{subject}@acme.test");
        let values = [user.to_string().into(), subject.into(), email.into(), name.into(), self.now.into()];
        self.execute(sql, values).await;
        let sql = "INSERT INTO sessions (id, user_id, means, token_hash, user_agent, created_at, authenticated_at, \
            last_seen_at, ends_at) VALUES ($1, $2, 'browser', $3, 'test', $4, $4, $4, $5)";
        let ends_at = self.now + time::Duration::days(30);
        let values = [
            session.to_string().into(),
            user.to_string().into(),
            token.hash().into(),
            self.now.into(),
            ends_at.into(),
        ];
        self.execute(sql, values).await;
        let signed_in = SignedIn {
            user,
            session,
            hosted_domain: None,
            authenticated_at: self.now,
            means: access_control::Means::Browser,
        };
        Somebody { signed_in, token: token.as_bytes().to_vec() }
    }
}

fn permit<A: Action>(actor: &SignedIn, object: <A::Scope as Scope>::Object, facts: &dyn Facts) -> Permit<A>
where
    A::Scope: Check,
{
    let principal = Principal::User(actor.clone());
    authorize::<A>(Some(&principal), object, facts, OffsetDateTime::now_utc()).unwrap()
}

async fn make_app(
    apps: &Apps,
    facts: &dyn Facts,
    creator: &Somebody,
    organization: OrganizationId,
    slug: &str,
    upstream: &str,
    level: AppLevel,
) -> AppId {
    let new = NewApp { slug: slug.parse().unwrap(), name: slug.parse().unwrap() };
    let create = permit::<CreateApp>(&creator.signed_in, organization, facts);
    let app = apps.create(&create, new, Occasion::now()).await.unwrap();
    let update = permit::<UpdateApp>(&creator.signed_in, app.id, facts);
    let changes = AppChanges {
        upstream: Some(Some(upstream.parse().unwrap())),
        level: Some(level),
        ..AppChanges::default()
    };
    apps.update(&update, changes, Occasion::now()).await.unwrap();
    app.id
}

fn trust_in(roots: Option<&str>) -> Arc<rustls::ClientConfig> {
    let mut store = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(roots.unwrap_or_default().as_bytes()) {
        store.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(store).with_no_client_auth())
}
