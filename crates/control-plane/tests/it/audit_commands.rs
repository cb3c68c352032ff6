//! The audit trail of a platform that really ran: signed, exported by its operator, verified by a stranger.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use development::Folder;
use sea_orm::ConnectionTrait as _;
use sea_orm::DatabaseBackend;
use test_support::{RawConnection, TestDatabase, on_both_stores};

use crate::platform::Platform;

/// A data folder, and what an operator or a stranger does with it.
pub struct Operator {
    pub folder: tempfile::TempDir,
    pub config: PathBuf,
}

impl Operator {
    pub fn new(database: &TestDatabase) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("vybe.toml");
        let of = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "[platform]\nhost = \"vybe.test\"\nbase_domain = \"apps.vybe.test\"\n[listen]\nhttps = \"127.0.0.1:0\"\n\
             [certificate]\nchain = \"none\"\nkey = \"none\"\n[database]\nurl = {:?}\n\
             [secrets]\nmaster_key = {{ file = {:?} }}\n[audit]\nheads_file = {:?}\n",
            database.url(),
            of("master.key"),
            of("audit-heads.jsonl"),
        );
        std::fs::write(&config, text).unwrap();
        Self { folder, config }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `vybe audit …` with the configuration.
    fn audit(&self, arguments: &[&str]) -> Output {
        let config = ["--config", self.config.to_str().unwrap()];
        vybe(&[&["audit"], arguments, &config].concat())
    }

    pub fn public_key(&self) -> String {
        let output = self.audit(&["public-key"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn export(&self, chain: &[&str], name: &str) -> PathBuf {
        let out = self.file(name);
        let output = self.audit(&[&["export", "--out", out.to_str().unwrap()], chain].concat());
        assert!(output.status.success(), "{output:?}");
        out
    }

    /// Runs `vybe audit verify`, which knows no configuration.
    pub fn verify(&self, export: &Path, key: &str, heads: bool) -> (bool, String) {
        let heads_file = self.file("audit-heads.jsonl");
        let mut arguments =
            vec!["audit", "verify", "--public-key", key, "--export", export.to_str().unwrap()];
        if heads {
            arguments.extend(["--heads", heads_file.to_str().unwrap()]);
        }
        let output = vybe(&arguments);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }
}

pub fn vybe(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vybe"));
    command
        .args(arguments)
        .current_dir("/")
        .env_remove("VYBE_CONFIG")
        .env_remove("VYBE_MASTER_KEY")
        .output()
        .unwrap()
}

/// What `/metrics` and `/readyz` say.
async fn asked(platform: &Platform, path: &str) -> String {
    let admin = platform.demo.running.admin.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut connection = RawConnection::plain(admin).await.unwrap();
    connection.exchange(request).await.unwrap().text()
}

async fn broken(platform: &Platform, expected: &str) {
    let mut metrics = String::new();
    for _ in 0..200 {
        metrics = asked(platform, "/metrics").await;
        if metrics.contains(&format!("\nvybe_audit_broken {expected}\n")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{metrics}");
}

on_both_stores! {
    async fn a_stranger_verifies_the_receipt_for_a_deleted_organization(database: TestDatabase) {
        let operator = Operator::new(&database);
        let folder = Folder::open(operator.folder.path()).unwrap();
        let platform = Platform::of(&folder, 0, database.connection().clone()).await;
        let owner = platform.signed_in("owner").await;
        let path = format!("/api/v1/organizations/{}?slug=acme", platform.demo.seeded.organization);
        let answered = owner.call("DELETE", &path, None).await.text();
        let receipt = operator.file("receipt.json");
        let verify = |text: &str, key: &str| {
            std::fs::write(&receipt, text).unwrap();
            let arguments = ["audit", "verify-receipt", "--receipt", receipt.to_str().unwrap(), "--public-key", key];
            let output = vybe(&arguments);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            (output.status.success(), said)
        };
        let key = operator.public_key();
        let (signed, said) = verify(&answered, &key);
        assert!(signed && said.contains("(acme) was deleted") && said.contains("dky_"), "{said}");
        assert!(said.contains("not covered: Copies of the database"), "{said}");
        for (text, key) in [
            (answered.clone(), "ab".repeat(32)),
            (answered.replace("\"acme\"", "\"acne\""), key.clone()),
            (answered.replacen("\"signature\":\"", "\"signature\":\"00", 1), key.clone()),
            ("{}".to_owned(), key.clone()),
        ] {
            let (signed, said) = verify(&text, &key);
            assert!(!signed, "{said}");
        }
    }

    async fn what_happened_can_be_verified_by_a_stranger_and_what_was_changed_is_found(database: TestDatabase) {
        let operator = Operator::new(&database);
        let folder = Folder::open(operator.folder.path()).unwrap();
        let platform = Platform::of(&folder, 0, database.connection().clone()).await;
        platform.signed_in("owner").await;
        broken(&platform, "0").await;
        let organization = platform.demo.seeded.organization.to_string();
        let port = platform.demo.running.https.port();
        platform.demo.running.stop().await.unwrap();
        let heads = std::fs::read_to_string(operator.file("audit-heads.jsonl")).unwrap();
        assert!(heads.contains(&organization) && heads.contains("\"platform\""), "signed when it stopped: {heads}");

        let key = operator.public_key();
        for (chain, name) in [(&["--organization", &organization][..], "organization"), (&["--platform"], "platform")] {
            let export = operator.export(chain, name);
            let (clean, said) = operator.verify(&export, &key, true);
            assert!(clean && said.starts_with("clean: ") && !said.contains("note: "), "{said}");
            let (clean, said) = operator.verify(&export, &key, false);
            assert!(clean && said.contains("\nnote: without --heads"), "{said}");
            let (clean, said) = operator.verify(&export, &"ab".repeat(32), false);
            assert!(!clean && said.contains("signed by a key that was not given"), "{said}");
            let text = std::fs::read_to_string(&export).unwrap();
            let tampered = operator.file("tampered");
            std::fs::write(&tampered, text.replacen("\"outcome\":\"done\"", "\"outcome\":\"refused\"", 1)).unwrap();
            let (clean, said) = operator.verify(&tampered, &key, true);
            assert!(!clean && said.contains("line 2: record 1 or its hash was changed"), "{said}");
            assert!(said.trim_end().ends_with("the export does not verify: 2 findings"), "{said}");
        }
        for (chain, out, wanted) in [
            (&["--platform"][..], "platform", "cannot write"),
            (&["--organization", &ids::OrganizationId::generate().to_string()], "none", "there was never an organization"),
        ] {
            let output = operator.audit(&[&["export", "--out", operator.file(out).to_str().unwrap()], chain].concat());
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && said.contains(wanted), "{said}");
        }

        // The owner of the database takes the last records back while the platform is down.
        let store = database.connection();
        let allow = match database.backend() {
            DatabaseBackend::Postgres => "ALTER TABLE audit_events DISABLE TRIGGER USER",
            _ => "DROP TRIGGER audit_events_no_delete",
        };
        store.execute_unprepared(allow).await.unwrap();
        let remove = format!("DELETE FROM audit_events WHERE chain = '{organization}' AND sequence > 3");
        assert!(store.execute_unprepared(&remove).await.unwrap().rows_affected() > 0);
        let platform = Platform::of(&folder, port, database.connection().clone()).await;
        broken(&platform, "1").await;
        assert!(asked(&platform, "/readyz").await.contains("ready"));
        platform.demo.running.stop().await.unwrap();
        let after = std::fs::read_to_string(operator.file("audit-heads.jsonl")).unwrap();
        let of_the_organization = |text: &str| text.matches(&organization).count();
        assert_eq!(of_the_organization(&after), of_the_organization(&heads), "no more heads for this chain");
        let export = operator.export(&["--organization", &organization], "rolled-back");
        let (clean, said) = operator.verify(&export, &key, true);
        assert!(!clean && said.contains("rolled back") && said.contains("without its last head"), "{said}");
    }
}
