//! Everything of identity on one store, with a provider, and a server where a test asks for one.

use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;

use access_control::{
    Action, AppCredential, AppFacts, Facts, FactsUnavailable, OrganizationFacts, OwnAccount, Permit,
    Principal, Public, SignedIn, authorize,
};
use async_trait::async_trait;
use audit::{Follower, Journal};
use cryptography::{KeyBytes, MasterKey, RootKey};
use endpoint::http::{BoxBody, HttpMessage as _, Request, Response, StatusCode, header};
use endpoint::{
    Arrival, Authenticator, Certificates, Gate, Gateway, Rejected, SESSION_COOKIE, Server, Sites, cookie,
};
use identity::{
    ApiTokens, Browser, Callback, CookieHost, HAND_OFF_COOKIE, HandOff, Identity, Lifetimes, LiveSession,
    Provider, Providers, SessionError, Sessions, SignInError, SignIns, SignedInNow, SigningKeys, Store,
    UserTokens, Users, endpoints,
};
use ids::{AppId, OrganizationId, RequestId};
use revocations::{OpenStreams, Revocations};
use secrets_vault::{Keyring, LocalMasterKey, MasterKeys, Vault};
use test_support::hostile_issuer::{CLIENT_ID, CLIENT_SECRET, HostileIssuer};
use test_support::{Authority, Client, TestDatabase};
use time::{Duration, OffsetDateTime};
use tokio::sync::{oneshot, watch};

/// The one app that everybody may open; `secret-acme` is there too, and nobody may.
pub const OPEN_LABEL: &str = "hello-acme";
/// The name of the provider in addresses.
pub const PROVIDER: &str = "hostile";
/// 16 random bytes would do; a test needs the same ones again.
/// The root key of every process in these tests.
pub fn root_key() -> RootKey {
    RootKey::new(KeyBytes::from_slice(&[0; 32]).unwrap())
}

/// The vault of a store under this master key.
pub fn vault(journal: &Journal, master_key: &str) -> Vault {
    let master_key = LocalMasterKey::new(MasterKey::parse(master_key).unwrap());
    let keyring = Keyring::new(MasterKeys::new(Arc::new(master_key), Vec::new()));
    Vault::new(secrets_vault::Store::new(journal.clone()), keyring)
}

pub struct House {
    pub database: TestDatabase,
    pub issuer: HostileIssuer,
    pub journal: Journal,
    pub master_key: String,
    pub vault: Vault,
    pub sessions: Arc<Sessions>,
    pub api_tokens: Arc<ApiTokens>,
    pub sign_ins: Arc<SignIns>,
    pub hand_off: Arc<HandOff>,
    pub signing_keys: Arc<SigningKeys>,
    pub user_tokens: UserTokens,
    pub users: Users,
    pub sites: Arc<Sites>,
    provider: Provider,
    listener: Option<TcpListener>,
}

/// A server, until it is dropped.
pub struct Running {
    pub address: SocketAddr,
    pub client: Client,
    authority: Authority,
    _stop: oneshot::Sender<()>,
}

impl House {
    pub async fn on(database: TestDatabase) -> Self {
        Self::with(database, Lifetimes::default(), |_| {}).await
    }

    /// With other lifetimes or another provider.
    pub async fn with(
        database: TestDatabase,
        lifetimes: Lifetimes,
        configure: impl FnOnce(&mut Provider),
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let sites = Arc::new(Sites::new("vybe.test", "vybe.test", port));
        let issuer = HostileIssuer::start().await;
        let mut provider =
            Provider::new(PROVIDER, "Hostile", issuer.issuer(), CLIENT_ID, Some(CLIENT_SECRET));
        provider.extra_roots = vec![issuer.root().into()];
        provider.resolve = vec![issuer.host()];
        configure(&mut provider);
        let store = Store::new(database.connection().clone());
        let journal = Journal::new(database.connection().clone());
        let key = root_key();
        let master_key = MasterKey::generate().unwrap().to_string();
        let vault = vault(&journal, &master_key);
        let sessions = Arc::new(Sessions::new(
            store.clone(),
            journal.clone(),
            key.sealing_key("session cookie"),
            lifetimes,
            1000,
        ));
        journal.follow(vec![Arc::clone(&sessions) as Arc<dyn Follower>]);
        let providers = Providers::new(vec![provider.clone()]).unwrap();
        let origin = sites.platform_origin();
        let sign_ins =
            Arc::new(SignIns::new(store.clone(), journal.clone(), providers, Arc::clone(&sessions), &origin));
        let hand_off =
            Arc::new(HandOff::new(store.clone(), key.sealing_key("hand-off"), Arc::clone(&sessions)));
        let signing_keys =
            Arc::new(SigningKeys::open(store.clone(), journal.clone(), vault.clone(), now()).await.unwrap());
        let user_tokens =
            UserTokens::new(Arc::clone(&signing_keys), Arc::clone(&sessions), &origin, Duration::seconds(30));
        Self {
            api_tokens: Arc::new(ApiTokens::new(store.clone(), journal.clone(), Arc::clone(&sessions))),
            users: Users::new(store, journal.clone()),
            database,
            issuer,
            journal,
            master_key,
            vault,
            sessions,
            sign_ins,
            hand_off,
            signing_keys,
            user_tokens,
            sites,
            provider,
            listener: Some(listener),
        }
    }

    /// The first column of a query.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        use sea_orm::{ConnectionTrait as _, Statement};
        let statement = Statement::from_string(self.database.backend(), sql);
        let rows = self.database.connection().query_all_raw(statement).await.unwrap();
        rows.iter().map(|row| row.try_get_by_index(0).unwrap()).collect()
    }

    /// Turns to another provider.
    pub fn use_provider(&mut self, configure: impl FnOnce(&mut Provider)) {
        configure(&mut self.provider);
        let providers = Providers::new(vec![self.provider.clone()]).unwrap();
        self.sign_ins = Arc::new(SignIns::new(
            Store::new(self.database.connection().clone()),
            self.journal.clone(),
            providers,
            Arc::clone(&self.sessions),
            &self.sites.platform_origin(),
        ));
    }

    /// The same store in another process: nothing in memory.
    pub fn other_process(&self, lifetimes: Lifetimes) -> Arc<Sessions> {
        let key = root_key();
        Arc::new(Sessions::new(
            Store::new(self.database.connection().clone()),
            self.journal.clone(),
            key.sealing_key("session cookie"),
            lifetimes,
            1000,
        ))
    }

    /// API tokens of sessions in another process.
    pub fn api_tokens_of(&self, sessions: Arc<Sessions>) -> ApiTokens {
        ApiTokens::new(Store::new(self.database.connection().clone()), self.journal.clone(), sessions)
    }

    /// Signs in whoever the provider names, in a fresh browser.
    pub async fn sign_in(&self) -> Result<SignedInNow, SignInError> {
        self.sign_in_with(None).await
    }

    /// Signs in a browser that has this session cookie already.
    pub async fn sign_in_with(&self, session_cookie: Option<&str>) -> Result<SignedInNow, SignInError> {
        let begun = self.sign_ins.begin(&public(), PROVIDER, "/", None, now()).await?;
        let back = self.issuer.authorize(&begun.location);
        let (state, code) = (parameter(&back, "state"), parameter(&back, "code"));
        let issuer = parameter(&back, "iss");
        let callback = Callback {
            state: state.as_deref(),
            code: code.as_deref(),
            issuer: issuer.as_deref(),
            error: None,
        };
        let browser = Browser {
            sign_in_cookie: Some(value_of(&begun.set_cookie)),
            session_cookie,
            user_agent: "test browser",
        };
        self.sign_ins.complete(&public(), PROVIDER, callback, browser, RequestId::generate(), now()).await
    }

    /// Signs in and opens the session.
    pub async fn session(&self) -> (String, Arc<LiveSession>) {
        let done = self.sign_in().await.unwrap();
        let cookie = value_of(&done.set_cookie).to_owned();
        let session = self.sessions.open(&cookie, CookieHost::Platform, now()).await.unwrap();
        (cookie, session)
    }

    /// Serves the endpoints, and app hosts as the middleware would.
    pub fn serve(&mut self) -> Running {
        let listener = self.listener.take().unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Authority::new();
        let certificate = authority.certificate_for(&["vybe.test", "*.vybe.test"]);
        let certificates =
            Certificates::from_pem(certificate.certificate.as_bytes(), certificate.key.as_bytes()).unwrap();
        let authenticator = Arc::new(Doorkeeper(Arc::clone(&self.sessions), Arc::clone(&self.api_tokens)));
        let identity = Identity {
            sign_ins: Arc::clone(&self.sign_ins),
            sessions: Arc::clone(&self.sessions),
            api_tokens: Arc::clone(&self.api_tokens),
            hand_off: Arc::clone(&self.hand_off),
            signing_keys: Arc::clone(&self.signing_keys),
            authenticator: authenticator.clone(),
            sites: Arc::clone(&self.sites),
            revocations: Revocations::new(
                self.journal.clone(),
                Arc::new(NoFacts),
                watch::channel(0).1,
                OpenStreams::default(),
                self.user_tokens.outstanding().clone(),
            ),
        };
        let gate = Gate {
            authenticator,
            facts: Arc::new(NoFacts),
            sites: Arc::clone(&self.sites),
            refusals: audit::Refusals::new().0,
            rate_limits: Arc::new(endpoint::RateLimits::unlimited()),
        };
        let (sessions, sites) = (Arc::clone(&self.sessions), Arc::clone(&self.sites));
        let gateway = Arc::new(move || {
            Rc::new(App { sessions: Arc::clone(&sessions), sites: Arc::clone(&sites) }) as Rc<dyn Gateway>
        });
        let server = Server::new(endpoints(&identity), gate, gateway).unwrap().listen(listener, certificates);
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run(async move {
            let _ = stopped.await;
        }));
        let client = Client::new(address, &authority.trust());
        Running { address, client, authority, _stop: stop }
    }

    pub fn platform(&self, path: &str) -> String {
        format!("{}{path}", self.sites.platform_origin())
    }

    pub fn app(&self, label: &str, path: &str) -> String {
        format!("{}{path}", self.sites.origin_of(label))
    }
}

impl Running {
    /// Another browser, which shares nothing with the first.
    pub fn other_browser(&self) -> Client {
        Client::new(self.address, &self.authority.trust())
    }
}

/// Signs a browser in over HTTP, from this address; the provider is visited by hand. Answers the page
/// that the browser ends at.
pub async fn sign_in_from(house: &House, client: &Client, url: &str) -> test_support::Response {
    let mut response = client.get(url).await;
    for _ in 0..20 {
        if response.status != 302 {
            return response;
        }
        let here = response.url.clone().unwrap();
        let there = here.join(response.location()).unwrap();
        let there = if there.as_str().starts_with(house.issuer.issuer()) {
            house.issuer.authorize(there.as_str())
        } else {
            there
        };
        response = client.request("GET", there.as_str()).header("accept", "text/html").send().await;
    }
    panic!("the redirects do not end");
}

pub fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// A permit for what everybody may do.
pub fn public<A: Action<Scope = Public>>() -> Permit<A> {
    authorize::<A>(None, (), &NoFacts, now()).unwrap()
}

/// A permit for what somebody may do with what is their own.
pub fn own<A: Action<Scope = OwnAccount>>(session: &LiveSession) -> Permit<A> {
    let principal = Principal::User(session.signed_in().clone());
    authorize::<A>(Some(&principal), (), &NoFacts, now()).unwrap()
}

/// The value in a `Set-Cookie`.
pub fn value_of(set_cookie: &str) -> &str {
    set_cookie.split_once('=').unwrap().1.split_once(';').unwrap().0
}

pub fn parameter(url: &url::Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

struct NoFacts;

impl Facts for NoFacts {
    fn organization(&self, _: OrganizationId) -> Result<Option<Arc<OrganizationFacts>>, FactsUnavailable> {
        Ok(None)
    }

    fn app(&self, _: AppId) -> Result<Option<Arc<AppFacts>>, FactsUnavailable> {
        Ok(None)
    }
}

struct Doorkeeper(Arc<Sessions>, Arc<ApiTokens>);

#[async_trait]
impl Authenticator for Doorkeeper {
    async fn session(&self, cookie: &str) -> Result<SignedIn, Rejected> {
        let session = self.0.open(cookie, CookieHost::Platform, now()).await?;
        Ok(session.signed_in().clone())
    }

    async fn server_secret(&self, _: &str, _: Option<&str>) -> Result<AppCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    async fn api_token(&self, token: &str) -> Result<SignedIn, Rejected> {
        Ok(self.1.open(token, now()).await?.signed_in().clone())
    }

    async fn agent_token(&self, _: &str) -> Result<access_control::AgentCredential, Rejected> {
        Err(Rejected::Invalid)
    }

    fn app_to_open(&self, _: &SignedIn, label: &str) -> Result<Option<ids::AppId>, Rejected> {
        Ok((label == OPEN_LABEL).then(ids::AppId::generate))
    }
}

/// An app host: greets whoever has a session on it, and sends everybody else to sign in.
struct App {
    sessions: Arc<Sessions>,
    sites: Arc<Sites>,
}

impl Gateway for App {
    fn forward(
        self: Rc<Self>,
        request: Request,
        arrival: Arrival,
    ) -> futures_util::future::LocalBoxFuture<'static, Response<BoxBody>> {
        Box::pin(async move {
            let session = match cookie(request.headers(), SESSION_COOKIE) {
                Some(value) => self.sessions.open(value, CookieHost::App(&arrival.label), now()).await,
                None => Err(SessionError::Invalid),
            };
            match session {
                Ok(session) => {
                    let text = format!("{} at {}", session.person().email, request.uri());
                    Response::with_body(StatusCode::OK, BoxBody::new(text))
                }
                Err(_) => {
                    let path = request.uri().path_and_query().map_or("/", |target| target.as_str());
                    let mine = cookie(request.headers(), HAND_OFF_COOKIE);
                    let departure = HandOff::begin(&arrival.label, path, mine, &self.sites).unwrap();
                    let mut response = Response::with_body(StatusCode::FOUND, BoxBody::new(""));
                    let headers = response.headers_mut();
                    let value = |text: &str| header::HeaderValue::from_str(text).unwrap();
                    headers.insert(header::LOCATION, value(&departure.location));
                    headers.insert(header::SET_COOKIE, value(&departure.set_cookie));
                    response
                }
            }
        })
    }
}

/// An app that tokens are for.
pub fn app() -> AppId {
    AppId::generate()
}
