//! What one borrower of a session leaves to the next one: nothing.

use std::sync::Arc;

use cryptography::SecretBytes;
use databases::{Credentials, Database, Limits, Target};

use query_guard::Mode;

use super::server::{both, database, open, policy, query, read, server, text, until, write};

/// Functions that do in a session whatever a function can do. The guard cannot know what they do.
const FUNCTIONS: &str = "
    CREATE TABLE items (id int); INSERT INTO items VALUES (1);
    CREATE ROLE other_{database};
    GRANT other_{database} TO postgres;
    CREATE FUNCTION does(statement text) RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE statement; RETURN 1; END $$;
    CREATE FUNCTION stops_at(statement text) RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN EXECUTE statement; RAISE EXCEPTION 'stopped'; END $$;
    CREATE FUNCTION moves_on() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('vybe.left', 'behind', false); RETURN NEW; END $$;
    CREATE TABLE watched (id int);
    CREATE TRIGGER watched BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION moves_on();
    CREATE VIEW sly AS SELECT set_config('vybe.left', 'behind', false) AS set;
    CREATE TABLE guarded (id int);
    INSERT INTO guarded VALUES (1);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
    CREATE POLICY sly ON guarded USING (set_config('vybe.left', 'behind', false) IS NOT NULL);
    CREATE SEQUENCE numbers;
";

/// What is left in a session, as somebody sees it who comes after.
const LEFT: &str = "SELECT current_user AS \"user\", session_user AS session, current_setting('search_path') AS path, \
    current_setting('vybe.left', true) AS setting, current_setting('statement_timeout') AS timeout, \
    current_setting('transaction_read_only') AS read_only, current_setting('TimeZone') AS zone, \
    (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks, \
    (SELECT count(*)::int FROM pg_prepared_statements WHERE from_sql) AS prepared, \
    (SELECT count(*)::int FROM pg_cursors WHERE name <> '') AS cursors, \
    (SELECT count(*)::int FROM pg_listening_channels()) AS channels, \
    (SELECT count(*)::int FROM pg_class WHERE relpersistence = 't' AND pg_table_is_visible(oid)) AS temporary";

/// Statements that leave something, as functions run them.
const LEAKS: [&str; 16] = [
    "SELECT set_config(''vybe.left'', ''behind'', false)",
    "SET search_path = pg_temp, public",
    "SET ROLE {role}",
    "SET SESSION AUTHORIZATION {role}",
    "SET statement_timeout = 1",
    "SET default_transaction_read_only = off",
    "SET TimeZone = ''Asia/Tokyo''",
    "SELECT pg_advisory_lock(7)",
    "SELECT pg_advisory_lock_shared(1, 2)",
    "SELECT pg_try_advisory_lock(8)",
    "LISTEN ears",
    "PREPARE mine AS SELECT 1",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "CREATE TEMP TABLE secrets AS SELECT 1",
    "CREATE TEMP TABLE items (id text)",
    "SELECT nextval(''numbers'')",
];

struct House {
    reader: Arc<dyn Database>,
    writer: Arc<dyn Database>,
    role: String,
}

impl House {
    fn new() -> Self {
        let name = database("");
        server().local.execute(&name, &FUNCTIONS.replace("{database}", &name)).unwrap();
        // One session for all: whoever comes next has the one that was used before.
        let limits = Limits { most_sessions: 1, ..Limits::default() };
        let target = Target { limits, ..server().target(&name) };
        let writer = open(&Target { read_only: false, ..target.clone() });
        Self { reader: open(&target), writer, role: format!("other_{name}") }
    }
}

/// What is left. A setting of one's own stays as a name without a value, which no reset of PostgreSQL removes.
async fn left(database: &dyn Database, mode: Mode) -> String {
    let rows = database.run(query(mode, LEFT, &[])).await.unwrap();
    text(rows).await.unwrap().replace("\"setting\":\"\"", "\"setting\":null")
}

#[tokio::test]
async fn d09_nothing_survives_in_a_session() {
    let house = House::new();
    let clean_reader = left(&*house.reader, Mode::ReadOnly).await;
    let clean_writer = left(&*house.writer, Mode::ReadWrite).await;
    assert!(clean_reader.contains("\"read_only\":\"on\"") && clean_writer.contains("\"read_only\":\"off\""));
    assert!(clean_reader.contains("\"setting\":null,\"timeout\":\"12min\""), "{clean_reader}");
    for leak in LEAKS {
        let leak = leak.replace("{role}", &house.role);
        for function in ["does", "stops_at"] {
            let sql = format!("SELECT {function}('{leak}')");
            // In a transaction that only reads, most of it fails. What counts is what is left.
            let _ = read(&*house.reader, &sql, &[]).await;
            assert_eq!(left(&*house.reader, Mode::ReadOnly).await, clean_reader, "{sql}");
            let done = write(&*house.writer, &sql, &[]).await;
            assert_eq!(done.is_ok(), function == "does", "{sql}: {done:?}");
            assert_eq!(left(&*house.writer, Mode::ReadWrite).await, clean_writer, "{sql}");
            assert!(house.reader.usage().open <= 1 && house.writer.usage().open <= 1);
        }
    }
}

#[tokio::test]
async fn d09_triggers_views_and_policies_leave_nothing_either() {
    let house = House::new();
    let setting = "SELECT coalesce(current_setting('vybe.left', true), '') AS setting";
    for sql in ["INSERT INTO watched VALUES (1)", "SELECT * FROM sly", "SELECT * FROM guarded"] {
        write(&*house.writer, sql, &[]).await.unwrap();
        assert_eq!(write(&*house.writer, setting, &[]).await.unwrap(), "[{\"setting\":\"\"}]", "{sql}");
    }
    for sql in ["SELECT * FROM sly", "SELECT * FROM guarded"] {
        read(&*house.reader, sql, &[]).await.unwrap();
        assert_eq!(read(&*house.reader, setting, &[]).await.unwrap(), "[{\"setting\":\"\"}]", "{sql}");
    }
}

/// A function can prepare a statement in SQL under a name of ours, or take ours away.
#[tokio::test]
async fn d09_statements_of_functions_are_never_taken_for_ours() {
    let house = House::new();
    let ours =
        "SELECT name FROM pg_prepared_statements WHERE NOT from_sql ORDER BY prepare_time DESC LIMIT 1";
    let sql = "SELECT id, 'ours' AS whose FROM items";
    let expected = "[{\"id\":1,\"whose\":\"ours\"}]";
    for _ in 0..3 {
        assert_eq!(write(&*house.writer, sql, &[]).await.unwrap(), expected);
        let name = write(&*house.writer, ours, &[]).await.unwrap();
        assert!(name.contains("\"s"), "{name}");
        let swap = "SELECT does('DEALLOCATE ALL'), does(format('PREPARE %I AS SELECT 2 AS id, ''theirs''', name)) \
            FROM (SELECT name FROM pg_prepared_statements WHERE NOT from_sql AND statement LIKE '%whose%') AS ours";
        let _ = write(&*house.writer, swap, &[]).await;
        assert_eq!(write(&*house.writer, sql, &[]).await.unwrap(), expected);
        let _ = write(&*house.writer, "SELECT does('DEALLOCATE ALL')", &[]).await;
        assert_eq!(write(&*house.writer, sql, &[]).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_table_that_changes_is_read_as_it_is() {
    let (reader, writer) = both("CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
    let sql = "SELECT * FROM items";
    assert_eq!(read(&*reader, sql, &[]).await.unwrap(), "[{\"id\":1}]");
    assert_eq!(read(&*reader, sql, &[]).await.unwrap(), "[{\"id\":1}]");
    write(&*writer, "ALTER TABLE items ADD COLUMN name text DEFAULT 'new'", &[]).await.unwrap();
    assert_eq!(read(&*reader, sql, &[]).await.unwrap(), "[{\"id\":1,\"name\":\"new\"}]");
    write(&*writer, "ALTER TABLE items DROP COLUMN id", &[]).await.unwrap();
    assert_eq!(read(&*reader, sql, &[]).await.unwrap(), "[{\"name\":\"new\"}]");
    assert_eq!(reader.usage().open, 1);
}

#[tokio::test]
async fn the_database_sees_who_asks() {
    let (reader, _) = both("");
    let sql = "SELECT current_setting('application_name') AS name";
    for _ in 0..2 {
        assert_eq!(read(&*reader, sql, &[]).await.unwrap(), "[{\"name\":\"vybe app=test user=somebody\"}]");
    }
}

#[tokio::test]
async fn read_only_holds_in_what_a_function_does() {
    let house = House::new();
    for what in ["INSERT INTO items VALUES (2)", "SET transaction_read_only = off", "CREATE TABLE made ()"] {
        let sql = format!("SELECT does('{what}'), does('INSERT INTO items VALUES (3)')");
        assert!(read(&*house.reader, &sql, &[]).await.is_err(), "{what}");
    }
    // What is off for the session is on for the transaction.
    let sql = "SELECT does('SET default_transaction_read_only = off'), does('INSERT INTO items VALUES (4)')";
    assert!(read(&*house.reader, sql, &[]).await.is_err());
    let count = "SELECT count(*)::int AS n FROM items";
    assert_eq!(read(&*house.reader, count, &[]).await.unwrap(), "[{\"n\":1}]");
    until("sessions come back", async || house.reader.usage().idle == house.reader.usage().open).await;
}

/// A database without a function of its own, in which reads are not reset after, unless something else runs code.
const QUIET: &str = "
    CREATE TABLE items (id int); INSERT INTO items VALUES (1);
    CREATE VIEW sly AS SELECT set_config('vybe.left', 'behind', false) AS set, pg_try_advisory_lock(7);
    CREATE MATERIALIZED VIEW stored AS SELECT 1 AS id;
    CREATE SCHEMA other; CREATE VIEW other.items AS SELECT * FROM sly;
    CREATE TABLE guarded (id int);
    INSERT INTO guarded VALUES (1);
    ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
    CREATE POLICY sly ON guarded USING (set_config('vybe.left', 'behind', false) IS NOT NULL);
    CREATE ROLE {role} LOGIN PASSWORD 'p@ss';
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};
    GRANT USAGE ON SCHEMA other TO {role}; GRANT SELECT ON other.items TO {role};
";

#[tokio::test]
async fn d09_views_and_policies_leave_nothing_where_plain_reads_are_not_reset() {
    let name = database("");
    let role = format!("quiet_{name}");
    server().local.execute(&name, &QUIET.replace("{role}", &role)).unwrap();
    let limits = Limits { most_sessions: 1, ..Limits::default() };
    // Policies do not hold superusers.
    let target = Target { limits, user: role, ..server().target(&name) };
    for read_only in [true, false] {
        let mode = if read_only { Mode::ReadOnly } else { Mode::ReadWrite };
        let target = Target { read_only, ..target.clone() };
        let password = Credentials { password: SecretBytes::copy_of(b"p@ss") };
        let there = databases::open(&target, password, policy()).unwrap();
        let ask = async |sql: &str| text(there.run(query(mode, sql, &[])).await.unwrap()).await.unwrap();
        let clean = left(&*there, mode).await;
        for sly in [
            "SELECT * FROM sly",
            "TABLE sly",
            "SELECT * FROM items, sly",
            "SELECT id FROM items WHERE EXISTS (SELECT FROM sly)",
            "WITH items AS (SELECT * FROM sly) SELECT * FROM items",
            "SELECT * FROM other.items",
            "SELECT id FROM items UNION ALL SELECT 1 FROM ONLY \"sly\"",
            "SELECT (SELECT max(set) FROM sly)",
            "SELECT * FROM guarded",
            "SELECT 1 FROM items WHERE id IN (SELECT id FROM guarded)",
            "EXPLAIN ANALYZE SELECT * FROM sly",
        ] {
            for _ in 0..2 {
                ask("SELECT id FROM items").await;
                ask(sly).await;
                assert_eq!(left(&*there, mode).await, clean, "{sly}");
            }
        }
    }
}

/// Which settings the session has after a plain read shows that it was not reset.
#[tokio::test]
async fn plain_reads_are_not_reset_until_something_changes() {
    let name = database("CREATE TABLE items (id int); INSERT INTO items VALUES (1)");
    let limits = Limits { most_sessions: 1, ..Limits::default() };
    let there = open(&Target { limits, read_only: false, ..server().target(&name) });
    let outside = open(&server().target("postgres"));
    let name_of_session = async || {
        let sql = format!("SELECT application_name AS name FROM pg_stat_activity WHERE datname = '{name}'");
        read(&*outside, &sql, &[]).await.unwrap()
    };
    let sql = "SELECT id FROM items";
    // Other tests of this process change databases meanwhile, and then it is reset after plain reads, too.
    let is_plain_now = async |expected: bool, why: &str| {
        for _ in 0..3 {
            if expected {
                until(why, async || {
                    write(&*there, sql, &[]).await.unwrap();
                    name_of_session().await.contains("somebody")
                })
                .await;
            } else {
                write(&*there, sql, &[]).await.unwrap();
                until(why, async || !name_of_session().await.contains("somebody")).await;
            }
        }
    };
    is_plain_now(true, "plain at first").await;
    write(&*there, "INSERT INTO items VALUES (2)", &[]).await.unwrap();
    until("reset after a write", async || !name_of_session().await.contains("somebody")).await;
    is_plain_now(true, "plain after a write").await;
    for change in [
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION mine()",
        "CREATE DOMAIN mine AS int CHECK (VALUE > 0)",
        "DROP DOMAIN mine",
        "CREATE OPERATOR ## (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int)",
        "DROP OPERATOR ## (int, int)",
        "ALTER TABLE items ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE items DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE items RENAME TO stored",
        "CREATE VIEW items AS SELECT id FROM stored",
    ] {
        write(&*there, change, &[]).await.unwrap();
        if change.contains("RENAME") {
            continue;
        }
        let is_plain = ["DROP", "DISABLE"].iter().any(|word| change.contains(word));
        is_plain_now(is_plain, change).await;
    }
}

/// Two connections may lead to one database: what one of them changes, the other one's sessions are reset after.
#[tokio::test]
async fn d09_what_another_connection_changes_is_noticed() {
    for change in [
        "CREATE VIEW items AS SELECT id FROM stored, (SELECT FROM sly) AS sly",
        // By a trigger, which needs no permission to change tables at that moment.
        "INSERT INTO moved VALUES (1)",
    ] {
        let name = database(
            "CREATE TABLE items (id int); INSERT INTO items VALUES (1); CREATE TABLE moved (id int);
            CREATE VIEW sly AS SELECT set_config('vybe.left', 'behind', false) AS set;
            CREATE FUNCTION moves() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                CREATE VIEW items AS SELECT id FROM stored, (SELECT FROM sly WHERE set <> '') AS sly;
                RETURN NEW;
            END $$;
            CREATE TRIGGER moves BEFORE INSERT ON moved FOR EACH ROW EXECUTE FUNCTION moves();",
        );
        let limits = Limits { most_sessions: 1, ..Limits::default() };
        let target = Target { limits, read_only: false, ..server().target(&name) };
        let (one, two) = (open(&target), open(&target));
        let reader = open(&Target { read_only: true, ..target });
        let clean_writer = left(&*one, Mode::ReadWrite).await;
        let clean_reader = left(&*reader, Mode::ReadOnly).await;
        write(&*two, "ALTER TABLE items RENAME TO stored", &[]).await.unwrap();
        write(&*two, "ALTER TABLE stored RENAME TO items", &[]).await.unwrap();
        let sql = "SELECT id FROM items";
        assert_eq!(write(&*one, sql, &[]).await.unwrap(), "[{\"id\":1}]");
        assert_eq!(read(&*reader, sql, &[]).await.unwrap(), "[{\"id\":1}]");
        server().local.execute(&name, "ALTER TABLE items RENAME TO stored").unwrap();
        let change = change.replace("(SELECT FROM sly)", "(SELECT FROM sly WHERE set <> '')");
        write(&*two, &change, &[]).await.unwrap();
        assert_eq!(write(&*one, sql, &[]).await.unwrap(), "[{\"id\":1}]", "{change}");
        assert_eq!(left(&*one, Mode::ReadWrite).await, clean_writer, "{change}");
        assert_eq!(read(&*reader, sql, &[]).await.unwrap(), "[{\"id\":1}]", "{change}");
        assert_eq!(left(&*reader, Mode::ReadOnly).await, clean_reader, "{change}");
    }
}

/// A function is not PostgreSQL's because somebody made it a member of an extension that is.
#[tokio::test]
async fn d09_what_an_extension_adopts_is_not_trusted() {
    let limits = Limits { most_sessions: 1, ..Limits::default() };
    let outside = open(&server().target("postgres"));
    for (made, is_plain) in [
        ("CREATE EXTENSION btree_gist; CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm", true),
        (
            "CREATE EXTENSION hstore; CREATE FUNCTION evil(items) RETURNS int LANGUAGE sql AS 'SELECT 1'; \
                ALTER EXTENSION hstore ADD FUNCTION evil(items)",
            false,
        ),
        (
            "CREATE EXTENSION hstore; CREATE OPERATOR @# (FUNCTION = pg_try_advisory_lock, LEFTARG = int, \
                RIGHTARG = int); ALTER EXTENSION hstore ADD OPERATOR @# (int, int)",
            false,
        ),
        ("CREATE EXTENSION pg_surgery", false),
    ] {
        let name = database(&format!("CREATE TABLE items (id int); INSERT INTO items VALUES (1); {made}"));
        let there = open(&Target { limits, read_only: false, ..server().target(&name) });
        let sql = format!("SELECT application_name AS name FROM pg_stat_activity WHERE datname = '{name}'");
        for _ in 0..3 {
            // A session that was not reset still has the name of who asked. Other tests of this process change databases
            // meanwhile, and then it is reset after plain reads, too.
            write(&*there, "SELECT id FROM items", &[]).await.unwrap();
            until(made, async || {
                if is_plain {
                    write(&*there, "SELECT id FROM items", &[]).await.unwrap();
                }
                read(&*outside, &sql, &[]).await.unwrap().contains("somebody") == is_plain
            })
            .await;
        }
    }
}
