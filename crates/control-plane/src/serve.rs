//! `vybe serve`: the platform as a configuration file describes it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use audit_trail::{Receiver, Syslog, Webhook};
use catalogue::built_in;
use decisions::Retention;
use endpoint::{Certificates, Endpoint, Gate, Limits, Notice, RateLimits, Sites};
use identity::{Lifetimes, Provider};
use mail::{Credentials, MailError, MailServer, Mailer};
use middleware::{Patience, PoolLimits};
use outbound::{AddressPolicy, Network};
use rustls::pki_types::CertificateDer;
use sea_orm::DatabaseConnection;
use secrets_vault::{MasterKeys, Vault};
use service_client::{CallLimits, ClientNetwork};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::config::{Config, ConfigError, ListenSection, MailSection, MailTls, Period, reveal};
use crate::platform::{Listeners, Platform, SERVICE_PATIENCE, ServiceSettings, Settings};
use crate::security_txt::SecurityTxt;
use crate::service_manager::{self, HandedOver};
use crate::telemetry::Traces;
use crate::{StartError, master_keys, migrate_command, shared_clock, trust};

/// A platform that is being served.
pub struct Running {
    /// Where HTTPS is listened for.
    pub https: SocketAddr,
    /// Where health and metrics are.
    pub admin: Option<SocketAddr>,
    /// Where plain HTTP is redirected.
    pub redirect: Option<SocketAddr>,
    /// Every endpoint that is mounted.
    pub endpoints: Vec<Endpoint>,
    /// What stands before them.
    pub gate: Gate,
    /// The vault.
    pub vault: Vault,
    notice: Notice,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<Result<(), StartError>>,
}

impl Running {
    pub(crate) fn serve(platform: Platform, listeners: Listeners) -> Result<Self, StartError> {
        let address = |listener: &TcpListener| listener.local_addr().map_err(StartError::Runtime);
        let (stop, stopped) = oneshot::channel();
        let (https, admin, redirect) = (
            address(&listeners.https.0)?,
            listeners.admin.as_ref().map(address).transpose()?,
            listeners.redirect.as_ref().map(address).transpose()?,
        );
        let (endpoints, gate) = (platform.endpoints.clone(), platform.gate().clone());
        let (vault, notice) = (platform.vault.clone(), platform.notice.clone());
        let serving = tokio::spawn(platform.run(listeners, async {
            // Dropped without a word means stop, too.
            let _ = stopped.await;
        }));
        Ok(Self { https, admin, redirect, endpoints, gate, vault, notice, stop, serving })
    }

    /// Stops, and waits for requests under way.
    ///
    /// # Errors
    /// The server had failed.
    pub async fn stop(self) -> Result<(), StartError> {
        let _ = self.stop.send(());
        finished(self.serving.await)
    }

    /// Serves until the process is told to stop (SIGTERM, SIGINT) or the server fails. What is told is passed on to
    /// load balancers and clients, who get `notice` to go elsewhere.
    ///
    /// # Errors
    /// The server failed.
    pub(crate) async fn until_told_to_stop(
        mut self,
        mut signals: StopSignals,
        notice: Option<Duration>,
    ) -> Result<(), StartError> {
        let watched = tokio::spawn(service_manager::watch());
        service_manager::serving();
        tokio::select! {
            served = &mut self.serving => return finished(served),
            () = signals.received() => {}
        }
        service_manager::stopping();
        self.notice.give();
        if let Some(notice) = notice {
            tracing::info!(?notice, "about to stop; everybody is still served");
            tokio::select! {
                served = &mut self.serving => return finished(served),
                () = signals.received() => {}
                () = tokio::time::sleep(notice) => {}
            }
        }
        tracing::info!("stopping; requests under way may end");
        let stopped = self.stop().await;
        watched.abort();
        stopped
    }
}

fn finished(served: Result<Result<(), StartError>, tokio::task::JoinError>) -> Result<(), StartError> {
    served.unwrap_or_else(|error| Err(StartError::Server(format!("the server ended: {error}"))))
}

/// The signals that stop the process: SIGTERM and SIGINT.
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Receives them from here on: before anything says that it serves, so that none ends it without a word.
    pub(crate) fn listen() -> Result<Self, StartError> {
        let listen = |kind| signal(kind).map_err(StartError::Runtime);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// What `starting` makes; none, if one comes first.
    pub(crate) async fn unless_received<T>(
        &mut self,
        starting: impl Future<Output = Result<T, StartError>>,
    ) -> Result<Option<T>, StartError> {
        tokio::select! {
            started = starting => started.map(Some),
            () = self.received() => Ok(None),
        }
    }

    async fn received(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs the platform until it is told to stop.
///
/// # Errors
/// One line for the operator.
pub async fn run(config: Config) -> Result<(), StartError> {
    let mut signals = StopSignals::listen()?;
    let notice = config.server.notice.map(Period::duration);
    match signals.unless_received(start(config)).await? {
        Some(running) => running.until_told_to_stop(signals, notice).await,
        None => Ok(()),
    }
}

/// Starts the platform: checks everything, the master keys against the database before anything is written
/// there, listens, brings the schema up to date, serves.
///
/// # Errors
/// One line for the operator.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let parts = Parts::of(&config)?;
    let (database, master_keys) = open(&config, &parts.database_url).await?;
    let listeners = listeners(&config.listen, parts.certificates)?;
    migrate_command::bring_up_to_date(&database).await?;
    let origin = parts.sites.platform_origin();
    let platform = Platform::assemble(Settings {
        sites: parts.sites,
        database,
        master_keys,
        providers: parts.providers,
        lifetimes: parts.lifetimes,
        user_token_reuse: parts.user_token_reuse,
        signing_key_age: parts.signing_key_age,
        data_key_age: parts.data_key_age,
        personal_organizations: config.organizations.personal,
        addresses: parts.addresses.refusing(listeners.addresses()?),
        database_addresses: parts.database_addresses.refusing(listeners.addresses()?),
        services: ServiceSettings {
            network: ClientNetwork {
                addresses: Arc::new(parts.service_addresses.refusing(listeners.addresses()?)),
                roots: parts.service_authorities,
                resolve: Vec::new(),
                patience: SERVICE_PATIENCE,
            },
            limits: CallLimits {
                within: config.services.answer_timeout.duration(),
                most_bytes: config.services.largest_answer,
            },
            catalogue: built_in().services().cloned().collect(),
        },
        upstream_tls: parts.upstream_tls,
        heads_every: config.audit.heads_every.duration(),
        heads_file: config.audit.heads_file.clone(),
        audit_receivers: parts.audit_receivers,
        pool: PoolLimits { connect: config.upstreams.connect_timeout.duration(), ..PoolLimits::default() },
        patience: Patience {
            answer: config.upstreams.answer_timeout.duration(),
            idle_tunnel: config.upstreams.idle_timeout.duration(),
        },
        mailer: parts.mailer,
        recording: config.decisions.record.into(),
        retention: Retention { keep: parts.keep_decisions },
        limits: limits(&config),
        traces: parts.traces,
        security_txt: config.security_txt.as_ref().map(|section| SecurityTxt::new(section, &origin)),
        rate_limits: parts.rate_limits,
        development: Vec::new(),
        followers: Vec::new(),
    })
    .await?;
    if let Some(code) = platform.set_up.issue_code(clock::now()).await.map_err(StartError::store)? {
        tracing::warn!(
            code = code.reveal().as_str(),
            "no organization yet: sign in and enter this set-up code at /set-up to become its Owner"
        );
    }
    let running = Running::serve(platform, listeners)?;
    let (admin, redirect) =
        (running.admin.map(tracing::field::display), running.redirect.map(tracing::field::display));
    tracing::info!(host = config.platform.host, https = %running.https, admin, redirect, "serving");
    Ok(running)
}

/// The store, and the master keys that open what it holds.
async fn open(config: &Config, url: &str) -> Result<(DatabaseConnection, MasterKeys), StartError> {
    let configured = match master_keys::of(config) {
        // Connecting would make the file.
        Err(error) if !migrations::is_there(url) => return Err(error.needing(&[])),
        configured => configured,
    };
    match (migrations::connect(url).await, configured) {
        (Ok(database), configured) => {
            shared_clock::agree(&database).await;
            let master_keys = master_keys::check(configured, &database).await?;
            Ok((database, master_keys))
        }
        (Err(_), Err(error)) => Err(error),
        (Err(error), Ok(_)) => Err(error.into()),
    }
}

/// Looks at everything that the configuration names, short of connecting and listening.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(config: &Config) -> Result<(), StartError> {
    check_parts(config)?;
    master_keys::of(config).map(|_| ())
}

/// The same, but for the master keys.
pub(crate) fn check_parts(config: &Config) -> Result<(), StartError> {
    Parts::of(config).map(|_| ())
}

/// What the configuration names, read and understood.
struct Parts {
    sites: Sites,
    certificates: Certificates,
    database_url: zeroize::Zeroizing<String>,
    providers: Vec<Provider>,
    lifetimes: Lifetimes,
    user_token_reuse: time::Duration,
    signing_key_age: time::Duration,
    data_key_age: time::Duration,
    keep_decisions: time::Duration,
    addresses: AddressPolicy,
    database_addresses: AddressPolicy,
    service_addresses: AddressPolicy,
    service_authorities: Vec<CertificateDer<'static>>,
    upstream_tls: rustls::ClientConfig,
    mailer: Option<Mailer>,
    audit_receivers: Vec<Receiver>,
    traces: Option<Traces>,
    rate_limits: RateLimits,
}

impl Parts {
    fn of(config: &Config) -> Result<Self, StartError> {
        trust::install_cryptography();
        let extra = trust::extra_authorities(config)?;
        heads_folder(config)?;
        let mut providers = Vec::new();
        if let Some(google) = &config.sign_in.google {
            let secret = reveal("sign_in.google.client_secret", &google.client_secret)?;
            let mut provider = Provider::google(&google.client_id, &secret);
            provider.hosted_domains.clone_from(&google.hosted_domains);
            provider.reauthentication = google.reauthentication.into();
            providers.push(provider);
        }
        for (id, section) in &config.sign_in.provider {
            let secret = reveal(&format!("sign_in.provider.{id}.client_secret"), &section.client_secret)?;
            let mut provider =
                Provider::new(id, &section.name, &section.issuer, &section.client_id, Some(&secret));
            provider.hosted_domains.clone_from(&section.hosted_domains);
            provider.reauthentication = section.reauthentication.into();
            providers.push(provider);
        }
        for provider in &mut providers {
            provider.extra_roots.clone_from(&extra);
        }
        let addresses = |key: &str, networks: &[String]| {
            let networks = networks.iter().map(|text| text.parse::<Network>()).collect::<Result<_, _>>();
            networks.map(AddressPolicy::new).map_err(|error| ConfigError::key(key, error.to_string()))
        };
        let lifetime = |key: &str, period: crate::config::Period| {
            time::Duration::try_from(period.duration())
                .map_err(|error| ConfigError::key(key, format!("too long: {error}")))
        };
        let upstream_tls = trust::client_config(&extra)?;
        Ok(Self {
            audit_receivers: audit_receivers(config, &upstream_tls)?,
            traces: config
                .telemetry
                .as_ref()
                .map(|section| Traces::of(section, &upstream_tls))
                .transpose()?,
            rate_limits: config.limits.rate_limits()?,
            sites: Sites::new(
                &config.platform.host,
                &config.platform.base_domain,
                config.platform.public_port,
            ),
            certificates: Certificates::from_files(&config.certificate.chain, &config.certificate.key)?,
            database_url: reveal("database.url", &config.database.url)?,
            providers,
            lifetimes: Lifetimes {
                idle: lifetime("sessions.idle", config.sessions.idle)?,
                absolute: lifetime("sessions.absolute", config.sessions.absolute)?,
            },
            user_token_reuse: lifetime("user_tokens.reuse", config.user_tokens.reuse)?,
            signing_key_age: lifetime("user_tokens.rotate", config.user_tokens.rotate)?,
            data_key_age: lifetime(
                "secrets.rotate_organization_keys",
                config.secrets.rotate_organization_keys,
            )?,
            keep_decisions: lifetime("decisions.keep", config.decisions.keep)?,
            addresses: addresses("upstreams.allowed_networks", &config.upstreams.allowed_networks)?,
            database_addresses: addresses(
                "database_connections.allowed_networks",
                &config.database_connections.allowed_networks,
            )?,
            service_addresses: addresses("services.allowed_networks", &config.services.allowed_networks)?,
            service_authorities: match &config.services.extra_authorities {
                Some(path) => trust::authorities(path)
                    .map_err(|reason| ConfigError::key("services.extra_authorities", reason))?,
                None => Vec::new(),
            },
            upstream_tls,
            mailer: config
                .mail
                .as_ref()
                .map(|mail| mailer(mail, &config.platform.host, &extra))
                .transpose()?,
        })
    }
}

/// The file is made when the first heads are signed, its folder is not.
fn heads_folder(config: &Config) -> Result<(), ConfigError> {
    let folder = config.audit.heads_file.as_deref().and_then(Path::parent);
    match folder.filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        Some(folder) => {
            Err(ConfigError::key("audit.heads_file", format!("there is no folder {}", folder.display())))
        }
        None => Ok(()),
    }
}

fn audit_receivers(config: &Config, tls: &rustls::ClientConfig) -> Result<Vec<Receiver>, ConfigError> {
    let mut receivers = Vec::new();
    if let Some(address) = &config.audit.syslog {
        let address = address.parse().map_err(|error: audit_trail::SyslogAddressError| {
            ConfigError::key("audit.syslog", error.to_string())
        })?;
        let tls = Arc::new(tls.clone());
        receivers.push(Receiver::Syslog(Syslog::new(address, &config.platform.host, tls)));
    }
    if let Some(section) = &config.audit.webhook {
        let url = reveal("audit.webhook.url", &section.url)?;
        let secret = reveal("audit.webhook.secret", &section.secret)?;
        let webhook = Webhook::new(&url, &secret, tls.clone())
            .map_err(|error| ConfigError::key("audit.webhook", error.to_string()))?;
        receivers.push(Receiver::Webhook(Box::new(webhook)));
    }
    Ok(receivers)
}

fn mailer(
    section: &MailSection,
    hello: &str,
    extra_authorities: &[CertificateDer<'static>],
) -> Result<Mailer, ConfigError> {
    let server = MailServer::parse(&section.server, section.tls == MailTls::Required);
    let server = server.map_err(|error| ConfigError::key("mail.server", error.to_string()))?;
    let credentials = match (&section.user, &section.password) {
        (Some(user), Some(password)) => {
            Some(Credentials { user: user.clone(), password: reveal("mail.password", password)? })
        }
        (None, None) => None,
        (Some(_), None) => return Err(ConfigError::key("mail.password", "belongs to mail.user")),
        (None, Some(_)) => return Err(ConfigError::key("mail.user", "belongs to mail.password")),
    };
    Mailer::new(server, credentials, &section.from, hello, extra_authorities).map_err(|error| match error {
        MailError::Sender => ConfigError::key("mail.from", error.to_string()),
        error => ConfigError::key("mail.server", error.to_string()),
    })
}

fn limits(config: &Config) -> Limits {
    let defaults = Limits::default();
    Limits {
        workers: config.server.workers.unwrap_or(defaults.workers),
        connections_per_worker: config.server.connections_per_worker.get(),
        connections_per_address: config.limits.connections_per_address.get(),
        requests_per_worker: config.limits.requests_per_worker.get(),
        handshake: config.server.handshake_timeout.duration(),
        head: config.server.head_timeout.duration(),
        body: config.server.body_timeout.duration(),
        write: config.server.write_timeout.duration(),
        keep_alive: config.server.keep_alive.duration(),
        drain: config.server.drain.duration(),
    }
}

/// What the service manager opened, and what the configuration names besides.
fn listeners(section: &ListenSection, certificates: Certificates) -> Result<Listeners, StartError> {
    let mut handed_over = HandedOver::take()?;
    let https = handed_over.named("https").map_or_else(|| listen(section.https), Ok)?;
    let mut optional = |name, address: Option<SocketAddr>| match handed_over.named(name) {
        Some(socket) => Ok(Some(socket)),
        None => address.map(listen).transpose(),
    };
    let admin = optional("admin", section.admin)?;
    let redirect = optional("redirect", section.redirect)?;
    Ok(Listeners { https: (https, certificates), admin, redirect })
}

pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|source| StartError::Listen { address, source })
}
