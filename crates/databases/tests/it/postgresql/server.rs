//! One server for all tests of this binary, and a database for each.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use cryptography::SecretBytes;
use databases::{Caller, Credentials, Database, Engine, Limits, Query, QueryError, Rows, Target, Tls};
use futures_util::StreamExt as _;
use local_postgres::{Certificate, Listen, LocalServer, Programs, Protection};
use outbound::AddressPolicy;
use query_guard::{Language, Mode};
use serde_json::Value;
use test_support::Authority;

pub const PASSWORD: &str = "p@ss#wo?rd/ :&=%'\"\\";

pub struct Server {
    pub local: LocalServer,
    pub port: u16,
    pub authority: Authority,
}

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);
static DATABASES: AtomicU32 = AtomicU32::new(0);

impl Server {
    pub fn start() -> Self {
        let authority = Authority::new();
        let own = authority.certificate_for(&["localhost"]);
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let protection = Protection {
            password: PASSWORD.to_owned(),
            certificate: Some(Certificate { chain: own.certificate, key: own.key }),
        };
        let settings = ["max_connections=300", "shared_buffers=64MB", "fsync=off", "full_page_writes=off"];
        let programs = Programs::find().expect("PostgreSQL is installed: `cargo xtask test` installs it");
        let local = LocalServer::start(programs, &Listen::Loopback(port, protection), &settings).unwrap();
        Self { local, port, authority }
    }

    /// One of its databases, as its superuser, on which nothing is limited much.
    pub fn target(&self, database: &str) -> Target {
        Target {
            engine: Engine::Postgresql,
            host: "localhost".parse().unwrap(),
            port: self.port,
            database: database.to_owned(),
            user: "postgres".to_owned(),
            tls: Tls::Off,
            route: None,
            read_only: true,
            limits: Limits { most_sessions: 4, ..Limits::default() },
        }
    }
}

/// The server of this binary.
pub fn server() -> &'static Server {
    &SERVER
}

/// A new database on it, in which these statements were run.
pub fn database(statements: &str) -> String {
    let name = format!("d{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    server().local.execute("postgres", &format!("CREATE DATABASE {name}")).unwrap();
    if !statements.is_empty() {
        server().local.execute(&name, statements).unwrap();
    }
    name
}

pub fn policy() -> Arc<AddressPolicy> {
    let networks = ["127.0.0.0/8", "::1/128"];
    Arc::new(AddressPolicy::new(networks.iter().map(|network| network.parse().unwrap()).collect()))
}

pub fn credentials() -> Credentials {
    Credentials { password: SecretBytes::copy_of(PASSWORD.as_bytes()) }
}

pub fn open(target: &Target) -> Arc<dyn Database> {
    databases::open(target, credentials(), policy()).unwrap()
}

/// Two ways into a new database: one that only reads, and one that writes.
pub fn both(statements: &str) -> (Arc<dyn Database>, Arc<dyn Database>) {
    let target = server().target(&database(statements));
    (open(&target), open(&Target { read_only: false, ..target }))
}

pub fn query(mode: Mode, sql: &str, parameters: &[Value]) -> Query {
    Query {
        statement: query_guard::check(Language::Postgresql, mode, sql)
            .unwrap_or_else(|refusal| panic!("{sql}: {refusal:?}")),
        parameters: parameters.to_vec(),
        timeout: Duration::from_secs(60),
        caller: Caller::new("vybe app=test user=somebody"),
    }
}

/// The whole answer, as text.
pub async fn text(mut rows: Rows) -> Result<String, QueryError> {
    let mut bytes = Vec::new();
    while let Some(piece) = rows.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(String::from_utf8(bytes).unwrap())
}

/// Asks what only reads.
pub async fn read(database: &dyn Database, sql: &str, parameters: &[Value]) -> Result<String, QueryError> {
    text(database.run(query(Mode::ReadOnly, sql, parameters)).await?).await
}

/// Asks what may write.
pub async fn write(database: &dyn Database, sql: &str, parameters: &[Value]) -> Result<String, QueryError> {
    text(database.run(query(Mode::ReadWrite, sql, parameters)).await?).await
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
