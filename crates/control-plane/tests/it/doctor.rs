//! `vybe doctor`: what keeps nothing from starting and should be changed, and a folder of `vybe dev`.

use std::os::unix::fs::PermissionsExt as _;

use sea_orm::ConnectionTrait as _;
use test_support::TestDatabase;

use crate::master_keys::{OTHER_KEY, check_explained, check_no_advice, installed};
use crate::starting::{PROVIDER, Setting, check_failure, vybe};

#[test]
fn the_doctor_warns_of_key_files_that_others_read_and_of_nobody_who_can_sign_in() {
    let mut setting = Setting::new();
    let former = setting.folder.path().join("former.key");
    std::fs::write(&former, OTHER_KEY).unwrap();
    let list = format!("[secrets]\nformer_master_keys = [{{ file = \"{}\" }}]", former.display());
    setting.config = setting.config.replace("[secrets]", &list);
    let doctor = |setting: &Setting| {
        let doctor = setting.run(&["doctor"]);
        let said = String::from_utf8(doctor.stdout).unwrap();
        assert!(doctor.status.success() && !said.contains("CANARY"), "{said}");
        said
    };
    let warns = |said: &str, file: &str, mode: &str| {
        let of_file = |line: &&str| line.starts_with("warn  key file: ") && line.contains(file);
        let line = said.lines().find(of_file).map(str::to_owned);
        line.is_some_and(|line| line.contains(&format!("(mode {mode}) -> chmod 600")))
    };
    for (name, other) in [("master.key", "former.key"), ("former.key", "master.key")] {
        for (mode, text) in [(0o640, "640"), (0o604, "604"), (0o620, "620")] {
            for (file, mode) in [(name, mode), (other, 0o600)] {
                let permissions = std::fs::Permissions::from_mode(mode);
                std::fs::set_permissions(setting.folder.path().join(file), permissions).unwrap();
            }
            let said = doctor(&setting);
            assert!(warns(&said, name, text), "{name} {text}: {said}");
            assert!(!warns(&said, other, "600") && said.contains("ok    key file: "), "{said}");
        }
    }
    assert!(doctor(&setting).contains("warn  sign-in: no identity provider"), "{}", doctor(&setting));
    setting.config.push_str(PROVIDER);
    assert!(doctor(&setting).contains("ok    sign-in: "), "{}", doctor(&setting));
}

#[test]
fn a_folder_without_a_configuration_is_spoken_of_by_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    development::Folder::open(&data).unwrap();
    let dev = || vybe(folder.path(), &["dev", "--port", "0", "--data", "data"]);
    let doctor = || vybe(folder.path(), &["doctor", "--data", "data"]);
    std::fs::write(data.join("vybe.db"), "no database, but longer than the head of one".repeat(100)).unwrap();
    check_failure(&dev(), &["vybe.db", "--data"]);
    check_explained(&doctor(), &["database", "vybe.db"]);
    for output in [dev(), doctor()] {
        check_no_advice(&output, "database.url");
    }
    // A damaged key that nothing needs.
    std::fs::remove_file(data.join("vybe.db")).unwrap();
    std::fs::write(data.join("master.key"), "short").unwrap();
    check_failure(&dev(), &["master.key", "holds no key", "remove the file"]);
    check_explained(&doctor(), &["master.key", "holds no key", "remove the file"]);
}

#[test]
fn what_the_platform_needs_of_postgresql_is_looked_at() {
    test_support::run(async {
        let database = TestDatabase::postgres().await;
        let mut setting = installed(&database);
        let said = String::from_utf8(setting.run(&["doctor"]).stdout).unwrap();
        for line in [
            "ok    database: is PostgreSQL ",
            "ok    database: lets this account read and write",
            "ok    clock: ",
            "ok    notifications: reach another connection",
            "ok    certificate: ends on ",
            "ok    schema: is current",
            "warn  backup: none was taken by `vybe backup` -> take one",
        ] {
            assert!(said.lines().any(|found| found.starts_with(line)), "{line} is not in {said}");
        }
        let backup = setting.folder.path().join("first.backup");
        assert!(setting.run(&["backup", backup.to_str().unwrap()]).status.success());
        let said = String::from_utf8(setting.run(&["doctor"]).stdout).unwrap();
        assert!(
            said.contains("ok    backup: the last one was taken on ") && said.contains("0 days ago"),
            "{said}"
        );

        // An account that may only read.
        let reader = format!("reader_{}", std::process::id());
        let grants =
            format!("CREATE ROLE {reader} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}");
        database.connection().execute_unprepared(&grants).await.unwrap();
        setting.config = setting.config.replacen("postgres://postgres@", &format!("postgres://{reader}@"), 1);
        let doctor = setting.run(&["doctor"]);
        check_explained(&doctor, &["database", "refuses this account", "users", "GRANT SELECT, INSERT"]);
        check_explained(&doctor, &["database", "no tables may be made"]);
        check_no_advice(&doctor, "superuser");
    });
}
