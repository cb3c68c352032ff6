//! Backups as an operator takes and restores them, of a platform that really ran.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use development::Folder;
use sea_orm::{ConnectionTrait as _, Statement};
use secrets_vault::{Kind, Owner, Vault};
use serde_json::json;
use test_support::{TestDatabase, on_both_stores};

use crate::audit_commands::{Operator, vybe};
use crate::master_keys::OTHER_KEY;
use crate::platform::{Browser, Platform};

impl Operator {
    /// Runs a command with the configuration.
    fn run(&self, command: &str, arguments: &[&str]) -> Output {
        vybe(&[&[command, "--config", self.config.to_str().unwrap()], arguments].concat())
    }

    /// What a command that has to succeed prints.
    fn said(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that has to fail says.
    fn complained(&self, command: &str, arguments: &[&str]) -> String {
        let output = self.run(command, arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn state_hash(&self) -> String {
        let hash = self.said("state-hash", &[]);
        assert_eq!(hash.trim().len(), 64, "{hash}");
        hash.trim().to_owned()
    }

    /// The folder of a platform of its own on another database, with the same keys.
    fn moved(&self, database: &TestDatabase) -> Self {
        let other = Self::new(database);
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            // The heads file stays where it is, as the guide says.
            if path.is_file() && !["vybe.toml", "audit-heads.jsonl"].contains(&name.as_str()) {
                std::fs::copy(&path, other.file(&name)).unwrap();
            }
        }
        other
    }
}

/// Uses the platform: a named secret, sessions, a record of each.
async fn used(platform: &Platform) -> Browser {
    let owner = platform.signed_in("owner").await;
    let path = format!("/api/v1/organizations/{}/secrets", platform.demo.seeded.organization);
    let secret =
        json!({ "kind": "api_key", "name": "MAPS_KEY", "environment": "preview", "value": "CANARY-backup" });
    let made = owner.call("POST", &path, Some(&secret)).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(owner.open(&platform.app_url("hello", "/")).await.status, 200);
    owner
}

/// Opens every value that the store has sealed; answers how many.
async fn open_all(vault: &Vault, database: &TestDatabase) -> usize {
    let sql = "SELECT id, kind, organization_id, app_id, user_id FROM sealed_values";
    let rows =
        database.connection().query_all_raw(Statement::from_string(database.backend(), sql)).await.unwrap();
    for row in &rows {
        let text = |name: &str| row.try_get::<Option<String>>("", name).unwrap();
        let organization = text("organization_id").map(|id| id.parse().unwrap());
        let owner = match (organization, text("app_id"), text("user_id")) {
            (None, ..) => Owner::Platform,
            (Some(organization), Some(app), _) => Owner::App(organization, app.parse().unwrap()),
            (Some(organization), _, Some(user)) => Owner::Member(organization, user.parse().unwrap()),
            (Some(organization), None, None) => Owner::Organization(organization),
        };
        let kind: Kind = text("kind").unwrap().parse().unwrap();
        vault.open(text("id").unwrap().parse().unwrap(), owner, kind).await.unwrap();
    }
    rows.len()
}

/// From one store into another, on which the platform goes on.
async fn moves(first: TestDatabase, second: TestDatabase) {
    let operator = Operator::new(&first);
    let folder = Folder::open(operator.folder.path()).unwrap();
    let platform = Platform::of(&folder, 0, first.connection().clone()).await;
    let owner = used(&platform).await;
    let port = platform.demo.running.https.port();
    let organization = platform.demo.seeded.organization.to_string();
    let file = operator.file("running.backup");
    // While it is served.
    operator.said("backup", &[file.to_str().unwrap()]);
    let verified = operator.said("backup", &["--verify", file.to_str().unwrap()]);
    assert!(verified.contains(": whole, taken 20"), "{verified}");
    let values = open_all(&platform.demo.running.vault, &first).await;
    platform.demo.running.stop().await.unwrap();

    let hash = operator.state_hash();
    let file = operator.file("stopped.backup");
    let said = operator.said("backup", &[file.to_str().unwrap()]);
    assert!(said.contains(&hash) && said.contains("is NOT in it"), "{said}");
    assert!(!std::fs::read(&file).unwrap().windows(6).any(|bytes| bytes == b"CANARY"));
    assert_ne!(operator.state_hash(), hash, "the trail says that a backup was taken");

    let moved = operator.moved(&second);
    let said = moved.said("restore", &[file.to_str().unwrap()]);
    assert!(said.contains(&hash) && said.contains("remove them again"), "{said}");
    assert_eq!(moved.state_hash(), hash);
    let key = moved.public_key();
    for chain in [&["--organization", &organization][..], &["--platform"]] {
        let export = moved.export(chain, chain[0].trim_start_matches('-'));
        let (clean, said) = moved.verify(&export, &key, false);
        assert!(clean, "{said}");
    }

    let folder = Folder::open(moved.folder.path()).unwrap();
    let platform = Platform::of(&folder, port, second.connection().clone()).await;
    let session = owner.open_once(&platform.url("/apps")).await;
    assert_eq!(session.status, 200, "the session lives on");
    assert_eq!(owner.open_once(&platform.app_url("hello", "/")).await.status, 200, "on app hosts, too");
    assert!(open_all(&platform.demo.running.vault, &second).await >= values);
    platform.demo.running.stop().await.unwrap();
}

#[test]
fn g18_a_backup_of_sqlite_is_served_from_postgresql_with_the_same_state_hash() {
    test_support::run(async { moves(TestDatabase::sqlite().await, TestDatabase::postgres().await).await });
}

#[test]
fn g18_a_backup_of_postgresql_is_served_from_sqlite_with_the_same_state_hash() {
    test_support::run(async { moves(TestDatabase::postgres().await, TestDatabase::sqlite().await).await });
}

/// A platform that ran on this store, and a backup of it with many rows more.
async fn large(database: &TestDatabase) -> (Operator, PathBuf) {
    let operator = Operator::new(database);
    let folder = Folder::open(operator.folder.path()).unwrap();
    let platform = Platform::of(&folder, 0, database.connection().clone()).await;
    platform.demo.running.stop().await.unwrap();
    let rows = "WITH RECURSIVE n (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < 20000) \
                INSERT INTO policy_snapshots SELECT 'digest' || at, 'a policy', at FROM n";
    database.connection().execute_unprepared(rows).await.unwrap();
    let file = operator.file("large.backup");
    operator.said("backup", &[file.to_str().unwrap()]);
    (operator, file)
}

on_both_stores! {
    async fn a_restore_that_is_killed_has_restored_nothing(database: TestDatabase) {
        let (operator, file) = large(&TestDatabase::sqlite().await).await;
        let target = operator.moved(&database);
        let empty = backup::state(database.connection()).await.unwrap();
        let mut killed = 0;
        for milliseconds in [150, 400, 800, 1200, 1600] {
            let mut restoring = Command::new(env!("CARGO_BIN_EXE_vybe"))
                .args(["restore", "--config", target.config.to_str().unwrap(), file.to_str().unwrap()])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            restoring.kill().unwrap();
            if restoring.wait().unwrap().success() {
                // It was faster: whatever it did is whole.
                break;
            }
            killed += 1;
            // PostgreSQL takes a moment to find out that nobody is there any more.
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(backup::state(database.connection()).await.unwrap(), empty, "after {milliseconds} ms");
        }
        assert!(killed > 0);
        if backup::state(database.connection()).await.unwrap() == empty {
            target.said("restore", &[file.to_str().unwrap()]);
        }
        let verified = operator.said("backup", &["--verify", file.to_str().unwrap()]);
        assert!(verified.contains(&target.state_hash()), "{verified}");
    }
}

#[test]
fn what_cannot_be_restored_is_refused_with_one_line_that_says_what_to_do() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let (operator, file) = large(&database).await;
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let check = |said: String, words: &[&str]| {
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
        };
        // Its own database, which is not empty, and a file that is there.
        check(operator.complained("restore", &[&path(&file)]), &["not empty", "table "]);
        check(operator.complained("backup", &[&path(&file)]), &["there already"]);
        assert!(!operator.file("large.backup.partial").exists());

        let empty = TestDatabase::sqlite().await;
        let target = operator.moved(&empty);
        let whole = std::fs::read(&file).unwrap();
        let damaged = target.file("damaged.backup");
        for (bytes, word) in [
            (&whole[..whole.len() / 2], "damaged, or cut off, after byte"),
            (&whole[..20], "no backup"),
            (b"SQLite format 3\0".as_slice(), "no backup"),
        ] {
            std::fs::write(&damaged, bytes).unwrap();
            check(target.complained("restore", &[&path(&damaged)]), &["damaged.backup", word]);
            check(target.complained("backup", &["--verify", &path(&damaged)]), &["damaged.backup", word]);
        }
        check(target.complained("restore", &["/nowhere.backup"]), &["/nowhere.backup", "cannot read"]);

        // Another master key; then the right one as a former one.
        let needed =
            cryptography::MasterKey::parse(&std::fs::read_to_string(target.file("master.key")).unwrap());
        std::fs::rename(target.file("master.key"), target.file("former.key")).unwrap();
        std::fs::write(target.file("master.key"), OTHER_KEY).unwrap();
        let whole = path(&file);
        for (command, arguments) in [("restore", vec![whole.as_str()]), ("backup", vec!["--verify", &whole])]
        {
            let said = target.complained(command, &arguments);
            check(
                said,
                &["needs the master key", needed.as_ref().unwrap().id(), "secrets.former_master_keys"],
            );
        }
        let config = std::fs::read_to_string(&target.config).unwrap();
        let former =
            format!("[secrets]\nformer_master_keys = [{{ file = {:?} }}]", path(&target.file("former.key")));
        std::fs::write(&target.config, config.replace("[secrets]", &former)).unwrap();
        target.said("restore", &[&path(&file)]);
        assert!(operator.said("backup", &["--verify", &path(&file)]).contains(&target.state_hash()));
    });
}

#[test]
fn a_backup_that_cannot_be_written_leaves_no_file() {
    test_support::run(async {
        let database = TestDatabase::sqlite().await;
        let (operator, _) = large(&database).await;
        let said = operator.complained("backup", &["/dev/full/x.backup"]);
        assert!(said.contains("cannot write"), "{said}");
        // One that was killed has left its beginning: nobody takes it for a backup, or writes over it.
        let file = operator.file("next.backup");
        let partial = operator.file("next.backup.partial");
        std::fs::write(&partial, "").unwrap();
        let said = operator.complained("backup", &[file.to_str().unwrap()]);
        assert!(said.contains("next.backup.partial") && said.contains("remove it"), "{said}");
        assert!(!file.exists() && partial.exists());
    });
}
