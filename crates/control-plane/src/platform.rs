//! The platform, put together from its crates.

mod data_gateway;
mod endpoints;
mod integrations;
mod policy;
mod running;
mod use_cases;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use ::data_gateway::{Connections, DataQueries, QueryRecordWriter, QueryRecords};
use ::integrations::{Accounts, CustomApis, OauthClients, RefreshCounters, ServiceCalls, Services};
use apps::{AppPathRules, Apps, Grants, ServerSecretRotations, ServerSecrets};
use audit::{Announced, Follower, Journal, RefusalWriter, Refusals, Trail};
use audit_trail::{Forwarder, Pauses, Receiver};
use decisions::{Decisions, Recorder, Recording, Retention, Writer};
use directory::Directory;
use endpoint::{Certificates, Endpoint, Gate, Limits, Load, Notice, RateLimits, Sites};
use identity::{ApiTokens, Lifetimes, Provider, Sessions, Users};
use mail::Mailer;
use middleware::{Counters, Middleware, Patience, PoolLimits};
use organizations::{Invitations, Members, Organizations, SetUp};
use outbound::AddressPolicy;
use replicas::{Followed, Observer};
use revocations::{OpenStreams, Revocations};
use sea_orm::DatabaseConnection;
use secrets_vault::{AppSecrets, KeyRotations, MasterKeys, RotationLimits, Secrets, Vault};

use self::data_gateway::DataGateway;
use self::endpoints::UseCases;
use self::integrations::{IntegrationTasks, Integrations};
pub use self::integrations::{SERVICE_PATIENCE, ServiceSettings};
use self::use_cases::{AppUseCases, Foundation, IdentityUseCases, OrganizationUseCases};
use crate::StartError;
use crate::authentication::Authentication;
use crate::deployment::Deployments;
use crate::head_signing::HeadSigning;
use crate::health::{self, Health};
use crate::housekeeping::Housekeeping;
use crate::metrics::{Metrics, Sources};
use crate::personal_organizations::PersonalOrganizations;
use crate::security_txt::{self, SecurityTxt};
use crate::shredding::Shredding;
use crate::telemetry::{Exporter, Observing, Traces};

/// What a platform is made from, whoever decided it: a configuration file, `vybe dev`, or a test.
pub struct Settings {
    /// The hosts.
    pub sites: Sites,
    /// The store, with its schema.
    pub database: DatabaseConnection,
    /// The keys that wrap those of the vault.
    pub master_keys: MasterKeys,
    /// The ways to sign in.
    pub providers: Vec<Provider>,
    /// How long sessions last.
    pub lifetimes: Lifetimes,
    /// How long requests of one session to one app share a user token.
    pub user_token_reuse: time::Duration,
    /// How old a key that signs user tokens becomes before the next one takes over.
    pub signing_key_age: time::Duration,
    /// How old an organization's key, or the platform's own, becomes before a successor takes over.
    pub data_key_age: time::Duration,
    /// Whether whoever signs in gets an organization of their own.
    pub personal_organizations: bool,
    /// Where apps may run.
    pub addresses: AddressPolicy,
    /// Where customers' databases, and the SSH servers before them, may be.
    pub database_addresses: AddressPolicy,
    /// The services that accounts can be connected at.
    pub services: ServiceSettings,
    /// Whom to trust when an app is reached over TLS.
    pub upstream_tls: rustls::ClientConfig,
    /// How connections to apps are kept.
    pub pool: PoolLimits,
    /// How long apps are waited for.
    pub patience: Patience,
    /// What sends letters, if there is a mail server.
    pub mailer: Option<Mailer>,
    /// Which decisions are kept.
    pub recording: Recording,
    /// For how long.
    pub retention: Retention,
    /// How often the ends of the audit trail's chains are signed.
    pub heads_every: std::time::Duration,
    /// The file that signed heads are appended to.
    pub heads_file: Option<PathBuf>,
    /// Who gets a copy of the audit trail.
    pub audit_receivers: Vec<Receiver>,
    /// What the server spends on its clients.
    pub limits: Limits,
    /// Whom to tell of a weakness.
    pub security_txt: Option<SecurityTxt>,
    /// Where traces go; none are made if they go nowhere.
    pub traces: Option<Traces>,
    /// How often they may come.
    pub rate_limits: RateLimits,
    /// Endpoints of the development provider.
    pub development: Vec<Endpoint>,
    /// Who follows changes, besides the platform's own followers and after them.
    pub followers: Vec<Arc<dyn Follower>>,
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
    /// API tokens.
    pub api_tokens: Arc<ApiTokens>,
    /// The secrets of organizations.
    pub secrets: Secrets,
    /// The secrets of apps.
    pub app_secrets: AppSecrets,
    /// Connections to customers' databases.
    pub connections: Connections,
    /// Saved queries.
    pub data_queries: DataQueries,
    /// Who ran which queries.
    pub query_records: QueryRecords,
    /// The services that accounts can be connected at.
    pub services: Services,
    /// What organizations are registered as there.
    pub oauth_clients: OauthClients,
    /// Accounts at services.
    pub accounts: Accounts,
    /// Custom APIs.
    pub custom_apis: CustomApis,
    /// Who called which services.
    pub service_calls: ServiceCalls,
    /// What deployments of apps get.
    pub deployments: Deployments,
    /// The vault.
    pub vault: Vault,
    /// The facts in memory.
    pub directory: Directory,
    /// What was counted.
    pub counters: Arc<Counters>,
    /// Every endpoint that is mounted.
    pub endpoints: Vec<Endpoint>,
    /// Given before the platform stops.
    pub notice: Notice,
    gate: Gate,
    gateway: endpoint::GatewayFactory,
    limits: Limits,
    load: Arc<Load>,
    observing: Arc<Observing>,
    trace_exporter: Option<Exporter>,
    journal: Journal,
    followed: Option<Followed>,
    refusals: RefusalWriter,
    head_signing: HeadSigning,
    forwarders: Vec<Forwarder>,
    decisions: Writer,
    query_record_writer: QueryRecordWriter,
    integration_tasks: IntegrationTasks,
    housekeeping: Housekeeping,
    key_rotations: KeyRotations,
    server_secret_rotations: ServerSecretRotations,
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

impl Listeners {
    /// What is listened on.
    pub(crate) fn addresses(&self) -> Result<Vec<SocketAddr>, StartError> {
        let all = [Some(&self.https.0), self.admin.as_ref(), self.redirect.as_ref()];
        let address = |listener: &TcpListener| listener.local_addr().map_err(StartError::Runtime);
        all.into_iter().flatten().map(address).collect()
    }
}

impl Platform {
    /// Puts everything together. Nothing is served yet.
    ///
    /// # Errors
    /// The store stopped answering, or its sealed keys belong to another master key.
    pub async fn assemble(settings: Settings) -> Result<Self, StartError> {
        let mut foundation =
            Foundation::load(settings.database, settings.sites, settings.master_keys, settings.heads_file)
                .await?;
        let following = foundation.following.take();
        let Foundation { journal, directory, sites, .. } = &foundation;
        let identity = IdentityUseCases::open(
            &foundation,
            settings.providers,
            settings.lifetimes,
            settings.user_token_reuse,
        )
        .await?;
        let refreshes = Arc::new(RefreshCounters::default());
        let (integrations, integration_tasks) = Integrations::new(
            &foundation,
            settings.services,
            identity.users.clone(),
            settings.mailer.clone(),
            Arc::clone(&refreshes),
        )?;
        let organizations = OrganizationUseCases::new(&foundation, &identity.people(), settings.mailer)?;
        let addresses = Arc::new(settings.addresses);
        let apps = AppUseCases::new(&foundation, Arc::clone(&addresses));
        let (data_gateway, query_record_writer) = DataGateway::new(&foundation, settings.database_addresses)?;

        let (refusals, refusal_writer) = Refusals::new();
        let decisions = decisions::Store::new(foundation.database.clone());
        let (recorder, decision_writer) = Recorder::new(decisions.clone(), settings.recording);
        let counters = Arc::<Counters>::default();
        let forwarders = forwarders(&foundation, settings.audit_receivers);
        let (rate_limits, load) = (Arc::new(settings.rate_limits), Arc::<Load>::default());
        let metrics = Metrics::new(Sources {
            app_requests: Arc::clone(&counters),
            refusals: Arc::clone(refusals.counters()),
            rate_limits: Arc::clone(&rate_limits),
            load: Arc::clone(&load),
            decisions: recorder.clone(),
            heads: Arc::clone(&foundation.heads),
            deliveries: forwarders
                .iter()
                .map(|forwarder| (forwarder.receiver(), Arc::clone(forwarder.deliveries())))
                .collect(),
            sessions: Arc::clone(&identity.sessions),
            refreshes: Arc::clone(&refreshes),
            directory: directory.clone(),
            database: foundation.database.clone(),
        })
        .map_err(|error| StartError::Server(error.to_string()))?;
        let (observing, trace_exporter) = Observing::new(metrics.request_times(), settings.traces)?;
        let mut followers: Vec<Arc<dyn Follower>> =
            vec![Arc::new(directory.clone()), identity.sessions.clone(), Arc::new(metrics.clone())];
        followers.push(Arc::new(data_gateway.open.clone()));
        followers.push(data_gateway.data_queries.follower());
        let (database, vault) = (foundation.database.clone(), foundation.vault.clone());
        followers.push(Arc::new(Shredding { database, vault }));
        if settings.personal_organizations {
            followers.push(Arc::new(PersonalOrganizations {
                organizations: organizations.organizations.clone(),
                users: identity.users.clone(),
                facts: foundation.facts(),
            }));
        }
        followers.extend(settings.followers);
        journal.follow(followers);
        let streams = OpenStreams::default();
        let revocations = Revocations::new(
            journal.clone(),
            foundation.facts(),
            directory.changed(),
            streams.clone(),
            identity.user_tokens.outstanding().clone(),
        );
        let followed = match following {
            Some(following) => {
                let observer = observer(&metrics, revocations.clone());
                Some(following.start(observer).await.map_err(StartError::store)?)
            }
            None => None,
        };

        let key_rotations = KeyRotations::new(
            foundation.vault.clone(),
            RotationLimits { age: Some(settings.data_key_age), ..RotationLimits::default() },
        );
        let gate = Gate {
            authenticator: Arc::new(Authentication {
                sessions: Arc::clone(&identity.sessions),
                api_tokens: Arc::clone(&identity.api_tokens),
                user_tokens: Arc::clone(&identity.user_tokens),
                server_secrets: apps.server_secrets.clone(),
                agent_tokens: apps.agent_tokens.clone(),
                directory: directory.clone(),
            }),
            facts: foundation.facts(),
            sites: Arc::clone(sites),
            refusals: refusals.clone(),
            rate_limits: Arc::clone(&rate_limits),
        };
        let vault_api = use_cases::vault_api(&foundation, key_rotations.clone());
        let database = foundation.database.clone();
        let notice = Notice::default();
        let mut others = health::endpoints(&Health {
            database,
            directory: directory.clone(),
            metrics,
            notice: notice.clone(),
        });
        others.push(security_txt::endpoint(settings.security_txt));
        others.extend(settings.development);
        let behind = UseCases {
            foundation: &foundation,
            identity: &identity,
            organizations: &organizations,
            apps: &apps,
            vault: &vault_api,
            gateway: &data_gateway,
            integrations: &integrations,
            revocations: &revocations,
        };
        let endpoints = endpoints::all(&behind, &gate, others);
        let gateway = Middleware {
            directory: directory.clone(),
            sessions: Arc::clone(&identity.sessions),
            user_tokens: identity.user_tokens,
            sites: Arc::clone(sites),
            refusals,
            decisions: recorder,
            counters: Arc::clone(&counters),
            rate_limits,
            addresses,
            tls: Arc::new(settings.upstream_tls),
            pool: settings.pool,
            patience: settings.patience,
            streams,
        };
        Ok(Self {
            users: identity.users,
            sessions: Arc::clone(&identity.sessions),
            organizations: organizations.organizations,
            members: organizations.members,
            invitations: organizations.invitations,
            set_up: organizations.set_up,
            apps: apps.apps.clone(),
            grants: apps.grants,
            path_rules: apps.path_rules,
            server_secrets: apps.server_secrets.clone(),
            server_secret_rotations: apps.server_secret_rotations,
            api_tokens: identity.api_tokens,
            deployments: Deployments {
                environments: vault_api.environments,
                server_secrets: apps.server_secrets.clone(),
                apps: apps.apps.clone(),
                facts: foundation.facts(),
                sites: Arc::clone(sites),
            },
            secrets: vault_api.secrets,
            app_secrets: vault_api.app_secrets,
            connections: data_gateway.connections,
            data_queries: data_gateway.data_queries,
            query_records: data_gateway.query_records.clone(),
            query_record_writer,
            services: integrations.services,
            oauth_clients: integrations.oauth_clients,
            accounts: integrations.accounts,
            custom_apis: integrations.custom_apis,
            service_calls: integrations.service_calls.clone(),
            integration_tasks,
            vault: foundation.vault,
            key_rotations,
            directory: foundation.directory,
            counters,
            endpoints,
            notice,
            gate,
            gateway: gateway.into_factory(),
            limits: settings.limits,
            journal: foundation.journal.clone(),
            followed,
            load,
            observing: Arc::new(observing),
            trace_exporter,
            refusals: refusal_writer,
            forwarders,
            head_signing: HeadSigning { heads: foundation.heads, every: settings.heads_every },
            decisions: decision_writer,
            housekeeping: Housekeeping {
                decisions: Decisions::new(decisions),
                retention: settings.retention,
                sessions: identity.sessions,
                sign_ins: identity.sign_ins,
                hand_off: identity.hand_off,
                signing_keys: identity.signing_keys,
                server_secrets: apps.server_secrets,
                open_databases: data_gateway.open,
                query_records: data_gateway.query_records,
                service_calls: integrations.service_calls,
                connect_attempts: integrations.attempts,
                signing_key_age: settings.signing_key_age,
                shared: replicas::shares(&foundation.database),
                journal: foundation.journal.clone(),
            },
        })
    }

    /// What stands between a request and a handler, for checks that mount endpoints themselves.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }
}

/// Who is told of what other processes announced, once it was followed.
fn observer(metrics: &Metrics, revocations: Revocations) -> Observer {
    let measure = metrics.revocations();
    Arc::new(move |announced: &Announced, since_read| {
        measure(announced.age + since_read);
        revocations.followed(announced, since_read);
    })
}

fn forwarders(foundation: &Foundation, receivers: Vec<Receiver>) -> Vec<Forwarder> {
    let forwarder = |receiver| {
        let (trail, store) =
            (Trail::new(foundation.database.clone()), audit_trail::Store::new(foundation.database.clone()));
        Forwarder::new(trail, foundation.journal.growth(), store, receiver, Pauses::default())
    };
    receivers.into_iter().map(forwarder).collect()
}
