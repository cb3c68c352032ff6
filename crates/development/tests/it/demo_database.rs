//! The demo database, asked as `psql` asks it.

use std::process::Command;

use development::{DemoDatabase, Folder, certificates};

/// What `psql` says to a statement of the demo's role, over TLS with the authority that the folder has.
fn ask(folder: &Folder, database: &DemoDatabase, statement: &str) -> Result<String, String> {
    let asked = Command::new("psql")
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", statement])
        .args(["--host", "127.0.0.1", "--port", &database.port().to_string()])
        .args(["--username", DemoDatabase::USER, "--dbname", DemoDatabase::NAME])
        .env("PGPASSWORD", database.password())
        .env("PGSSLMODE", "verify-full")
        .env("PGSSLROOTCERT", folder.file("authority.pem"))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if asked.status.success() { Ok(text(asked.stdout)) } else { Err(text(asked.stderr)) }
}

#[test]
fn the_demo_role_reads_and_writes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let folder = Folder::open(data.path()).unwrap();
    certificates(&folder, "vybe.localhost").unwrap();
    let database = DemoDatabase::start(&folder, "vybe.localhost").unwrap().expect("PostgreSQL is installed");
    assert_eq!(ask(&folder, &database, "SELECT count(*) FROM orders").unwrap(), "240");
    for statement in
        ["DELETE FROM orders", "CREATE TABLE mine (id int)", "INSERT INTO customers DEFAULT VALUES"]
    {
        let refused = ask(&folder, &database, statement).unwrap_err();
        assert!(refused.contains("permission denied"), "{statement}: {refused}");
    }
}
