//! A schema that is older or newer than the program: what is said, what starts, and what does not.

use std::process::Output;

use sea_orm::ConnectionTrait as _;
use test_support::TestDatabase;

use crate::master_keys::{check_explained, installed};
use crate::starting::{Served, Setting, check_failure};

/// It ended with this code, and said these words.
fn check(output: &Output, code: i32, words: &[&str]) {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} in {said}");
}

#[test]
fn pending_migrations_are_named_before_anything_is_made() {
    let setting = Setting::new();
    let file = setting.folder.path().join("vybe.db");
    let last = migrations::known().pop().unwrap();
    check(&setting.run(&["migrate", "--check"]), 2, &["pending: m0001_first", &last, "`vybe migrate`"]);
    assert!(!file.exists(), "a check made a database");
    check(&setting.run(&["migrate"]), 0, &[&format!("{} migrations applied", migrations::known().len())]);
    check(&setting.run(&["migrate", "--check"]), 0, &["up to date"]);
    check(&setting.run(&["migrate"]), 0, &["0 migrations applied"]);
    let mut nowhere = Setting::new();
    nowhere.config = nowhere.config.replace("sqlite:", "postgres://nobody@127.0.0.1:1/");
    check(&nowhere.run(&["migrate", "--check"]), 1, &["check database.url"]);
}

test_support::on_both_stores! {
    async fn a_newer_schema_is_served_only_if_it_permits_this_release(database: TestDatabase) {
        let setting = installed(&database);
        let store = database.connection();
        let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_newer', 1)";
        store.execute_unprepared(newer).await.unwrap();
        check(&setting.run(&["migrate", "--check"]), 3, &["m9999_newer", "permits this one"]);
        check(&setting.run(&["migrate"]), 0, &["0 migrations applied"]);
        Served::start(&setting).stop();
        let doctor = String::from_utf8(setting.run(&["doctor"]).stdout).unwrap();
        assert!(doctor.contains("warn  schema: is of a newer release (m9999_newer)"), "{doctor}");

        store.execute_unprepared("UPDATE schema_support SET oldest_release = '99.1.0'").await.unwrap();
        check(&setting.run(&["migrate", "--check"]), 4, &["m9999_newer", "run release 99.1.0 or newer"]);
        for command in ["serve", "migrate"] {
            check_failure(&setting.run(&[command]), &["m9999_newer", "release 99.1.0 or newer", "this is 0."]);
        }
        check_explained(&setting.run(&["doctor"]), &["schema", "99.1.0"]);

        store.execute_unprepared("DELETE FROM seaql_migrations WHERE version = 'm0001_first'").await.unwrap();
        check(&setting.run(&["migrate", "--check"]), 4, &["another line", "m9999_newer", "m0001_first"]);
        check_failure(&setting.run(&["serve"]), &["another line of releases"]);
    }
}
