//! The platform, put together from its crates.

use std::net::TcpListener;
use std::sync::Arc;

use access_control::{Facts, Permit, ReadApiDescription};
use apps::{AddressPolicy, AppPathRules, Apps, AppsApi, Grants, ServerSecrets};
use audit::{Follower, Journal};
use console::Console;
use directory::Directory;
use endpoint::{
    Answer, Authenticator, Call, Certificates, Endpoint, Gate, Limits, Problem, Server, Sites, openapi,
    style_endpoints,
};
use identity::{
    HandOff, Identity, Lifetimes, Provider, Providers, Sessions, SignIns, SigningKeys, UserTokens, Users,
};
use middleware::{Counters, Middleware, Patience, PoolLimits, RefusalWriter, Refusals};
use organizations::{Groups, Invitations, Members, Organizations, OrganizationsApi, SetUp};
use sea_orm::DatabaseConnection;
use secrets_vault::MasterKey;
use time::OffsetDateTime;

use crate::StartError;
use crate::authentication::Authentication;
use crate::health::{self, Health};
use crate::housekeeping::Housekeeping;
use crate::metrics::{Metrics, Sources};
use crate::neighbours::{AppsForget, KnownPeople, PersonalOrganizations};

/// How many sessions that nobody is using at the moment are kept in memory.
const SESSIONS_IN_MEMORY: usize = 1_000_000;

/// How long the last refusals may take to be written when the platform stops.
const LAST_REFUSALS: std::time::Duration = std::time::Duration::from_secs(2);

/// What a platform is made from, whoever decided it: a configuration file, `vybe dev`, or a test.
pub struct Settings {
    /// The hosts.
    pub sites: Sites,
    /// The store, with its schema.
    pub database: DatabaseConnection,
    /// The key that all others are derived from.
    pub master_key: MasterKey,
    /// The ways to sign in.
    pub providers: Vec<Provider>,
    /// How long sessions last.
    pub lifetimes: Lifetimes,
    /// How long requests of one session to one app share a user token.
    pub user_token_reuse: time::Duration,
    /// How old a key that signs user tokens becomes before the next one takes over.
    pub signing_key_age: time::Duration,
    /// Whether whoever signs in gets an organization of their own.
    pub personal_organizations: bool,
    /// Where apps may run.
    pub addresses: AddressPolicy,
    /// Whom to trust when an app is reached over TLS.
    pub upstream_tls: rustls::ClientConfig,
    /// How connections to apps are kept.
    pub pool: PoolLimits,
    /// How long apps are waited for.
    pub patience: Patience,
    /// What the server spends on its clients.
    pub limits: Limits,
    /// Endpoints of the development provider.
    pub development: Vec<Endpoint>,
}

/// The platform in memory: every use case, and the server that reaches them.
pub struct Platform {
    /// People.
    pub users: Users,
    /// Sessions.
    pub sessions: Arc<Sessions>,
    /// Organizations.
    pub organizations: Organizations,
    /// Members.
    pub members: Members,
    /// Invitations.
    pub invitations: Invitations,
    /// The first organization.
    pub set_up: SetUp,
    /// Apps.
    pub apps: Apps,
    /// Grants.
    pub grants: Grants,
    /// Path rules.
    pub path_rules: AppPathRules,
    /// Server secrets.
    pub server_secrets: ServerSecrets,
    /// The facts in memory.
    pub directory: Directory,
    /// What was counted.
    pub counters: Arc<Counters>,
    /// Every endpoint that is mounted.
    pub endpoints: Vec<Endpoint>,
    gate: Gate,
    gateway: endpoint::GatewayFactory,
    limits: Limits,
    refusals: RefusalWriter,
    housekeeping: Housekeeping,
}

/// Where the platform listens. Bound by the caller, who thereby knows the ports.
pub struct Listeners {
    /// HTTPS, and its certificate.
    pub https: (TcpListener, Certificates),
    /// The admin listener.
    pub admin: Option<TcpListener>,
    /// The redirect to HTTPS.
    pub redirect: Option<TcpListener>,
}

impl Platform {
    /// Puts everything together. Nothing is served yet.
    ///
    /// # Errors
    /// The store stopped answering, or its sealed keys belong to another master key.
    pub async fn assemble(settings: Settings) -> Result<Self, StartError> {
        let Settings { database, master_key, .. } = settings;
        let now = OffsetDateTime::now_utc();
        let sites = Arc::new(settings.sites);
        let origin = sites.platform_origin();
        let journal = Journal::new(database.clone());
        let directory = Directory::load(database.clone()).await.map_err(StartError::store)?;
        let facts: Arc<dyn Facts> = Arc::new(directory.clone());

        let store = identity::Store::new(database.clone());
        let users = Users::new(store.clone(), journal.clone());
        let sessions = Arc::new(Sessions::new(
            store.clone(),
            journal.clone(),
            master_key.sealing_key("session cookie"),
            settings.lifetimes,
            SESSIONS_IN_MEMORY,
        ));
        let signing_keys =
            SigningKeys::open(store.clone(), journal.clone(), master_key.sealing_key("signing key"), now);
        let signing_keys = Arc::new(signing_keys.await.map_err(StartError::identity)?);
        let user_tokens = Arc::new(UserTokens::new(
            Arc::clone(&signing_keys),
            Arc::clone(&sessions),
            &origin,
            settings.user_token_reuse,
        ));
        let providers =
            Providers::new(settings.providers).map_err(|error| StartError::Server(error.to_string()))?;
        let sign_ins =
            Arc::new(SignIns::new(store.clone(), journal.clone(), providers, Arc::clone(&sessions), &origin));
        let hand_off =
            Arc::new(HandOff::new(store, master_key.sealing_key("hand-off"), Arc::clone(&sessions)));

        let people = Arc::new(KnownPeople(users.clone()));
        let store = organizations::Store::new(journal.clone(), database.clone());
        let organizations = Organizations::new(store.clone());
        let members = Members::new(store.clone(), people.clone(), Arc::new(AppsForget));
        let invitations = Invitations::new(store.clone(), people.clone());
        let set_up = SetUp::new(store.clone());
        let groups = Groups::new(store);

        let store = apps::Store::new(journal.clone(), database.clone());
        let addresses = Arc::new(settings.addresses);
        let apps =
            Apps::new(store.clone(), Arc::clone(&facts), Arc::new(directory.clone()), Arc::clone(&addresses));
        let grants = Grants::new(store.clone(), Arc::clone(&facts));
        let path_rules = AppPathRules::new(store.clone(), Arc::clone(&facts));
        let server_secrets = ServerSecrets::new(store, &master_key);

        let counters = Arc::<Counters>::default();
        let (refusals, refusal_writer) = Refusals::new(journal.clone(), Arc::clone(&counters));
        let metrics = Metrics::new(Sources {
            app_requests: Arc::clone(&counters),
            sessions: Arc::clone(&sessions),
            directory: directory.clone(),
        })
        .map_err(|error| StartError::Server(error.to_string()))?;

        let mut followers: Vec<Arc<dyn Follower>> =
            vec![Arc::new(directory.clone()), sessions.clone(), Arc::new(metrics.clone())];
        if settings.personal_organizations {
            followers.push(Arc::new(PersonalOrganizations {
                organizations: organizations.clone(),
                users: users.clone(),
                facts: Arc::clone(&facts),
            }));
        }
        journal.follow(followers);

        let authenticator: Arc<dyn Authenticator> = Arc::new(Authentication {
            sessions: Arc::clone(&sessions),
            user_tokens: Arc::clone(&user_tokens),
            server_secrets: server_secrets.clone(),
            directory: directory.clone(),
        });
        let gate = Gate {
            authenticator: Arc::clone(&authenticator),
            facts: Arc::clone(&facts),
            sites: Arc::clone(&sites),
        };

        let mut endpoints = identity::endpoints(&Identity {
            sign_ins: Arc::clone(&sign_ins),
            sessions: Arc::clone(&sessions),
            hand_off: Arc::clone(&hand_off),
            signing_keys: Arc::clone(&signing_keys),
            authenticator,
            sites: Arc::clone(&sites),
        });
        let by_label = directory.clone();
        endpoints.extend(
            OrganizationsApi {
                organizations: organizations.clone(),
                members: members.clone(),
                invitations: invitations.clone(),
                groups,
                set_up: set_up.clone(),
                people: people.clone(),
                facts: Arc::clone(&facts),
                organization_of_app: Arc::new(move |label| {
                    Some(by_label.app_at(label).ok()??.organization())
                }),
                platform_origin: origin,
            }
            .endpoints(),
        );
        endpoints.extend(
            AppsApi {
                apps: apps.clone(),
                grants: grants.clone(),
                path_rules: path_rules.clone(),
                server_secrets: server_secrets.clone(),
                people: people.clone(),
            }
            .endpoints(),
        );
        endpoints.extend(
            Console {
                users: users.clone(),
                sessions: Arc::clone(&sessions),
                organizations: organizations.clone(),
                members: members.clone(),
                invitations: invitations.clone(),
                set_up: set_up.clone(),
                people,
                apps: apps.clone(),
                facts,
                sites: Arc::clone(&sites),
            }
            .endpoints(),
        );
        endpoints.extend(style_endpoints());
        endpoints.extend(health::endpoints(&Health { database, directory: directory.clone(), metrics }));
        endpoints.extend(settings.development);
        endpoints.push(api_description(&endpoints));

        let gateway = Middleware {
            directory: directory.clone(),
            sessions: Arc::clone(&sessions),
            user_tokens,
            sites,
            refusals,
            counters: Arc::clone(&counters),
            addresses,
            tls: Arc::new(settings.upstream_tls),
            pool: settings.pool,
            patience: settings.patience,
        };
        Ok(Self {
            users,
            organizations,
            members,
            invitations,
            set_up,
            apps,
            grants,
            path_rules,
            server_secrets,
            directory,
            counters,
            endpoints,
            gate,
            gateway: gateway.into_factory(),
            limits: settings.limits,
            refusals: refusal_writer,
            housekeeping: Housekeeping {
                sessions: Arc::clone(&sessions),
                sign_ins,
                hand_off,
                signing_keys,
                signing_key_age: settings.signing_key_age,
            },
            sessions,
        })
    }

    /// What stands between a request and a handler, for checks that mount endpoints themselves.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Serves until `shutdown` completes, then lets requests under way end.
    ///
    /// # Errors
    /// The server cannot start.
    pub async fn run(
        self,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StartError> {
        let server = |error: endpoint::ServerError| StartError::Server(error.to_string());
        let (https, certificates) = listeners.https;
        let mut serving = Server::new(self.endpoints, self.gate, self.gateway)
            .map_err(server)?
            .limits(self.limits)
            .listen(https, certificates);
        if let Some(admin) = listeners.admin {
            serving = serving.admin(admin);
        }
        if let Some(redirect) = listeners.redirect {
            serving = serving.redirect(redirect);
        }
        let refusals = tokio::spawn(self.refusals.run());
        let housekeeping = tokio::spawn(self.housekeeping.run());
        let served = serving.run(shutdown).await.map_err(server);
        housekeeping.abort();
        // The last gateway is gone, so the writer ends as soon as it has written what is left.
        if tokio::time::timeout(LAST_REFUSALS, refusals).await.is_err() {
            tracing::error!("the last refused requests are missing from the audit trail");
        }
        served
    }
}

/// `/openapi.json`, which describes every endpoint and itself.
fn api_description(endpoints: &[Endpoint]) -> Endpoint {
    let describe = |document: Arc<serde_json::Value>| {
        Endpoint::get("/openapi.json", "read_api_description")
            .requires::<ReadApiDescription>()
            .answers(document, read_description)
    };
    let mut all = endpoints.to_vec();
    all.push(describe(Arc::default()));
    describe(Arc::new(openapi(&all)))
}

async fn read_description(
    document: Arc<serde_json::Value>,
    _: Permit<ReadApiDescription>,
    _: Call,
) -> Result<Answer, Problem> {
    Ok(Answer::json(&*document))
}
