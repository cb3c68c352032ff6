//! Opening a store the one right way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    DatabaseBackend, DatabaseConnection, RuntimeErr, SqlxPostgresConnector, SqlxSqliteConnector, Statement,
};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions as _, Connection as _};

/// How long a request waits for a connection before it is told that the store is not available.
pub const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long SQLite waits for another writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait before a file that was busy is opened again.
const BUSY_RETRY: Duration = Duration::from_millis(20);

/// Readers do not wait for each other in WAL mode; more connections than this only cost memory.
const SQLITE_CONNECTIONS: u32 = 8;

/// Leaves room for several replicas under PostgreSQL's default of 100.
const POSTGRES_CONNECTIONS: u32 = 20;

/// A store that could not be opened. Never shows a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address names neither SQLite nor PostgreSQL.
    #[error(
        "the database address must be a file path, `sqlite:<path>` or `postgres://user@host/database`; \
         `{scheme}` is none of them"
    )]
    Scheme {
        /// What stands before the colon.
        scheme: String,
    },
    /// The address is not well formed.
    #[error("the database address cannot be read: {reason}")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// The SQLite file cannot be opened.
    #[error("the SQLite file {} cannot be opened: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// The folder of the SQLite file is missing, or the file cannot be made.
    #[error("the SQLite file {} cannot be made: {source}", path.display())]
    SqliteFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// PostgreSQL does not answer or refuses.
    #[error("PostgreSQL at {server}, database `{database}`, user `{user}`: {source}")]
    Postgres {
        /// Host and port, or the socket's folder.
        server: String,
        /// The database asked for.
        database: String,
        /// The user asked as.
        user: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// PostgreSQL does not answer in time.
    #[error(
        "PostgreSQL at {server} did not answer within {} seconds",
        ACQUIRE_TIMEOUT.as_secs()
    )]
    PostgresSilent {
        /// Host and port, or the socket's folder.
        server: String,
    },
}

/// Opens the store at this address: `sqlite:<path>` or a plain path (made when missing), or
/// `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`.
///
/// Without `sslmode`, a PostgreSQL server that is neither a socket nor on loopback must prove its name with
/// a certificate: clear text over a network is only used when the address says `sslmode=disable`.
///
/// # Errors
/// The address is not understood, or the store cannot be opened; the message says which and why.
pub async fn connect(url: &str) -> Result<DatabaseConnection, ConnectError> {
    match url.split_once(':') {
        Some(("postgres" | "postgresql", _)) => connect_postgres(url).await,
        Some(("sqlite", rest)) => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            connect_sqlite(Path::new(path.split('?').next().unwrap_or(path))).await
        }
        Some((scheme, _)) if !scheme.contains('/') => Err(ConnectError::Scheme { scheme: scheme.to_owned() }),
        _ => connect_sqlite(Path::new(url)).await,
    }
}

async fn connect_sqlite(path: &Path) -> Result<DatabaseConnection, ConnectError> {
    if path.as_os_str().is_empty() || path.as_os_str() == ":memory:" {
        return Err(ConnectError::Address { reason: "SQLite needs the path of a file".to_owned() });
    }
    make_private_file(path).map_err(|source| ConnectError::SqliteFile { path: path.to_owned(), source })?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        // What is deleted is overwritten with zeros (<https://www.sqlite.org/pragma.html#pragma_secure_delete>).
        .pragma("secure_delete", "ON")
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let failed = |source| ConnectError::Sqlite { path: path.to_owned(), source };
    // Kept until the pool has a connection of its own, so that nobody finds the file closed in between.
    let first = open_first(&options).await.map_err(failed)?;
    let pool = SqlitePoolOptions::new()
        .max_connections(SQLITE_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // Closing the last connection would fold the journal back at every pause.
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(has_no_transaction(connection)))
        .connect_with(options)
        .await
        .map_err(failed)?;
    first.close().await.map_err(failed)?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}

/// Whether a connection that comes back has no transaction that anybody still counts. A disk that is full makes SQLite roll
/// back by itself; the rollback that follows then fails, and is counted as not having happened. The next transaction on that
/// connection would be a savepoint, and after one more failure one inside a transaction that nobody ever commits: what was
/// acknowledged in it would be lost. Such a connection is closed.
async fn has_no_transaction(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if !connection.is_in_transaction() {
        return Ok(true);
    }
    // The rollback of a transaction that was dropped is done before whatever is asked next.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// The first connection turns the journal on. SQLite answers "busy" at once, whatever the busy timeout,
/// to two that do so together and while the last user of the file is closing it
/// (<https://www.sqlite.org/wal.html>, section 2.5), so that is asked again.
async fn open_first(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let deadline = tokio::time::Instant::now() + BUSY_TIMEOUT;
    loop {
        match options.connect().await {
            Err(error) if is_busy(&error) && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(BUSY_RETRY).await;
            }
            opened => return opened,
        }
    }
}

/// SQLITE_BUSY and its extended codes, which share the lowest byte
/// (<https://www.sqlite.org/rescode.html#busy>).
fn is_busy(error: &sqlx::Error) -> bool {
    const SQLITE_BUSY: u32 = 5;
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// Makes the file readable by its owner only, before SQLite does; its journal files get the same mode.
fn make_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

async fn connect_postgres(url: &str) -> Result<DatabaseConnection, ConnectError> {
    let mut options: PgConnectOptions =
        url.parse().map_err(|_| ConnectError::Address { reason: unreadable(url) })?;
    options = options.disable_statement_logging();
    let local = options.get_socket().is_some() || is_loopback(options.get_host());
    if !local && !url.contains("sslmode=") && !url.contains("ssl-mode=") {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    if options.get_application_name().is_none() {
        options = options.application_name("vybe");
    }
    let server = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    // The pool repeats a refused connection until its time is up and then says only that the time is up;
    // one connection of our own says what is wrong.
    match tokio::time::timeout(ACQUIRE_TIMEOUT, options.connect()).await {
        Err(_) => return Err(ConnectError::PostgresSilent { server }),
        Ok(Err(source)) => {
            return Err(ConnectError::Postgres {
                server,
                database: options.get_database().unwrap_or_default().to_owned(),
                user: options.get_username().to_owned(),
                source,
            });
        }
        Ok(Ok(connection)) => drop(connection.close().await),
    }
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(Duration::from_secs(300))
        .max_lifetime(Duration::from_secs(1800))
        .connect_lazy_with(options);
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

/// The driver's own message may repeat parts of the address, so it is not passed on.
fn unreadable(url: &str) -> String {
    let hint = if url.matches('@').count() > 1 {
        "; a `@`, `:`, `/` or `?` in the password must be percent-encoded"
    } else {
        ""
    };
    format!("expected postgres://user:password@host:port/database{hint}")
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Moves SQLite's journal into the database file and empties it, so that it keeps nothing of what was overwritten
/// (<https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>). Answers false when somebody was still reading what
/// was there before. PostgreSQL keeps no such file that we could empty: true.
///
/// # Errors
/// The store is not available.
pub async fn empty_journal(database: &DatabaseConnection) -> Result<bool, DbErr> {
    let backend = database.get_database_backend();
    if backend != DatabaseBackend::Sqlite {
        return Ok(true);
    }
    let checkpoint = Statement::from_string(backend, "PRAGMA wal_checkpoint(TRUNCATE)");
    match database.query_one_raw(checkpoint).await? {
        Some(row) => Ok(row.try_get_by_index::<i32>(0)? == 0),
        None => Ok(false),
    }
}

/// An empty store of this process alone, in memory, that ends with it: to see what schema migrations make.
///
/// # Errors
/// SQLite does not open.
pub async fn in_memory() -> Result<DatabaseConnection, DbErr> {
    let options = SqliteConnectOptions::new().in_memory(true).foreign_keys(true).disable_statement_logging();
    // A second connection would have a store of its own.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))?;
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(pool))
}
