//! A platform with connections to real servers, which all tests of this binary share.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use local_postgres::{Listen, LocalServer, Programs, Protection};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::{Value, json};
use test_support::{MariaServer, RawConnection, Response, TestDatabase};

use crate::platform::{Browser, Platform};

const PASSWORD: &str = "correct-horse-battery-staple";

/// How long to wait for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(60);

struct Postgres {
    local: LocalServer,
    port: u16,
}

static POSTGRES: LazyLock<Postgres> = LazyLock::new(|| {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let protection = Protection { password: PASSWORD.to_owned(), certificate: None };
    let settings = ["max_connections=300", "shared_buffers=64MB", "fsync=off", "full_page_writes=off"];
    let programs = Programs::find().expect("PostgreSQL is installed: `cargo xtask test` installs it");
    let local = LocalServer::start(programs, &Listen::Loopback(port, protection), &settings).unwrap();
    Postgres { local, port }
});
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A database of a test's own on the shared PostgreSQL server.
pub struct CustomerDatabase {
    pub name: String,
    administration: DatabaseConnection,
}

impl CustomerDatabase {
    pub async fn new(statements: &str) -> Self {
        let name = format!("customer_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        POSTGRES.local.execute("postgres", &format!("CREATE DATABASE {name}")).unwrap();
        POSTGRES.local.execute(&name, statements).unwrap();
        let administration = sea_orm::Database::connect(POSTGRES.local.url("postgres")).await.unwrap();
        Self { name, administration }
    }

    /// A session of its owner's.
    pub async fn connect(&self) -> OwnersSession {
        OwnersSession(sea_orm::Database::connect(POSTGRES.local.url(&self.name)).await.unwrap())
    }

    /// What the server says of its sessions with this database: `application_name`, state and statement.
    pub async fn sessions(&self) -> Vec<(String, String, String)> {
        let sql = "SELECT application_name, coalesce(state, '') AS state, query FROM pg_stat_activity \
                   WHERE datname = $1 ORDER BY pid";
        let backend = self.administration.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, sql, [self.name.as_str().into()]);
        let rows = self.administration.query_all_raw(statement).await.unwrap();
        let text = |row: &sea_orm::QueryResult, column: &str| row.try_get::<String>("", column).unwrap();
        rows.iter()
            .map(|row| (text(row, "application_name"), text(row, "state"), text(row, "query")))
            .collect()
    }

    /// How many sessions run something whose text has this in it.
    pub async fn running(&self, marker: &str) -> usize {
        let sessions = self.sessions().await;
        sessions.iter().filter(|(_, state, sql)| state == "active" && sql.contains(marker)).count()
    }

    /// Waits until so many sessions run it.
    pub async fn until_running(&self, marker: &str, number: usize) {
        let began = std::time::Instant::now();
        loop {
            let running = self.running(marker).await;
            if running == number {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{running} sessions run {marker}, not {number}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A session that does what it is told.
#[derive(Clone)]
pub struct OwnersSession(DatabaseConnection);

impl OwnersSession {
    /// The first column of what a statement answers.
    pub async fn names(&self, sql: &str) -> Result<Vec<String>, String> {
        let rows = self.0.query_all_raw(Statement::from_string(self.0.get_database_backend(), sql)).await;
        let rows = rows.map_err(|error| error.to_string())?;
        rows.iter().map(|row| row.try_get_by_index(0).map_err(|error| error.to_string())).collect()
    }
}

/// A platform with people, apps and connections.
pub struct World {
    pub platform: Platform,
    pub editor: Browser,
}

impl World {
    pub async fn start(database: &TestDatabase) -> Self {
        let platform = Platform::start(database).await;
        let editor = platform.signed_in("editor").await;
        Self { platform, editor }
    }

    pub fn organization(&self) -> String {
        format!("/api/v1/organizations/{}", self.platform.demo.seeded.organization)
    }

    /// The path of a demo app's saved queries.
    pub fn data_queries(&self, app: &str) -> String {
        format!("/api/v1/apps/{}/data-queries", self.app_id(app))
    }

    pub fn app_id(&self, app: &str) -> String {
        self.platform.demo.seeded.apps[app].id.to_string()
    }

    /// Makes a connection; its identifier.
    pub async fn connect(&self, body: &Value) -> String {
        let path = format!("{}/database-connections", self.organization());
        let made = self.editor.call("POST", &path, Some(body)).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    }

    /// An external connection to a database of the PostgreSQL server.
    pub async fn postgresql(&self, name: &str, database: &CustomerDatabase, more: Value) -> String {
        self.connect(&external(name, "postgresql", database, more)).await
    }

    /// A statement of an app's server, as it writes it.
    pub async fn ask(&self, app: &str, path: &str, body: impl Into<Vec<u8>>) -> Response {
        let client = self.platform.browser().client;
        client
            .request("POST", &self.platform.url(path))
            .header("VYBE_SERVER_SECRET", self.platform.server_secret(app))
            .body("application/json", body)
            .send()
            .await
    }

    /// A statement on an external database, with the secret of the app `hello`.
    pub async fn query(&self, name: &str, sql: &str, params: Value) -> Response {
        let body = json!({ "name": name, "sql": sql, "params": params });
        self.ask("hello", "/api/external-databases/query", body.to_string()).await
    }

    /// The same with a longer timeout; answers the open connection and reads nothing.
    pub async fn begin(&self, name: &str, sql: &str, timeout: u32) -> RawConnection {
        self.begin_as("hello", name, sql, timeout).await
    }

    pub async fn begin_as(&self, app: &str, name: &str, sql: &str, timeout: u32) -> RawConnection {
        let body = json!({ "name": name, "sql": sql, "params": [], "timeout": timeout }).to_string();
        let url = url::Url::parse(&self.platform.url("/api/external-databases/query")).unwrap();
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let secret = self.platform.server_secret(app);
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {host}\r\nVYBE_SERVER_SECRET: {secret}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            url.path(),
            body.len()
        );
        let mut connection = self.platform.browser().client.connect(url.as_str()).await;
        connection.send(request).await.unwrap();
        connection
    }

    /// A page of a demo app calls the platform, in somebody's browser.
    pub async fn as_page(&self, browser: &Browser, app: &str, path: &str, body: &Value) -> Response {
        let origin = self.platform.app_url(app, "");
        browser
            .client
            .request("POST", &self.platform.url(path))
            .header("sec-fetch-mode", "cors")
            .header("sec-fetch-site", "same-site")
            .header("origin", &origin)
            .json(body)
            .send()
            .await
    }

    /// The user token that a request of this person leaves with a demo app.
    pub async fn user_token(&self, browser: &Browser, app: &str) -> String {
        assert_eq!(browser.open(&self.platform.app_url(app, "/")).await.status, 200);
        let log = self.platform.access_log(app);
        log.last().unwrap().header("x-vybe-user-token").unwrap().to_owned()
    }

    /// Waits until the records of queries, newest first, are as wanted.
    pub async fn records_until(&self, query: &str, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let admin = self.platform.signed_in("admin").await;
        let began = std::time::Instant::now();
        loop {
            let answer =
                admin.call("GET", &format!("{}/query-records{query}", self.organization()), None).await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let records = answer.json()["queryRecords"].as_array().unwrap().clone();
            if wanted(&records) {
                return records;
            }
            assert!(began.elapsed() < PATIENCE, "{records:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// What describes a connection to the PostgreSQL server.
pub fn external(name: &str, engine: &str, database: &CustomerDatabase, more: Value) -> Value {
    let mut body = json!({
        "kind": "external",
        "name": name,
        "engine": engine,
        "host": "127.0.0.1",
        "port": POSTGRES.port,
        "database": database.name,
        "user": "postgres",
        "password": PASSWORD,
        "tls": { "mode": "off", "reason": "a server of this test on loopback" },
        "readOnly": false,
    });
    merge(&mut body, more);
    body
}

/// What describes a connection to a database of the MariaDB server.
pub fn mariadb(name: &str, database: &str) -> Value {
    json!({
        "kind": "external",
        "name": name,
        "engine": "mysql",
        "host": "127.0.0.1",
        "port": MariaServer::shared().port(),
        "database": database,
        "user": MariaServer::USER,
        "password": MariaServer::PASSWORD,
        "tls": { "mode": "off", "reason": "a server of this test on loopback" },
        "readOnly": false,
    })
}

fn merge(body: &mut Value, more: Value) {
    if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
        body.extend(more);
    }
}
