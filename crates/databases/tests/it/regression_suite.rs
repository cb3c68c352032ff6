//! PostgreSQL's own regression suite through a read-only database: what reads is answered, and nothing changes.
//!
//! `cargo xtask soak read-only` fetches the suite of the installed version and runs this.

mod script;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cryptography::SecretBytes;
use databases::{Caller, Credentials, Database, Engine, Limits, Query, QueryError, Target, Tls, open};
use futures_util::StreamExt as _;
use local_postgres::{Listen, LocalServer, Programs, Protection};
use outbound::AddressPolicy;
use query_guard::{Language, Mode, check};
use tokio_postgres::{Client, NoTls};

/// Where the suite is: the folder that has `sql`, `data` and `parallel_schedule`.
const FOLDER: &str = "VYBE_REGRESSION_SUITE";
const PASSWORD: &str = "a password of this run only";
const DATABASE: &str = "regression";
/// The longest that one statement may take, in the suite as here.
const PATIENCE: Duration = Duration::from_secs(20);

/// The suite's scripts in the order of its schedule.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let schedule = std::fs::read_to_string(folder.join("parallel_schedule")).expect("the suite's schedule");
    let names =
        schedule.lines().filter_map(|line| line.strip_prefix("test:")).flat_map(str::split_whitespace);
    // Tablespaces need a folder that the suite's own driver makes.
    names.filter(|name| *name != "tablespace").map(|name| folder.join(format!("sql/{name}.sql"))).collect()
}

struct House {
    server: LocalServer,
    port: u16,
    folder: PathBuf,
    read_only: Arc<dyn Database>,
}

impl House {
    fn start(folder: PathBuf) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let listen = Listen::Loopback(port, Protection { password: PASSWORD.to_owned(), certificate: None });
        let programs = Programs::find().expect("PostgreSQL is installed");
        let settings = ["max_connections=100", "fsync=off", "max_prepared_transactions=2"];
        let server = LocalServer::start(programs, &listen, &settings).unwrap();
        server
            .execute("postgres", &format!("CREATE DATABASE {DATABASE} TEMPLATE template0 LOCALE 'C'"))
            .unwrap();
        let target = Target {
            engine: Engine::Postgresql,
            host: "127.0.0.1".parse().unwrap(),
            port,
            database: DATABASE.to_owned(),
            user: "postgres".to_owned(),
            tls: Tls::Off,
            route: None,
            read_only: true,
            limits: Limits {
                most_rows: 10_000_000,
                most_bytes: 1 << 30,
                most_milliseconds: 20_000,
                most_sessions: 4,
            },
        };
        let policy = Arc::new(AddressPolicy::new(vec!["127.0.0.0/8".parse().unwrap()]));
        let credentials = Credentials { password: SecretBytes::copy_of(PASSWORD.as_bytes()) };
        let read_only = open(&target, credentials, policy).unwrap();
        Self { server, port, folder, read_only }
    }

    /// As the suite's driver does, except that its compiled functions are not there.
    fn run_script(&self, script: &Path) {
        let mut psql = Command::new("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--set=HIDE_TABLEAM=on",
            "--set=HIDE_TOAST_COMPRESSION=on",
            "--file",
        ])
        .arg(script)
        .current_dir(&self.folder)
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", self.port.to_string())
        .env("PGUSER", "postgres")
        .env("PGPASSWORD", PASSWORD)
        .env("PGDATABASE", DATABASE)
        .env("PGTZ", "PST8PDT")
        .env("PGDATESTYLE", "Postgres, MDY")
        .env("PGOPTIONS", "-c intervalstyle=postgres_verbose -c statement_timeout=60s")
        .env("PG_ABS_SRCDIR", &self.folder)
        .env("PG_ABS_BUILDDIR", &self.folder)
        .env("PG_LIBDIR", "/nowhere")
        .env("PG_DLSUFFIX", ".so")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
        psql.status().expect("psql runs");
    }

    /// A session that asks the database itself, with the time zone and styles of the gateway's.
    async fn direct(&self) -> Client {
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(self.port).user("postgres").password(PASSWORD).dbname(DATABASE);
        config.options("-c TimeZone=UTC -c statement_timeout=20s");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// What the gateway makes of a statement.
    async fn through(&self, sql: &str) -> Result<(), String> {
        let statement = check(Language::Postgresql, Mode::ReadOnly, sql)
            .map_err(|refusal| format!("guard: {}: {}", refusal.reason.as_str(), refusal.detail))?;
        let query =
            Query { statement, parameters: Vec::new(), timeout: PATIENCE, caller: Caller::new("soak") };
        let failed = |error: QueryError| format!("database: {error}");
        let mut rows = self.read_only.run(query).await.map_err(failed)?;
        while let Some(piece) = rows.next().await {
            piece.map_err(failed)?;
        }
        Ok(())
    }

    /// Everything that a dump knows: schemas, rows, sequences, large objects, privileges, roles.
    fn fingerprint(&self) -> Vec<u8> {
        let mut dump = self.server.dump(DATABASE).unwrap();
        let globals = Command::new("pg_dumpall")
            .arg("--globals-only")
            .env("PGHOST", "127.0.0.1")
            .env("PGPORT", self.port.to_string())
            .env("PGUSER", "postgres")
            .env("PGPASSWORD", PASSWORD)
            .output()
            .expect("pg_dumpall runs");
        assert!(globals.status.success(), "{}", String::from_utf8_lossy(&globals.stderr));
        dump.extend(globals.stdout);
        // A dump begins and ends with a word of chance, so that `psql` takes no command out of it.
        let lines = dump.split_inclusive(|byte| *byte == b'\n');
        let lasting = |line: &&[u8]| !line.starts_with(b"\\restrict") && !line.starts_with(b"\\unrestrict");
        lines.filter(lasting).flatten().copied().collect()
    }
}

/// Functions of PostgreSQL's own that it calls volatile: they have effects, or another result at each call.
async fn volatile_functions(client: &Client) -> BTreeSet<String> {
    let sql = "SELECT DISTINCT proname::text FROM pg_proc WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Whether a statement calls one of them, as far as its words say.
fn calls_one_of(statement: &str, functions: &BTreeSet<String>) -> bool {
    let lower = statement.to_lowercase();
    let called = lower.match_indices('(').map(|(at, _)| lower[..at].trim_end());
    let word = |text: &str| {
        let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        text[start..].to_owned()
    };
    called.map(word).any(|name| functions.contains(&name))
}

/// Whether it begins as a question.
fn is_select(statement: &str) -> bool {
    let first: String = statement.chars().take_while(char::is_ascii_alphabetic).collect();
    matches!(first.to_ascii_uppercase().as_str(), "SELECT" | "VALUES" | "TABLE" | "WITH")
}

/// Whether it succeeds when the database is asked itself, in a read-only transaction that is rolled back.
async fn succeeds_directly(direct: &mut Option<Client>, house: &House, statement: &str) -> bool {
    let client = match direct.take().filter(|client| !client.is_closed()) {
        Some(client) => client,
        None => house.direct().await,
    };
    let begun = client.batch_execute("ROLLBACK; BEGIN READ ONLY").await;
    let succeeded = begun.is_ok() && client.query(statement, &[]).await.is_ok();
    let _ = client.batch_execute("ROLLBACK; DISCARD ALL").await;
    *direct = Some(client);
    succeeded
}

#[test]
#[ignore = "needs PostgreSQL's source: `cargo xtask soak read-only` fetches it"]
fn d14_the_regression_suite_reads_through_and_changes_nothing() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).expect("the suite's folder"));
    test_support::run(async move {
        let house = House::start(folder.clone());
        let volatile = volatile_functions(&house.direct().await).await;
        let (mut asked, mut answered, mut direct) = ([0_usize; 2], [0_usize; 2], None);
        let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut all = Vec::new();
        for script in scripts(&folder) {
            house.run_script(&script);
            let text = String::from_utf8_lossy(&std::fs::read(&script).expect("a script")).into_owned();
            for statement in script::statements(&text) {
                if is_select(&statement) && succeeds_directly(&mut direct, &house, &statement).await {
                    let is_plain = usize::from(!calls_one_of(&statement, &volatile));
                    asked[is_plain] += 1;
                    match house.through(&statement).await {
                        Ok(()) => answered[is_plain] += 1,
                        Err(reason) => reasons.entry(reason).or_default().push(statement.clone()),
                    }
                }
                all.push(statement);
            }
        }
        for (reason, statements) in &reasons {
            println!("  {:5} {reason}\n        {}", statements.len(), statements[0].replace('\n', " "));
        }

        let before = house.fingerprint();
        let mut refused = 0;
        for statement in &all {
            refused += usize::from(house.through(statement).await.is_err());
        }
        let after = house.fingerprint();
        let share = |part: usize, whole: usize| {
            100.0 * f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole).unwrap())
        };
        let (all_asked, all_answered) = (asked[0] + asked[1], answered[0] + answered[1]);
        println!(
            "read-only: of the SELECTs that succeed directly in a read-only transaction, {} of {} plain ones are answered \
             ({:.2} %), {all_answered} of {all_asked} together with those that call volatile functions ({:.2} %); {} statements \
             of the suite tried, {refused} refused or failed, fingerprint of {} bytes {}",
            answered[1],
            asked[1],
            share(answered[1], asked[1]),
            share(all_answered, all_asked),
            all.len(),
            before.len(),
            if before == after { "unchanged" } else { "CHANGED" }
        );
        assert!(asked[1] > 5_000, "only {} statements succeed directly: the suite did not run", asked[1]);
        assert!(before == after, "something changed");
        assert!(answered[1] * 100 >= asked[1] * 99, "too few are answered");
    });
}
