//! A wrong, missing, truncated or older master key, and changed data keys: the platform does not start, says
//! which key it needs, and writes nothing. `vybe doctor` says what is wrong with the same installation.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use cryptography::MasterKey;
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use test_support::transit_server::{Conduct, TOKEN, TransitKey, TransitServer};
use test_support::{Authority, TestDatabase};

use crate::starting::{MASTER_KEY, PROVIDER, Served, Setting, check_failure, vybe};

pub const OTHER_KEY: &str = "ODEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn id(text: &str) -> String {
    MasterKey::parse(text).unwrap().id().to_owned()
}

/// An installation on this database that ran before.
pub fn installed(database: &TestDatabase) -> Setting {
    let mut setting = Setting::new();
    let sqlite = format!("sqlite:{}", setting.folder.path().join("vybe.db").display());
    setting.config = setting.config.replace(&sqlite, database.url());
    std::fs::write(setting.folder.path().join("other.key"), OTHER_KEY).unwrap();
    Served::start(&setting).stop();
    setting
}

/// Everything that a start could have written.
async fn contents(database: &DatabaseConnection) -> Vec<String> {
    let mut contents = Vec::new();
    for query in [
        "SELECT id AS text FROM audit_events ORDER BY 1",
        "SELECT id || master_key_id AS text FROM data_keys ORDER BY 1",
        "SELECT id || data_key_id AS text FROM sealed_values ORDER BY 1",
        "SELECT id AS text FROM master_keys ORDER BY 1",
        "SELECT version AS text FROM seaql_migrations ORDER BY 1",
    ] {
        let statement = Statement::from_string(database.get_database_backend(), query);
        for row in database.query_all_raw(statement).await.unwrap() {
            contents.push(row.try_get::<String>("", "text").unwrap());
        }
    }
    assert!(contents.len() > 3, "{contents:?}");
    contents
}

/// Serving is refused with these words and writes nothing, and the doctor says it, too.
async fn check_refused(setting: &Setting, database: &DatabaseConnection, words: &[&str]) {
    let before = contents(database).await;
    let output = setting.run(&["serve"]);
    check_failure(&output, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("\"serving\""), "{said}");
    for secret in [MASTER_KEY, OTHER_KEY, "CANARY"] {
        assert!(!said.contains(secret), "{said}");
    }
    let doctor = setting.run(&["doctor"]);
    check_explained(&doctor, words);
    assert_eq!(contents(database).await, before);
}

/// The doctor found something to repair: one line holds these words.
pub fn check_explained(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let explained = |line: &str| line.starts_with("fail") && words.iter().all(|word| line.contains(word));
    assert!(said.lines().any(explained), "{words:?} are in no line of {said}");
    for secret in [MASTER_KEY, OTHER_KEY, "CANARY"] {
        assert!(!said.contains(secret), "{said}");
    }
}

/// Nothing that was said gives this advice.
pub fn check_no_advice(output: &Output, word: &str) {
    for said in [&output.stdout, &output.stderr] {
        let said = String::from_utf8_lossy(said);
        assert!(!said.contains(word), "{word:?} is in {said}");
    }
}

async fn execute(database: &DatabaseConnection, statement: &str) {
    database.execute_unprepared(statement).await.unwrap();
}

test_support::on_both_stores! {
    async fn k06_a_wrong_master_key_is_refused(database: TestDatabase) {
        let mut setting = installed(&database);
        setting.config = setting.config.replace("master.key", "other.key");
        let (needed, known) = (id(MASTER_KEY), id(OTHER_KEY));
        let words = ["secrets.master_key", &format!("needs the master key {needed}"), &known, "restore"];
        check_refused(&setting, database.connection(), &words).await;
    }

    async fn k06_a_missing_or_damaged_master_key_is_refused_by_the_name_of_the_one_that_is_needed(
        database: TestDatabase
    ) {
        let setting = installed(&database);
        let file = setting.folder.path().join("master.key");
        let needed = format!("needs the master key {}", id(MASTER_KEY));
        let words = |reason: &'static str| ["secrets.master_key", reason, &needed, "restore"].map(str::to_owned);
        let refused = async |words: [String; 4]| {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            check_refused(&setting, database.connection(), &words).await;
            // Another key would be of no use.
            check_no_advice(&setting.run(&["serve"]), "openssl");
            check_no_advice(&setting.run(&["doctor"]), "openssl");
        };
        let truncated = &MASTER_KEY[..MASTER_KEY.len() - 4];
        let constant = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
        for (text, reason) in [
            ("", "is empty"),
            (" \n", "is empty"),
            (truncated, "master.key holds no key, which is 32 random bytes"),
            ("not base64 at all!", "master.key holds no key, which is 32 random bytes"),
            (constant, "master.key holds no key, but 32 times the same byte"),
        ] {
            std::fs::write(&file, text).unwrap();
            refused(words(reason)).await;
        }
        std::fs::remove_file(&file).unwrap();
        refused(words("master.key")).await;
        assert!(!file.exists(), "a new master key was made");

        std::fs::write(&file, MASTER_KEY).unwrap();
        let mut former = Setting { config: setting.config.clone(), ..setting };
        former.config = former.config.replace("[secrets]", "[secrets]\nformer_master_keys = [\"short\"]");
        let words = ["secrets.former_master_keys[0]", "holds no key", &needed, "else remove this entry"];
        check_refused(&former, database.connection(), &words).await;
        let mut variable = Setting {
            config: former.config.replace("former_master_keys = [\"short\"]\n", ""),
            ..former
        };
        std::fs::remove_file(&file).unwrap();

        let master_key = format!("{{ file = \"{}\" }}", file.display());
        for (source, reason) in [
            ("{ env = \"NO_SUCH_VARIABLE\" }", "NO_SUCH_VARIABLE is not set"),
            ("{ credential = \"vybe-master-key\" }", "CREDENTIALS_DIRECTORY is not set"),
            ("{ credential = \"../master.key\" }", "without a folder"),
        ] {
            let before = variable.config.clone();
            variable.config = variable.config.replace(&master_key, source);
            check_refused(&variable, database.connection(), &["secrets.master_key", reason, &needed]).await;
            variable.config = before;
        }
    }

    async fn k06_changed_data_keys_are_refused(database: TestDatabase) {
        let setting = installed(&database);
        let connection = database.connection();
        execute(connection, "CREATE TABLE kept AS SELECT * FROM data_keys").await;
        let hexadecimal = |text: &str| match database.backend() {
            sea_orm::DatabaseBackend::Postgres => format!("'\\x{text}'"),
            _ => format!("x'{text}'"),
        };
        let truncated = match database.backend() {
            sea_orm::DatabaseBackend::Postgres => "substring(wrapped from 1 for 40)",
            _ => "substr(wrapped, 1, 40)",
        };
        for changed in [truncated.to_owned(), hexadecimal(""), hexadecimal(&"ab".repeat(60))] {
            execute(connection, &format!("UPDATE data_keys SET wrapped = {changed}")).await;
            let words = ["the database: the master key", &id(MASTER_KEY), "opens none", "restore"];
            check_refused(&setting, connection, &words).await;
        }
        // As if another master key had wrapped them.
        execute(connection, "UPDATE data_keys SET master_key_id = '0123456789abcdef'").await;
        check_refused(&setting, connection, &["needs the master key 0123456789abcdef", &id(MASTER_KEY)]).await;
        let back = "UPDATE data_keys SET wrapped = kept.wrapped, master_key_id = kept.master_key_id FROM kept \
                    WHERE data_keys.id = kept.id";
        execute(connection, back).await;
        Served::start(&setting).stop();
    }

    async fn k06_an_older_master_key_is_called_so(database: TestDatabase) {
        let mut setting = installed(&database);
        let both = setting.config.replace("master.key", "other.key").replace(
            "[secrets]",
            &format!(
                "[secrets]\nformer_master_keys = [{{ file = \"{}\" }}]",
                setting.folder.path().join("master.key").display()
            ),
        );
        let alone = std::mem::replace(&mut setting.config, both);
        Served::start(&setting).stop();
        let doctor = setting.run(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(doctor.status.success(), "{said}");
        assert!(said.contains("warn  master key: some data keys are still wrapped by a former one"), "{said}");
        let rotated = setting.run(&["keys", "rotate", "master", "--progress"]);
        assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
        let doctor = setting.run(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(said.contains("nothing is wrapped by the former"), "{said}");

        setting.config = alone;
        let (older, needed) = (id(MASTER_KEY), id(OTHER_KEY));
        let words = [
            &format!("needs the master key {needed}")[..],
            &format!("{older} was replaced and opens nothing any more"),
            "secrets.master_key",
        ];
        check_refused(&setting, database.connection(), &words).await;
    }

    async fn the_doctor_finds_a_good_installation_good(database: TestDatabase) {
        let mut setting = installed(&database);
        setting.config.push_str(PROVIDER);
        let backup = setting.folder.path().join("first.backup");
        assert!(setting.run(&["backup", backup.to_str().unwrap()]).status.success());
        let before = contents(database.connection()).await;
        let doctor = setting.run(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(doctor.status.success(), "{said}");
        // The tests' account of PostgreSQL is one, and their disk may be nearly full.
        let of_the_tests = |line: &str| line.contains("is used as a superuser") || line.contains("MB are left for it");
        let warns = |line: &&str| !line.starts_with("ok    ") && !of_the_tests(line);
        assert_eq!(said.lines().find(warns), None, "{said}");
        for subject in [
            "configuration:", "certificate:", "core dumps: are off", "sign-in: has", "key file:", "database: answers", "schema: is current",
            "master key: configured:", "data keys: all", "root key: opens", "sealed values: open where they are",
            "none is near its bound", "rotations:",
        ] {
            assert!(said.contains(subject), "{subject}: {said}");
        }
        let json = setting.run(&["doctor", "--json"]);
        let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        let findings = json["findings"].as_array().unwrap();
        assert_eq!(findings.len(), said.lines().count());
        let is_ok = |finding: &&serde_json::Value| {
            finding["state"] == "ok" || of_the_tests(finding["message"].as_str().unwrap())
        };
        assert_eq!(findings.iter().filter(is_ok).count(), findings.len());
        assert_eq!(contents(database.connection()).await, before);
    }

    /// The next start refuses, too: nobody is told that it makes one.
    async fn k06_the_doctor_misses_a_root_key_that_was_there(database: TestDatabase) {
        let setting = installed(&database);
        execute(database.connection(), "DELETE FROM signing_keys").await;
        execute(database.connection(), "DELETE FROM sealed_values WHERE kind = 'root_key'").await;
        let doctor = setting.run(&["doctor"]);
        check_explained(&doctor, &["root key", "is gone", "restore"]);
        assert!(!String::from_utf8_lossy(&doctor.stdout).contains("not there yet"));
        check_failure(&setting.run(&["serve"]), &["root key is gone", "restore"]);
    }

    async fn the_doctor_finds_moved_values_and_worn_keys(database: TestDatabase) {
        let setting = installed(&database);
        let connection = database.connection();
        execute(connection, "UPDATE data_keys SET seals = 2000000000").await;
        let doctor = setting.run(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(doctor.status.success() && said.contains("warn  data keys: 1 key should have been rotated"), "{said}");
        let status = || String::from_utf8(setting.run(&["keys", "status"]).stdout).unwrap();
        assert!(status().contains("has sealed 2000000000 times of 4294967296 and is due"), "{}", status());
        execute(connection, "UPDATE data_keys SET seals = 1, created_at = '2020-01-01 00:00:00+00:00'").await;
        assert!(status().contains(" of 2020-01-01 has sealed 1 times of 4294967296 and is due"), "{}", status());
        // The root under another identifier.
        execute(connection, "UPDATE sealed_values SET version = version + 1 WHERE kind = 'root_key'").await;
        let doctor = setting.run(&["doctor"]);
        check_explained(&doctor, &["root key", "does not open", "restore"]);
        check_explained(&doctor, &["sealed values", "does not open", "restore"]);
        check_failure(&setting.run(&["serve"]), &["the database:", "does not open", "restore"]);
    }
}

#[test]
fn k06_dev_makes_no_new_master_key_over_existing_data() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let dev = || vybe(folder.path(), &["dev", "--port", "0", "--data", "data"]);
    let doctor = || vybe(folder.path(), &["doctor", "--data", "data"]);
    check_explained(&doctor(), &["folder", "data"]);
    assert!(!data.exists());
    test_support::run(async {
        let folder = development::Folder::open(&data).unwrap();
        let database =
            migrations::connect(&format!("sqlite:{}", data.join("vybe.db").display())).await.unwrap();
        let demo = control_plane::demo::start(&folder, 0, database.clone()).await.unwrap();
        demo.running.stop().await.unwrap();
        assert!(doctor().status.success());

        let key = data.join("master.key");
        let text = std::fs::read_to_string(&key).unwrap();
        let before = contents(&database).await;
        let needed = id(&text);
        std::fs::remove_file(&key).unwrap();
        check_failure(&dev(), &["master.key", &needed, "restore"]);
        check_explained(&doctor(), &["master.key", &needed, "restore"]);
        check_no_advice(&dev(), "remove the file");
        assert!(!key.exists(), "a new master key was made");
        for (text, reason) in [("", "32 random bytes"), (&text[..20], "32 random bytes")] {
            std::fs::write(&key, text).unwrap();
            check_failure(&dev(), &["master.key", reason, &needed]);
        }
        std::fs::write(&key, OTHER_KEY).unwrap();
        check_failure(&dev(), &[&id(OTHER_KEY), &needed, "restore"]);
        check_explained(&doctor(), &["master.key", &id(OTHER_KEY), &needed]);
        for output in [dev(), doctor()] {
            check_no_advice(&output, "secrets.");
            check_no_advice(&output, "configuration");
        }
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
        let said = String::from_utf8(doctor().stdout).unwrap();
        assert!(said.contains("warn  key file: ") && said.contains("(mode 640) -> chmod 600"), "{said}");
        assert_eq!(std::fs::read_to_string(&key).unwrap(), OTHER_KEY);
        assert_eq!(contents(&database).await, before);
    });
}

#[test]
fn k06_a_damaged_key_of_the_platform_stops_it_and_one_of_an_organization_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let doctor = || vybe(folder.path(), &["doctor", "--data", "data"]);
    test_support::run(async {
        let folder = development::Folder::open(&data).unwrap();
        let url = format!("sqlite:{}", data.join("vybe.db").display());
        let database = migrations::connect(&url).await.unwrap();
        let demo = control_plane::demo::start(&folder, 0, database.clone()).await.unwrap();
        demo.running.stop().await.unwrap();
        execute(&database, "CREATE TABLE kept AS SELECT * FROM data_keys").await;
        let damage = async |holder: &str| {
            let change =
                format!("UPDATE data_keys SET wrapped = substr(wrapped, 1, 40) WHERE holder {holder}");
            execute(&database, &change).await;
        };
        damage("= 'platform'").await;
        let refused =
            control_plane::demo::start(&folder, 0, database.clone()).await.err().unwrap().to_string();
        assert!(refused.contains("the database: dky_") && refused.contains("restore"), "{refused}");
        check_explained(&doctor(), &["data keys", "1 of 2 do not unwrap", "of platform", "restore"]);

        execute(
            &database,
            "UPDATE data_keys SET wrapped = kept.wrapped FROM kept WHERE data_keys.id = kept.id",
        )
        .await;
        assert!(doctor().status.success());
        damage("<> 'platform'").await;
        check_explained(&doctor(), &["data keys", "1 of 2 do not unwrap", "of org_", "restore"]);
    });
}

#[test]
fn k06_a_master_key_that_cannot_be_read_makes_no_database() {
    let setting = Setting::new();
    std::fs::write(setting.folder.path().join("master.key"), "").unwrap();
    let words = ["secrets.master_key", "is empty", "for a new database", "openssl rand"];
    check_failure(&setting.run(&["serve"]), &words);
    let doctor = setting.run(&["doctor"]);
    check_explained(&doctor, &words);
    assert!(!setting.folder.path().join("vybe.db").exists());
}

#[test]
fn the_master_key_can_be_a_credential_of_systemd() {
    let mut setting = Setting::new();
    let folder = setting.folder.path().join("credentials");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("vybe-master-key"), format!("{MASTER_KEY}\n")).unwrap();
    let file = format!("{{ file = \"{}\" }}", setting.folder.path().join("master.key").display());
    setting.config = setting.config.replace(&file, "{ credential = \"vybe-master-key\" }");
    let checked = Command::new(env!("CARGO_BIN_EXE_vybe"))
        .args(["config", "check", "--config", setting.path().to_str().unwrap()])
        .env("CREDENTIALS_DIRECTORY", &folder)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let missing = setting.run(&["config", "check"]);
    check_failure(&missing, &["secrets.master_key", "CREDENTIALS_DIRECTORY"]);
    let printed = setting.run(&["config", "print"]);
    assert!(String::from_utf8_lossy(&printed.stdout).contains("credential = \"vybe-master-key\""));
}

#[test]
fn no_master_key_is_named_twice_and_none_beside_transit() {
    let with = |section: &str| {
        let mut setting = Setting::new();
        let file = setting.folder.path().join("master.key").display().to_string();
        let section = section.replace("FILE", &file);
        setting.config = setting.config.replace("[secrets]\n", &format!("[secrets]\n{section}\n"));
        setting.run(&["config", "check"])
    };
    check_failure(
        &with("former_master_keys = [{ file = \"FILE\" }]"),
        &["secrets.former_master_keys[0]", &id(MASTER_KEY), "remove one"],
    );
    let other = format!("former_master_keys = [\"{OTHER_KEY}\", \"{OTHER_KEY}\"]");
    check_failure(&with(&other), &["secrets.former_master_keys[1]", "remove one"]);
    check_failure(
        &with("former_master_keys = [\"short\"]"),
        &["secrets.former_master_keys[0]", "(redacted)"],
    );
    let transit = |name: &str, address: &str, key: &str| {
        format!("{name} = {{ address = \"{address}\", key = \"{key}\", token = \"CANARY\" }}")
    };
    check_failure(
        &with(&transit("transit", "https://kms.test", "vybe")),
        &["secrets.master_key", "former_master_keys"],
    );
    for (address, key, words) in [
        ("http://kms.test", "vybe", ["secrets.former_transit.address", "https://"]),
        ("https://kms.test", "a/b", ["secrets.former_transit.key", "letters"]),
    ] {
        let output = with(&transit("former_transit", address, key));
        check_failure(&output, &words);
        assert!(!String::from_utf8_lossy(&output.stderr).contains("CANARY"));
    }
}

/// An installation whose master key is in a transit engine, with its token in a file.
fn with_transit(setting: &mut Setting, server: &TransitServer, authority: &Authority, former: &str) {
    let folder = setting.folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    std::fs::write(folder.join("token"), format!("{TOKEN}\n")).unwrap();
    std::fs::write(folder.join("authority.pem"), authority.certificate()).unwrap();
    let (before, _) = setting.config.split_once("[secrets]").unwrap();
    setting.config = format!(
        "{before}[sign_in]\nextra_authorities = \"{}\"\n[secrets]\n{former}\n[secrets.transit]\naddress = \"{}\"\nkey = \"vybe\"\ntoken = {{ file = \"{}\" }}\ntimeout = \"2s\"\n",
        path("authority.pem"),
        server.address(),
        path("token"),
    );
}

test_support::on_both_stores! {
    async fn k06_a_key_service_that_does_not_open_is_named(database: TestDatabase) {
        let authority = Authority::new();
        let server = TransitServer::start_tls(&authority).await;
        let mut setting = Setting::new();
        let sqlite = format!("sqlite:{}", setting.folder.path().join("vybe.db").display());
        setting.config = setting.config.replace(&sqlite, database.url());
        with_transit(&mut setting, &server, &authority, "");
        Served::start(&setting).stop();
        Served::start(&setting).stop();
        let connection = database.connection();
        let doctor = setting.run(&["doctor"]);
        let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
        assert!(doctor.status.success() && said.contains("transit:transit/vybe:v1 (1 data key)"), "{said}");

        server.conduct(Conduct { sealed: true, ..Conduct::default() });
        check_refused(&setting, connection, &[server.address(), "secrets.transit", "is sealed; unseal it"]).await;
        server.conduct(Conduct { silent: true, ..Conduct::default() });
        check_refused(&setting, connection, &[server.address(), "secrets.transit", "did not answer in time"]).await;
        server.conduct(Conduct::default());
        server.take_token("hvs.CANARYanother");
        check_refused(&setting, connection, &["refuses the token", "transit/keys/vybe"]).await;
        // Made anew under the same name, it opens nothing.
        server.take_token(TOKEN);
        server.put("vybe", Some(TransitKey::new("aes256-gcm96")));
        let words = ["the database: the master key transit:transit/vybe:v1 opens none", "key service"];
        check_refused(&setting, connection, &words).await;
        server.put("vybe", None);
        check_refused(&setting, connection, &["has no key transit/vybe"]).await;
        assert!(server.keys().is_empty(), "a key was made");

        // Back to a key on this machine, without the service.
        let file = setting.folder.path().join("master.key").display().to_string();
        let (before, _) = setting.config.split_once("[secrets]").unwrap();
        setting.config = format!("{before}[secrets]\nmaster_key = {{ file = \"{file}\" }}\n");
        let words = ["needs the master key transit:transit/vybe:v1", &id(MASTER_KEY), "secrets.master_key"];
        check_refused(&setting, connection, &words).await;
    }

    async fn a_master_key_moves_to_a_key_service_and_back(database: TestDatabase) {
        let authority = Authority::new();
        let server = TransitServer::start_tls(&authority).await;
        let mut setting = installed(&database);
        let file = format!("{{ file = \"{}\" }}", setting.folder.path().join("master.key").display());
        let rotate = |setting: &Setting| {
            Served::start(setting).stop();
            let rotated = setting.run(&["keys", "rotate", "master", "--progress"]);
            assert!(rotated.status.success(), "{}", String::from_utf8_lossy(&rotated.stderr));
        };
        with_transit(&mut setting, &server, &authority, &format!("former_master_keys = [{file}]"));
        rotate(&setting);
        setting.config = setting.config.replace(&format!("former_master_keys = [{file}]"), "");
        Served::start(&setting).stop();
        server.rotate("vybe");
        rotate(&setting);
        let said = String::from_utf8_lossy(&setting.run(&["doctor"]).stdout).into_owned();
        assert!(said.contains("transit:transit/vybe:v2 (1 data key)"), "{said}");

        setting.config = setting
            .config
            .replace("[secrets]", &format!("[secrets]\nmaster_key = {file}"))
            .replace("[secrets.transit]", "[secrets.former_transit]");
        rotate(&setting);
        drop(server);
        let (before, _) = setting.config.split_once("[secrets.former_transit]").unwrap();
        setting.config = before.to_owned();
        Served::start(&setting).stop();
        assert!(setting.run(&["doctor"]).status.success());
    }
}
