//! A store with the demo's organization, people who are signed in, and what `vybe serve` needs to serve it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use control_plane::demo;
use development::Folder;
use ids::{AppId, UserId};
use local_postgres::{Listen, LocalServer, Programs};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use test_support::{Client, Trust};

use crate::app::App;

/// People of the demo who may open the app that is asked.
const PEOPLE: [&str; 4] = ["owner", "admin", "editor", "member"];

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// A file.
    Sqlite,
    /// A server of its own on this machine, with its usual settings but for the number of connections.
    Postgres,
}

/// Everything but the server.
pub struct World {
    /// The store, to look into and to fill.
    pub database: DatabaseConnection,
    /// Its address.
    pub database_url: String,
    /// What the demo keeps in files, and the configurations.
    pub folder: tempfile::TempDir,
    /// The port in every address.
    pub port: u16,
    /// The authority that signed the certificate (PEM).
    pub authority: String,
    /// The host of the app that is asked, without the port.
    pub app_host: String,
    /// The app.
    pub app: AppId,
    /// People by their names in the demo.
    pub people: BTreeMap<&'static str, UserId>,
    /// `Cookie` headers for the app's host, one for each sign-in.
    pub cookies: Vec<String>,
    /// The Owner's API token.
    pub api_token: String,
    /// The app's server.
    pub upstream: App,
    _postgres: Option<LocalServer>,
}

impl World {
    /// Makes one in which each of four people has signed in so often.
    pub async fn new(kind: StoreKind, sign_ins: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (database_url, postgres) = match kind {
            StoreKind::Sqlite => (format!("sqlite:{}", folder.path().join("vybe.db").display()), None),
            StoreKind::Postgres => {
                let programs = Programs::find().expect("PostgreSQL is installed");
                let server = LocalServer::start(programs, &Listen::Socket, &["max_connections=200"]).unwrap();
                (server.url("postgres"), Some(server))
            }
        };
        let database = migrations::connect(&database_url).await.unwrap();
        let demo_folder = Folder::open(folder.path()).unwrap();
        let demo = demo::start(&demo_folder, 0, database.clone()).await.unwrap();
        let authority = std::fs::read_to_string(folder.path().join("authority.pem")).unwrap();
        let trust = Trust::in_pem(&authority);
        let (platform, app_origin) = (demo.sites().platform_origin(), demo.sites().origin_of("hello-acme"));
        let mut cookies = Vec::new();
        for turn in 0..sign_ins * PEOPLE.len() {
            let client = Client::new(demo.running.https, &trust);
            sign_in(&client, &platform, PEOPLE[turn % PEOPLE.len()]).await;
            let page = client.visit(&format!("{app_origin}/")).await;
            assert_eq!(page.status, 200, "{}", page.text());
            cookies.push(client.cookie_header(&app_origin).expect("a session at the app's host"));
        }
        let upstream = App::start();
        let app = demo.seeded.apps["hello"].id;
        let world = Self {
            database,
            database_url,
            port: demo.running.https.port(),
            authority,
            app_host: format!("hello-acme.{}", demo::HOST),
            app,
            people: demo.seeded.people.iter().map(|(name, person)| (*name, person.id)).collect(),
            cookies,
            api_token: demo.description["apiToken"].as_str().unwrap().to_owned(),
            upstream,
            folder,
            _postgres: postgres,
        };
        demo.running.stop().await.unwrap();
        let address = format!("http://{}", world.upstream.address);
        let values = [address.into(), app.to_string().into()];
        world.execute("UPDATE apps SET upstream_url = $1 WHERE id = $2", values).await;
        world
    }

    /// Writes a configuration for the server with this number (from 0), each on a loopback address of its own, with more
    /// of the section `limits`, and more sections, at its end.
    pub fn configuration(
        &self,
        number: u8,
        admin_port: u16,
        extra: &str,
    ) -> (PathBuf, SocketAddr, SocketAddr) {
        let ip = Ipv4Addr::new(127, 0, 0, 1 + number);
        let (https, admin) = (SocketAddr::from((ip, self.port)), SocketAddr::from((ip, admin_port)));
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let text = format!(
            "[platform]\nhost = \"{host}\"\nbase_domain = \"{host}\"\npublic_port = {port}\n\
             [listen]\nhttps = \"{https}\"\nadmin = \"{admin}\"\n\
             [certificate]\nchain = \"{chain}\"\nkey = \"{key}\"\n\
             [database]\nurl = \"{url}\"\n\
             [secrets]\nmaster_key = {{ file = \"{master}\" }}\n\
             [upstreams]\nallowed_networks = [\"127.0.0.0/8\"]\n\
             [log]\nlevel = \"warn\"\n\
             [limits]\nproxies = []\n{extra}",
            host = demo::HOST,
            port = self.port,
            chain = file("server.pem"),
            key = file("server.key"),
            url = self.database_url,
            master = file("master.key"),
        );
        let path = self.folder.path().join(format!("vybe-{number}.toml"));
        std::fs::write(&path, text).unwrap();
        (path, https, admin)
    }

    /// Executes one statement with `$1`, `$2`, …
    pub async fn execute<const N: usize>(&self, sql: &str, values: [sea_orm::Value; N]) {
        let statement = Statement::from_sql_and_values(self.database.get_database_backend(), sql, values);
        self.database.execute_raw(statement).await.unwrap();
    }
}

/// As a person does: to the sign-in page, on to the provider, one button, back.
async fn sign_in(client: &Client, platform: &str, subject: &str) {
    let choice = client.visit(&format!("{platform}/login?return_to=%2F")).await;
    let here = choice.url.clone().unwrap();
    let mut fields: Vec<(String, String)> =
        here.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    fields.push(("user".to_owned(), subject.to_owned()));
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = client
        .request("POST", here.join("/authorize").unwrap().as_str())
        .header("origin", &here.origin().ascii_serialization())
        .form(&fields)
        .send()
        .await;
    let page = client.follow(answer).await;
    assert_eq!(page.status, 200, "{}", page.text());
}
