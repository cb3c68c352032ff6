//! `vybe dev`: the whole platform on one machine, with a provider, apps and people to try it with.

mod database;
mod redeployment;
mod services;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cryptography::MasterKey;
use decisions::{Recording, Retention};
use development::{
    DEMO_USERS, DemoDatabase, Folder, Issuer, IssuerClient, MailCatcher, Seed, Seeded, Upstream,
    certificates, signed_in,
};
use endpoint::{Certificates, Limits, RateLimits, Sites};
use identity::{ApiTokenLife, Lifetimes, NewApiToken, Provider};
use mail::{MailServer, Mailer};
use middleware::{Patience, PoolLimits};
use outbound::{AddressPolicy, Network};
use sea_orm::DatabaseConnection;
use secrets_vault::MasterKeys;
use serde_json::{Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use self::redeployment::{DemoApps, Redeployment};
pub use self::services::ReachableServices;
use crate::config::SecurityTxtSection;
use crate::platform::{Listeners, Platform, Settings};
use crate::security_txt::SecurityTxt;
use crate::serve::{Running, StopSignals, listen};
use crate::{StartError, master_keys, migrate_command, output, trust};

/// The platform's host, and the domain below which the demo apps are. Browsers resolve it to loopback by
/// themselves (RFC 6761, section 6.3).
pub const HOST: &str = "vybe.localhost";
/// The provider's host. No app can have it: an app's label has a hyphen.
pub const ISSUER_HOST: &str = "issuer.vybe.localhost";
/// The name of the provider in addresses.
const PROVIDER: &str = "development";
/// Where the heads of the audit trail are kept, outside of the database.
const HEADS_FILE: &str = "audit-heads.jsonl";
/// The master key.
const MASTER_KEY: &str = "master.key";
/// What a script reads to know what there is.
const DEV_JSON: &str = "dev.json";

/// A running demo.
pub struct Demo {
    /// The platform that is being served.
    pub running: Running,
    /// The demo apps' server.
    pub upstream: Upstream,
    /// Where letters end up.
    pub catcher: MailCatcher,
    /// What there is in the database.
    pub seeded: Seeded,
    /// Everything a script needs: addresses, people, identifiers, secrets.
    pub description: Value,
    /// Where the description was written.
    pub description_path: PathBuf,
    sites: Arc<Sites>,
    database: Option<DemoDatabase>,
}

/// Runs the demo until it is told to stop.
///
/// # Errors
/// One line for the person at the terminal.
pub async fn run(data: &Path, port: u16, recording: Recording) -> Result<(), StartError> {
    let folder = Folder::open(data)?;
    let mut signals = StopSignals::listen()?;
    let starting = async {
        let database = migrations::connect(&database(&folder)).await.map_err(StartError::FolderDatabase)?;
        let reachable = ReachableServices::default();
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        start_recording(&folder, at, database, recording, Extras::All, reachable).await
    };
    let Some(demo) = signals.unless_received(starting).await? else { return Ok(()) };
    output::print(&demo.welcome())?;
    demo.running.until_told_to_stop(signals, None).await
}

/// What takes a moment to start.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extras {
    Nothing,
    /// A service to connect accounts at, and a database of a customer to ask, if PostgreSQL is installed.
    All,
}

/// Starts the demo on 127.0.0.1 with what is in the folder, and makes what is missing; without the demo database.
///
/// # Errors
/// One line for the person at the terminal.
pub async fn start(folder: &Folder, port: u16, database: DatabaseConnection) -> Result<Demo, StartError> {
    start_reaching(folder, port, database, ReachableServices::default()).await
}

/// The same, with these services besides those of the catalogue.
///
/// # Errors
/// One line for the person at the terminal.
pub async fn start_reaching(
    folder: &Folder,
    port: u16,
    database: DatabaseConnection,
    reachable: ReachableServices,
) -> Result<Demo, StartError> {
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    start_recording(folder, at, database, Recording::All, Extras::Nothing, reachable).await
}

/// Another process of the same platform: the same folder, hosts and database, at another address of this machine with
/// the same port.
///
/// # Errors
/// One line for the person at the terminal.
pub async fn start_beside(
    folder: &Folder,
    at: SocketAddr,
    database: DatabaseConnection,
) -> Result<Demo, StartError> {
    start_recording(folder, at, database, Recording::All, Extras::Nothing, ReachableServices::default()).await
}

async fn start_recording(
    folder: &Folder,
    at: SocketAddr,
    database: DatabaseConnection,
    recording: Recording,
    extras: Extras,
    mut reachable: ReachableServices,
) -> Result<Demo, StartError> {
    trust::install_cryptography();
    let master_keys = master_keys(folder, &database).await?;
    let earlier = earlier_description(folder);
    let port = port_to_use(folder, at.port(), &earlier)?;
    let listener = listen(SocketAddr::from((at.ip(), port)))?;
    let address = listener.local_addr().map_err(StartError::Runtime)?;
    let files = certificates(folder, HOST)?;
    let sites = Arc::new(Sites::new(HOST, HOST, address.port()).with_development_issuer(ISSUER_HOST));
    let issuer_origin = sites.issuer_origin().unwrap_or_default();
    let client = IssuerClient::generate(format!("{}/login/{PROVIDER}/callback", sites.platform_origin()))?;
    let issuer = Arc::new(Issuer::new(&issuer_origin, client.clone(), DEMO_USERS)?);
    let upstream = Upstream::start(&sites.platform_origin()).await?;
    let catcher = MailCatcher::start().await?;
    let service = match extras {
        Extras::Nothing => None,
        Extras::All => Some(services::start(folder, &files, &sites, &mut reachable).await?),
    };

    migrate_command::bring_up_to_date(&database).await?;
    let redeployment = Redeployment::default();
    let admin = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let admin_address = admin.local_addr().map_err(StartError::Runtime)?;
    let platform = Platform::assemble(Settings {
        sites: Sites::clone(&sites),
        database,
        master_keys,
        providers: vec![provider(&issuer_origin, &client, &files.authority, address)?],
        lifetimes: Lifetimes::default(),
        user_token_reuse: time::Duration::seconds(30),
        signing_key_age: time::Duration::days(30),
        data_key_age: time::Duration::days(365),
        personal_organizations: true,
        addresses: AddressPolicy::new(vec![loopback()?]).refusing(vec![address, admin_address]),
        database_addresses: AddressPolicy::new(vec![loopback()?]).refusing(vec![address, admin_address]),
        services: reachable.settings(&files.authority, vec![address, admin_address])?,
        upstream_tls: trust::client_config(&[])?,
        heads_every: std::time::Duration::from_secs(60),
        heads_file: Some(folder.file(HEADS_FILE)),
        audit_receivers: Vec::new(),
        pool: PoolLimits::default(),
        patience: Patience::default(),
        mailer: Some(mailer(&catcher)?),
        recording,
        retention: Retention::default(),
        limits: Limits {
            workers: Limits::default().workers.min(NonZeroUsize::MIN.saturating_add(1)),
            drain: std::time::Duration::from_secs(1),
            connections_per_address: usize::MAX,
            ..Limits::default()
        },
        traces: None,
        security_txt: Some(SecurityTxt::new(&security_contact(), &sites.platform_origin())),
        // Whoever tries the demo, or a test or a benchmark, is one client on one machine.
        rate_limits: RateLimits::unlimited(),
        development: [development::endpoints(&issuer), development::mail_endpoints(&catcher)].concat(),
        followers: vec![Arc::new(redeployment.clone())],
    })
    .await?;
    let seeded = seed(&platform, &issuer_origin, &upstream).plant(known_secrets(&platform, &earlier)).await?;
    redeployment.start(demo_apps(&platform, &seeded, &upstream)?).await.map_err(failed)?;
    let mut description = describe(&sites, &files.authority, &seeded, &upstream);
    description["admin"] = Value::from(format!("http://{admin_address}"));
    description["smtp"] = Value::from(catcher.address().to_string());
    description["apiToken"] = Value::from(api_token(&platform, &seeded).await?);
    let text = serde_json::to_vec_pretty(&description).unwrap_or_default();
    let description_path = folder.write(DEV_JSON, &text)?;
    let database = match extras {
        Extras::Nothing => None,
        Extras::All => database::offer(folder, &files.authority, &platform, &seeded).await?,
    };
    if let Some(service) = &service {
        services::offer(&platform, &seeded, service).await?;
    }
    redeployment.describe_in(folder.clone(), description.clone()).await;
    let https = (listener, Certificates::from_files(&files.chain, &files.key)?);
    let running = Running::serve(platform, Listeners { https, admin: Some(admin), redirect: None })?;
    Ok(Demo { running, upstream, catcher, seeded, description, description_path, sites, database })
}

/// Whom visitors of the demo are told to tell: nobody, since addresses under `invalid` lead nowhere (RFC 6761).
fn security_contact() -> SecurityTxtSection {
    SecurityTxtSection {
        contact: vec!["mailto:security@vybe.invalid".to_owned()],
        expires: (OffsetDateTime::now_utc() + time::Duration::days(90)).truncate_to_second(),
        preferred_languages: vec!["en".to_owned()],
        policy: None,
        encryption: None,
        acknowledgments: None,
    }
}

/// People are known by issuer and subject, and the issuer's address holds the port: data that was made
/// for one port is of no use at another.
fn port_to_use(folder: &Folder, asked: u16, earlier: &Value) -> Result<u16, StartError> {
    let known = earlier["port"].as_u64().and_then(|port| u16::try_from(port).ok());
    match known {
        Some(known) if asked == 0 || asked == known => Ok(known),
        Some(known) => Err(StartError::OtherPort { folder: folder.file(""), known }),
        None => Ok(asked),
    }
}

fn earlier_description(folder: &Folder) -> Value {
    let database = folder.file("vybe.db");
    let text = std::fs::read(folder.file(DEV_JSON)).ok().filter(|_| database.exists());
    text.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// The secrets that an earlier run handed out and that still count.
fn known_secrets(platform: &Platform, earlier: &Value) -> BTreeMap<String, String> {
    let now = OffsetDateTime::now_utc();
    let counts = |secret: &str| {
        let hash = platform.server_secrets.recognise(secret)?;
        platform.directory.app_by_secret(&hash, now).ok()?
    };
    let apps = earlier["apps"].as_object().into_iter().flatten();
    apps.filter_map(|(slug, app)| Some((slug.clone(), app["serverSecret"].as_str()?.to_owned())))
        .filter(|(_, secret)| counts(secret).is_some())
        .collect()
}

/// The Owner's, so that programs can be tried at once; the one of an earlier run ends.
async fn api_token(platform: &Platform, seeded: &Seeded) -> Result<String, StartError> {
    let name = "dev.json".parse().map_err(|error: ids::NameError| failed(error))?;
    let owner = seeded.people.get("owner").ok_or_else(|| failed("the demo Owner is missing"))?;
    let new = NewApiToken { name, life: ApiTokenLife::USUAL };
    let made = platform.api_tokens.prepare(owner.id, new, OffsetDateTime::now_utc()).await;
    Ok(made.map_err(StartError::identity)?.text.reveal().to_owned())
}

/// What is deployed, in the name of the Editor who made the apps.
fn demo_apps(platform: &Platform, seeded: &Seeded, upstream: &Upstream) -> Result<DemoApps, StartError> {
    let editor = seeded.people.get("editor").ok_or_else(|| failed("the demo Editor is missing"))?;
    Ok(DemoApps {
        organization: seeded.organization,
        apps: seeded.apps.values().map(|app| app.id).collect(),
        deployer: signed_in(editor),
        deployments: platform.deployments.clone(),
        upstream: upstream.clone(),
    })
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError::Server(error.to_string())
}

/// The key in the folder; made there with the database, and never for one that holds data keys already.
async fn master_keys(folder: &Folder, database: &DatabaseConnection) -> Result<MasterKeys, StartError> {
    match master_keys::check(configured_master_keys(folder), database).await {
        // Nothing in the database needs the one that is missing.
        Err(StartError::MasterKeyUnneeded { .. }) if !master_key_file(folder).exists() => {
            let text = folder.read_or_make(MASTER_KEY, || {
                MasterKey::generate().map_err(|_| development::DevelopmentError::Key)
            })?;
            parsed(folder, &text)
        }
        checked => checked.map_err(|error| error.of_key_file(master_key_file(folder))),
    }
}

/// Where the key is in the folder.
pub(crate) fn master_key_file(folder: &Folder) -> PathBuf {
    folder.file(MASTER_KEY)
}

/// The key in the folder.
pub(crate) fn configured_master_keys(folder: &Folder) -> Result<MasterKeys, StartError> {
    let path = master_key_file(folder);
    match std::fs::read_to_string(&path) {
        Ok(text) => parsed(folder, &Zeroizing::new(text)),
        Err(error) => Err(StartError::MasterKeyFile { path, reason: error.to_string() }),
    }
}

fn parsed(folder: &Folder, text: &str) -> Result<MasterKeys, StartError> {
    MasterKey::parse(text).map(master_keys::local).map_err(|error| StartError::MasterKeyFile {
        path: master_key_file(folder),
        reason: format!("it {error}"),
    })
}

/// The address of the database in the folder.
pub(crate) fn database(folder: &Folder) -> String {
    format!("sqlite:{}", folder.file("vybe.db").display())
}

/// An ordinary provider, found at the platform's own listener.
fn provider(
    issuer: &str,
    client: &IssuerClient,
    authority: &Path,
    address: SocketAddr,
) -> Result<Provider, StartError> {
    let mut provider =
        Provider::new(PROVIDER, "the development provider", issuer, &client.id, Some(&client.secret));
    provider.extra_roots = trust::authorities(authority).map_err(StartError::Server)?;
    provider.resolve = vec![(ISSUER_HOST.to_owned(), address)];
    Ok(provider)
}

/// Letters go to the catcher, in the clear on loopback.
fn mailer(catcher: &MailCatcher) -> Result<Mailer, StartError> {
    let failed = |error: mail::MailError| StartError::Server(error.to_string());
    let server = MailServer::parse(&format!("smtp://{}", catcher.address()), false).map_err(failed)?;
    Mailer::new(server, None, &format!("Vybe <vybe@{HOST}>"), HOST, &[]).map_err(failed)
}

/// The one network that demo apps run on.
fn loopback() -> Result<Network, StartError> {
    "127.0.0.0/8".parse().map_err(|error: outbound::NetworkError| StartError::Server(error.to_string()))
}

fn seed<'a>(platform: &'a Platform, issuer: &'a str, upstream: &Upstream) -> Seed<'a> {
    Seed {
        users: &platform.users,
        organizations: &platform.organizations,
        members: &platform.members,
        invitations: &platform.invitations,
        apps: &platform.apps,
        grants: &platform.grants,
        path_rules: &platform.path_rules,
        server_secrets: &platform.server_secrets,
        secrets: &platform.secrets,
        app_secrets: &platform.app_secrets,
        facts: &platform.directory,
        issuer,
        upstream: upstream.address(),
    }
}

fn describe(sites: &Sites, authority: &Path, seeded: &Seeded, upstream: &Upstream) -> Value {
    let role = |subject: &str| (subject != "outsider").then(|| subject.to_owned());
    let users: BTreeMap<_, _> = seeded
        .people
        .iter()
        .map(|(subject, person)| {
            let user = json!({
                "subject": subject,
                "id": person.id,
                "email": person.email,
                "name": person.name,
                "role": role(subject),
            });
            (*subject, user)
        })
        .collect();
    let apps: BTreeMap<_, _> = seeded
        .apps
        .iter()
        .map(|(slug, app)| {
            let described = json!({
                "id": app.id,
                "url": sites.app_origin(&app.label),
                "host": sites.app_authority(app.label.as_str()),
                "level": app.level,
                "serverSecret": seeded.server_secrets.get(*slug),
            });
            (*slug, described)
        })
        .collect();
    json!({
        "platform": sites.platform_origin(),
        "issuer": sites.issuer_origin(),
        "mail": sites.issuer_origin().map(|origin| format!("{origin}/mail")),
        "port": sites.platform_origin().rsplit(':').next().and_then(|port| port.parse::<u16>().ok()),
        "authority": authority,
        "organization": { "id": seeded.organization, "slug": "acme" },
        "users": users,
        "apps": apps,
        "upstream": upstream.address(),
    })
}

impl Demo {
    /// Which hosts are ours.
    #[must_use]
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    /// What to open.
    fn welcome(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!("\n  Open      {}/\n", self.sites.platform_origin());
        for (slug, app) in &self.seeded.apps {
            // Writing to a String cannot fail.
            let _ = write!(text, "            {}/", self.sites.app_origin(&app.label));
            let _ = match *slug {
                "payroll" => writeln!(text, "   restricted: Edith and Adam only"),
                "reports" => writeln!(text, "   /admin is for Owner and Admin"),
                _ => writeln!(text, "   for every member"),
            };
        }
        let _ = writeln!(text, "\n  Sign in as");
        for user in DEMO_USERS {
            let _ = writeln!(text, "            {:<16} {}", user.name, user.purpose);
        }
        let base = self.sites.platform_origin();
        let _ = match self.database {
            Some(_) => writeln!(
                text,
                "\n  Database  {base}/apps, then \"Saved queries\" beside \"{}\" as Edith Editor: one to run on a read-only PostgreSQL",
                database::APP
            ),
            None => writeln!(
                text,
                "\n  Database  none: install PostgreSQL (on Debian and Ubuntu: apt install postgresql) and start again"
            ),
        };
        let organization = self.seeded.organization;
        let _ = writeln!(
            text,
            "\n  Service   {base}/organizations/{organization}/services/demo-notes: connect an account; its tokens live two minutes"
        );
        let letters = self.description["mail"].as_str().unwrap_or_default();
        let _ = writeln!(text, "\n  Letters   {letters}");
        let authority = self.description["authority"].as_str().unwrap_or_default();
        let _ = write!(
            text,
            "\n  Trust     {authority}\n            (or click through the browser's warning; it can only vouch for {HOST})\n  \
             Scripts   {}\n",
            self.description_path.display()
        );
        text
    }
}
