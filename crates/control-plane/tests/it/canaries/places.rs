//! Where planted values are looked for.

use sea_orm::ConnectionTrait as _;
use test_support::leaks::{Finding, Search};
use test_support::{PostgresServer, TestDatabase};

use super::heard::Heard;
use crate::installation::Installation;

/// A store whose files and logs can be read.
pub struct OpenStore {
    /// The store.
    pub database: TestDatabase,
    server: Option<PostgresServer>,
}

/// What was found in one place.
pub struct Looked {
    /// The place.
    pub place: &'static str,
    /// Planted values. There should be none.
    pub planted: Vec<Finding>,
    /// Whether the control is there: a value that is no secret, which this place holds.
    pub control: bool,
}

impl OpenStore {
    /// SQLite.
    pub async fn sqlite() -> Self {
        Self { database: TestDatabase::sqlite().await, server: None }
    }

    /// A PostgreSQL server that logs every statement with its parameters.
    pub async fn postgres() -> Self {
        let server = PostgresServer::start();
        let database = TestDatabase::on(&server).await;
        for setting in
            ["log_statement = 'all'", "log_parameter_max_length = -1", "log_min_messages = 'debug1'"]
        {
            let sql = format!("ALTER SYSTEM SET {setting}");
            database.connection().execute_unprepared(&sql).await.unwrap();
        }
        database.connection().execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
        Self { database, server: Some(server) }
    }

    /// The store's files, its log, and a backup of it.
    pub async fn looked(&self, search: &Search, control: &Search) -> Vec<Looked> {
        let of_folder = |place, folder| {
            let (planted, files) = search.folder(folder);
            assert!(files > 0, "{place}");
            Looked { place, planted, control: !control.folder(folder).0.is_empty() }
        };
        let of_bytes = |place, bytes: &[u8]| of_bytes(place, bytes, search, control);
        if let Some(server) = &self.server {
            let log = std::fs::read(server.folder().join("log")).unwrap();
            let mut all = vec![
                of_folder("PostgreSQL's data folder", &server.folder().join("data")),
                of_folder("PostgreSQL's write-ahead log", &server.folder().join("data/pg_wal")),
                of_bytes("PostgreSQL's log of every statement", &log),
            ];
            all.push(of_bytes("pg_dump", &server.dump("of_its_own")));
            return all;
        }
        let folder = self.database.folder().unwrap();
        let mut all = vec![of_folder("SQLite's files, its write-ahead log among them", folder)];
        let backup = tempfile::tempdir().unwrap();
        let copy = backup.path().join("backup.sqlite");
        let sql = format!("VACUUM INTO '{}'", copy.display());
        self.database.connection().execute_unprepared(&sql).await.unwrap();
        all.push(of_folder("a backup of SQLite", backup.path()));
        all
    }
}

pub fn of_bytes(place: &'static str, bytes: &[u8], search: &Search, control: &Search) -> Looked {
    Looked { place, planted: search.bytes(place, bytes), control: !control.bytes(place, bytes).is_empty() }
}

/// Looks everywhere but in memory. `control` finds what is no secret and stands in all these places.
pub async fn look_everywhere(
    store: &OpenStore,
    installation: &Installation,
    heard: &Heard,
    search: &Search,
    control: &Search,
) -> Vec<Looked> {
    let mut all = store.looked(search, control).await;
    all.push(of_bytes("the log at level trace", installation.log().as_bytes(), search, control));
    all.push(Looked {
        place: "answers, pages, exports, metrics",
        planted: heard.findings(search),
        control: !heard.findings(control).is_empty(),
    });
    // The configuration and the heads of the audit trail hold no names either.
    let (planted, _) = search.folder(installation.folder());
    all.push(Looked { place: "the platform's folder", planted, control: true });
    all
}
