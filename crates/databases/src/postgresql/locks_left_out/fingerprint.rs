//! Everything of a database and its server that an attempt could change, as one text.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use local_postgres::LocalServer;
use tokio_postgres::{Client, Config, SimpleQueryMessage};

/// Catalogues of the database and of the server, whole.
const CATALOGUES: [&str; 46] = [
    "pg_aggregate",
    "pg_am",
    "pg_attrdef",
    "pg_attribute",
    "pg_auth_members",
    "pg_authid",
    "pg_cast",
    "pg_class",
    "pg_collation",
    "pg_constraint",
    "pg_conversion",
    "pg_database",
    "pg_db_role_setting",
    "pg_default_acl",
    "pg_description",
    "pg_enum",
    "pg_event_trigger",
    "pg_extension",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_foreign_table",
    "pg_index",
    "pg_inherits",
    "pg_language",
    "pg_largeobject",
    "pg_largeobject_metadata",
    "pg_namespace",
    "pg_operator",
    "pg_partitioned_table",
    "pg_policy",
    "pg_proc",
    "pg_publication",
    "pg_publication_rel",
    "pg_replication_origin",
    "pg_rewrite",
    "pg_seclabel",
    "pg_sequence",
    "pg_shdescription",
    "pg_statistic",
    "pg_statistic_ext",
    "pg_subscription",
    "pg_tablespace",
    "pg_trigger",
    "pg_ts_config",
    "pg_type",
    "pg_user_mapping",
];

/// The rows of all tables.
const ROWS: &str = "SELECT md5(table_to_xml(c.oid::regclass, true, true, '')::text), c.oid::regclass FROM pg_class c \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY c.oid";
const SEQUENCES: &str = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2";

/// What is in no table: locks of sessions, settings of the server, slots.
const STATE: [&str; 6] = [
    "SELECT locktype, classid, objid FROM pg_locks WHERE locktype = 'advisory'",
    "SELECT gid FROM pg_prepared_xacts",
    "SELECT slot_name FROM pg_replication_slots",
    "SELECT name, setting, source, pending_restart FROM pg_settings ORDER BY 1",
    "SELECT name, setting FROM pg_file_settings ORDER BY 1",
    "SELECT pg_conf_load_time()",
];

pub(crate) struct Watcher {
    config: Config,
    folder: PathBuf,
    client: Client,
    heard: Arc<AtomicUsize>,
    missed: usize,
    lost: usize,
    /// How far the write-ahead log was, and what was in rows and catalogues then.
    written: (String, String),
}

impl Watcher {
    pub(super) async fn new(config: Config, folder: PathBuf) -> Self {
        let (client, heard) = super::connect(&config).await;
        let mut watcher =
            Self { config, folder, client, heard, missed: 0, lost: 0, written: Default::default() };
        watcher.listen().await;
        watcher
    }

    async fn listen(&mut self) {
        self.client.batch_execute("LISTEN probe").await.unwrap();
    }

    /// Notifications that came.
    pub(super) fn heard(&self) -> usize {
        self.missed + self.heard.load(Ordering::Relaxed)
    }

    /// Everything, as text.
    pub(crate) async fn fingerprint(&mut self) -> String {
        if self.client.simple_query("SELECT 1").await.is_err() {
            // Somebody ended this session.
            self.missed = self.heard();
            self.lost += 1;
            (self.client, self.heard) = super::connect(&self.config).await;
            self.listen().await;
        }
        let mut text = format!("sessions ended: {}\nnotifications: {}\n", self.lost, self.heard());
        // Nothing gets into a table or a catalogue without a trace in the log.
        let written = self.ask("SELECT pg_current_wal_insert_lsn()").await;
        if self.written.0 != written {
            let query = |catalogue: &str| {
                format!(
                    "SELECT '{catalogue}', md5(string_agg(t::text, E'\\n' ORDER BY t::text)) FROM pg_catalog.{catalogue} t;"
                )
            };
            let catalogues = CATALOGUES.map(query).concat();
            let rows = format!("{catalogues}{ROWS};{SEQUENCES}");
            self.written = (written, self.ask(&rows).await);
        }
        let (rows, state) = (&self.written.1, self.ask(&STATE.join(";")).await);
        writeln!(text, "{rows}\n{state}").unwrap();
        for folder in [self.folder.join("data"), self.folder.join("data/pg_tblspc"), self.folder.clone()] {
            writeln!(text, "{}", names(&folder, |name| !name.starts_with("pgsql_tmp"))).unwrap();
        }
        writeln!(text, "{}", names(Path::new("/tmp"), |name| name.starts_with("probe"))).unwrap();
        for file in ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"] {
            let content = std::fs::read_to_string(self.folder.join("data").join(file)).unwrap();
            writeln!(text, "{file}: {}", content.len()).unwrap();
        }
        text
    }

    /// Takes back what an attempt left behind, as far as the next one would stumble over it.
    pub(super) async fn clear(&mut self) {
        let _ = self.client.simple_query("ROLLBACK PREPARED 'a'").await;
        for name in names(Path::new("/tmp"), |name| name.starts_with("probe")).split_whitespace() {
            let _ = std::fs::remove_file(Path::new("/tmp").join(name));
        }
    }

    /// The same, once no other session is left.
    pub(super) async fn alone(&mut self) -> String {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        for _ in 0..600 {
            if self.client.simple_query("SELECT 1").await.is_ok() && self.ask(others).await == "0" {
                return self.fingerprint().await;
            }
            self.fingerprint().await;
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("sessions do not end")
    }

    async fn ask(&self, query: &str) -> String {
        let messages = self.client.simple_query(query).await.unwrap();
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(
                (0..row.len()).map(|column| row.get(column).unwrap_or("NULL")).collect::<Vec<_>>().join(" "),
            ),
            _ => None,
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    /// What `pg_dump` writes, but for the random word that newer ones begin and end with.
    pub(super) fn dump(&self, server: &LocalServer, database: &str) -> String {
        let dump = String::from_utf8_lossy(&server.dump(database).unwrap()).into_owned();
        dump.lines().filter(|line| !line.contains("restrict ")).collect::<Vec<_>>().join("\n")
    }
}

/// The names in a folder.
fn names(folder: &Path, wanted: impl Fn(&str) -> bool) -> String {
    let names = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| wanted(name));
    names.sort();
    names.join(" ")
}
