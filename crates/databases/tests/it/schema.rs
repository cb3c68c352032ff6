//! What is in a database, on real servers.

use databases::{Column, Database, Engine, ForeignKey, Schema, Table, Target};
use test_support::MariaServer;

use crate::postgresql::server::{PASSWORD, database, open, server};

const POSTGRESQL: &str = r#"
CREATE SCHEMA "odd ""schema""";
CREATE SCHEMA hidden;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN short AS varchar(3);
CREATE TABLE "odd ""schema""".people ("Id, ""x""" bigint, "naïve 名" text NOT NULL, PRIMARY KEY ("naïve 名", "Id, ""x"""));
CREATE TABLE orders (id serial PRIMARY KEY, person_id bigint, person_name text, dropped int, amount numeric(10,2) NOT NULL DEFAULT 0,
    tags text[], state mood, code short, FOREIGN KEY (person_name, person_id) REFERENCES "odd ""schema""".people);
ALTER TABLE orders DROP COLUMN dropped;
CREATE TABLE measured (at timestamptz NOT NULL, value float4) PARTITION BY RANGE (at);
CREATE TABLE measured_2026 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE VIEW recent AS SELECT id, amount FROM orders;
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM orders;
CREATE TABLE hidden.secrets (id int PRIMARY KEY);
CREATE TABLE refers_to_hidden (id int REFERENCES hidden.secrets);
CREATE TABLE partly (seen int, unseen int);
CREATE TABLE unseen (id int);
CREATE TABLE empty ();
"#;

fn column(name: &str, type_name: &str, nullable: bool) -> Column {
    Column { name: name.to_owned(), type_name: type_name.to_owned(), nullable }
}

fn table<'a>(schema: &'a Schema, name: &str) -> &'a Table {
    schema.tables.iter().find(|table| table.name == name).unwrap_or_else(|| panic!("{name}: {schema:#?}"))
}

fn names(schema: &Schema) -> Vec<(&str, &str)> {
    schema.tables.iter().map(|table| (&*table.name, &*table.kind)).collect()
}

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn of_postgresql_what_the_user_may_read() {
    let name = database(POSTGRESQL);
    server()
        .local
        .execute(
            &name,
            &format!(
                "CREATE ROLE schema_reader LOGIN PASSWORD '{}';
                 GRANT USAGE ON SCHEMA public, \"odd \"\"schema\"\"\" TO schema_reader;
                 GRANT SELECT ON ALL TABLES IN SCHEMA public, \"odd \"\"schema\"\"\" TO schema_reader;
                 GRANT SELECT ON hidden.secrets TO schema_reader;
                 REVOKE SELECT ON partly, unseen FROM schema_reader; GRANT SELECT (seen) ON partly TO schema_reader",
                PASSWORD.replace('\'', "''")
            ),
        )
        .unwrap();
    let target = Target { user: "schema_reader".to_owned(), ..server().target(&name) };
    let schema = open(&target).schema().await.unwrap();
    assert!(!schema.truncated);
    assert_eq!(
        names(&schema),
        [
            ("people", "table"),
            ("empty", "table"),
            ("measured", "partitioned table"),
            ("orders", "table"),
            ("partly", "table"),
            ("recent", "view"),
            ("refers_to_hidden", "table"),
            ("totals", "materialized view"),
        ]
    );
    let people = table(&schema, "people");
    assert_eq!(people.schema, "odd \"schema\"");
    assert_eq!(people.columns, [column("Id, \"x\"", "bigint", false), column("naïve 名", "text", false)]);
    assert_eq!(people.primary_key, texts(&["naïve 名", "Id, \"x\""]));
    let orders = table(&schema, "orders");
    assert_eq!(
        orders.columns,
        [
            column("id", "integer", false),
            column("person_id", "bigint", true),
            column("person_name", "text", true),
            column("amount", "numeric(10,2)", false),
            column("tags", "text[]", true),
            column("state", "mood", true),
            column("code", "short", true),
        ]
    );
    assert_eq!(
        orders.foreign_keys,
        [ForeignKey {
            columns: texts(&["person_name", "person_id"]),
            to_schema: "odd \"schema\"".to_owned(),
            to_table: "people".to_owned(),
            to_columns: texts(&["naïve 名", "Id, \"x\""]),
        }]
    );
    assert_eq!(table(&schema, "refers_to_hidden").foreign_keys, []);
    assert_eq!(table(&schema, "partly").columns, [column("seen", "integer", true)]);

    // As Redshift is asked: tables and views, and rights on whole tables.
    let redshift = open(&Target { engine: Engine::Redshift, ..target }).schema().await.unwrap();
    assert_eq!(table(&redshift, "orders"), orders);
    assert!(redshift.tables.iter().all(|table| table.name != "partly" && table.name != "secrets"));
}

#[tokio::test]
async fn there_is_an_end_to_it() {
    let many = "DO $$ BEGIN FOR n IN 1..2100 LOOP EXECUTE format('CREATE TABLE t%s (a int PRIMARY KEY)', lpad(n::text, 5, '0')); \
        END LOOP; END $$";
    let schema = open(&server().target(&database(many))).schema().await.unwrap();
    assert!(schema.truncated);
    assert_eq!(schema.tables.len(), 2_000);
    let last = schema.tables.last().unwrap();
    assert_eq!((&*last.name, &last.primary_key), ("t02000", &texts(&["a"])));

    let wide = "DO $$ BEGIN FOR n IN 1..60 LOOP EXECUTE (SELECT format('CREATE TABLE w%s (%s)', n, string_agg('c' || c || ' int', ',')) \
        FROM generate_series(1, 1000) c); END LOOP; END $$";
    let schema = open(&server().target(&database(wide))).schema().await.unwrap();
    assert!(schema.truncated);
    assert_eq!(schema.tables.len(), 50, "what is listed is whole");
    assert!(schema.tables.iter().all(|table| table.columns.len() == 1_000));
}

#[tokio::test]
async fn of_mysql_what_the_account_has_rights_on() {
    let server = MariaServer::shared();
    let name = server.database(
        "CREATE TABLE `Odd ``people``` (`id, ``x``` BIGINT UNSIGNED, `naïve 名` VARCHAR(20) NOT NULL, PRIMARY KEY (`naïve 名`, `id, ``x```)) ENGINE=InnoDB;
         CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, person_id BIGINT UNSIGNED, person_name VARCHAR(20),
            state ENUM('a', 'b') NULL, FOREIGN KEY (person_name, person_id) REFERENCES `Odd ``people```(`naïve 名`, `id, ``x```)) ENGINE=InnoDB;
         CREATE VIEW recent AS SELECT id FROM orders;
         CREATE TABLE unseen (id INT);",
    );
    server.run(
        "",
        &format!(
            "CREATE USER schema_reader@'%' IDENTIFIED BY 'x'; GRANT SELECT ON {name}.`Odd ``people``` TO schema_reader@'%';
             GRANT SELECT ON {name}.orders TO schema_reader@'%'; GRANT SELECT ON {name}.recent TO schema_reader@'%';"
        ),
    );
    let target = Target {
        engine: Engine::Mysql,
        host: "127.0.0.1".parse().unwrap(),
        port: server.port(),
        user: "schema_reader".to_owned(),
        ..crate::postgresql::server::server().target(&name)
    };
    let credentials = databases::Credentials { password: cryptography::SecretBytes::copy_of(b"x") };
    let mysql = databases::open(&target, credentials, crate::postgresql::server::policy()).unwrap();
    let schema = Database::schema(&*mysql).await.unwrap();
    assert!(!schema.truncated);
    assert_eq!(names(&schema), [("Odd `people`", "table"), ("orders", "table"), ("recent", "view")]);
    let people = table(&schema, "Odd `people`");
    assert_eq!(people.schema, name);
    assert_eq!(
        people.columns,
        [column("id, `x`", "bigint(20) unsigned", false), column("naïve 名", "varchar(20)", false)]
    );
    assert_eq!(people.primary_key, texts(&["naïve 名", "id, `x`"]));
    let orders = table(&schema, "orders");
    assert_eq!(orders.columns[3], column("state", "enum('a','b')", true));
    assert_eq!(
        orders.foreign_keys,
        [ForeignKey {
            columns: texts(&["person_name", "person_id"]),
            to_schema: name,
            to_table: "Odd `people`".to_owned(),
            to_columns: texts(&["naïve 名", "id, `x`"]),
        }]
    );
}
