//! A store of a test's own.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseConnection, Statement};

use crate::PostgresServer;

/// The address of a PostgreSQL server shared by all test binaries of a run; without it each starts its own.
pub const SHARED_SERVER: &str = "VYBE_TEST_POSTGRES";

/// The database that every test's own is copied from.
const TEMPLATE: &str = "vybe_template";

/// Any number: test processes that share a server take turns to make the template.
const TEMPLATE_LOCK: i64 = 0x7465_6d70;

/// An empty store with the whole schema, gone when dropped.
#[derive(Debug)]
pub struct TestDatabase {
    connection: DatabaseConnection,
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Sqlite(tempfile::TempDir),
    Postgres { server: String, name: String },
}

impl TestDatabase {
    /// A file in a temporary folder.
    ///
    /// # Panics
    /// It cannot be made.
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", folder.path().join("vybe.sqlite").display());
        let connection = migrations::connect(&url).await.expect("SQLite opens");
        migrations::migrate(&connection).await.expect("the schema on SQLite");
        Self { connection, url, place: Place::Sqlite(folder) }
    }

    /// A database of its own on a real server, copied from a template.
    ///
    /// # Panics
    /// No PostgreSQL is installed, or it does not start.
    pub async fn postgres() -> Self {
        let server = shared_server().await;
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{}_{number}", std::process::id());
        let administration = administration(&server).await;
        administration
            .execute_unprepared(&format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
            .await
            .expect("a database for this test");
        administration.close().await.expect("closed");
        let url = address(&server, &name);
        let connection = migrations::connect(&url).await.expect("PostgreSQL opens");
        Self { connection, url, place: Place::Postgres { server, name } }
    }

    /// A database of its own on a server of the test's own, which it may stop and start.
    ///
    /// # Panics
    /// The server does not answer.
    pub async fn on(server: &PostgresServer) -> Self {
        let (server, name) = (server.url("postgres"), "of_its_own".to_owned());
        let administration = administration(&server).await;
        administration
            .execute_unprepared(&format!("CREATE DATABASE {name}"))
            .await
            .expect("a database for this test");
        administration.close().await.expect("closed");
        let url = address(&server, &name);
        let connection = migrations::connect(&url).await.expect("PostgreSQL opens");
        migrations::migrate(&connection).await.expect("the schema on PostgreSQL");
        Self { connection, url, place: Place::Postgres { server, name } }
    }

    /// The open store.
    #[must_use]
    pub fn connection(&self) -> &DatabaseConnection {
        &self.connection
    }

    /// The address that [`migrations::connect`] and the configuration understand.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of the database's file and of those that SQLite puts beside it; none on PostgreSQL.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Sqlite(folder) => Some(folder.path()),
            Place::Postgres { .. } => None,
        }
    }

    /// Which store this is.
    #[must_use]
    pub fn backend(&self) -> DatabaseBackend {
        self.connection.get_database_backend()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let Place::Postgres { server, name } = &self.place else { return };
        let (server, name) = (server.clone(), name.clone());
        // A thread of its own, because drop may run inside a runtime, where nothing can be waited for.
        let dropping = std::thread::spawn(move || {
            run(async {
                if let Ok(connection) = migrations::connect(&server).await {
                    let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                    let _ = connection.execute_unprepared(&sql).await;
                    let _ = connection.close().await;
                }
            });
        });
        let _ = dropping.join();
    }
}

/// Runs a test body on a runtime like the server's: several threads, time and network.
///
/// # Panics
/// No runtime can be made.
pub fn run<F: Future>(body: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(body)
}

/// The server's address, with the template made.
async fn shared_server() -> String {
    static SERVER: OnceLock<(String, Option<PostgresServer>)> = OnceLock::new();
    static TEMPLATE_MADE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    let (url, _) = SERVER.get_or_init(|| match std::env::var(SHARED_SERVER) {
        Ok(url) => (url, None),
        Err(_) => {
            let server = PostgresServer::start();
            (server.url("postgres"), Some(server))
        }
    });
    TEMPLATE_MADE.get_or_init(|| make_template(url)).await;
    url.clone()
}

async fn make_template(server: &str) {
    let administration = administration(server).await;
    let lock = format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})");
    administration.execute_unprepared(&lock).await.expect("the template's lock");
    let exists = Statement::from_string(
        DatabaseBackend::Postgres,
        format!("SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}'"),
    );
    if administration.query_one_raw(exists).await.expect("the list of databases").is_none() {
        let unfinished = format!("{TEMPLATE}_unfinished");
        for sql in [format!("DROP DATABASE IF EXISTS {unfinished}"), format!("CREATE DATABASE {unfinished}")]
        {
            administration.execute_unprepared(&sql).await.expect("the template");
        }
        let template = migrations::connect(&address(server, &unfinished)).await.expect("the template opens");
        migrations::migrate(&template).await.expect("the schema on PostgreSQL");
        template.close().await.expect("the template closes");
        administration
            .execute_unprepared(&format!("ALTER DATABASE {unfinished} RENAME TO {TEMPLATE}"))
            .await
            .expect("the template is named");
    }
    // Ends the session and with it the lock.
    administration.close().await.expect("closed");
}

/// One connection to the server's own database: advisory locks belong to a session.
async fn administration(server: &str) -> DatabaseConnection {
    let mut options = sea_orm::ConnectOptions::new(server);
    options.max_connections(1).sqlx_logging(false);
    sea_orm::Database::connect(options).await.expect("the test server answers")
}

/// The same server, another database.
fn address(server: &str, database: &str) -> String {
    let (before, options) = server.split_once('?').unwrap_or((server, ""));
    let (host, _) = before.rsplit_once('/').unwrap_or((before, ""));
    format!("{host}/{database}?{options}")
}

/// Writes one test that runs on SQLite and on PostgreSQL:
///
/// ```
/// test_support::on_both_stores! {
///     async fn a_store_starts_empty(database: test_support::TestDatabase) {
///         assert!(database.connection().ping().await.is_ok());
///     }
/// }
/// ```
#[macro_export]
macro_rules! on_both_stores {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: $type:ty) $body:block)*) => {
        $(
            $(#[$attribute])*
            mod $name {
                #[allow(unused_imports, reason = "a body need not name anything from outside")]
                use super::*;

                async fn body($database: $type) $body

                #[test]
                fn on_sqlite() {
                    $crate::run(async { body($crate::TestDatabase::sqlite().await).await });
                }

                #[test]
                fn on_postgres() {
                    $crate::run(async { body($crate::TestDatabase::postgres().await).await });
                }
            }
        )*
    };
}
