//! `vybe catalog`, as an operator calls it.

use std::path::Path;
use std::process::{Command, Output};

const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../catalogue/tests/it/documents");

fn catalog(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vybe")).arg("catalog").args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn document(name: &str) -> String {
    Path::new(DOCUMENTS).join(name).display().to_string()
}

#[test]
fn the_entries_are_listed_counted_and_good() {
    let listed = catalog(&["list", "--authentication", "oauth2_code"]);
    assert!(listed.status.success());
    let said_of_slack = said(&listed);
    assert!(
        said_of_slack.contains("slack ") && said_of_slack.trim_end().ends_with("checked"),
        "{said_of_slack}"
    );
    assert!(!said_of_slack.contains("api_key"));
    assert!(catalog(&["check"]).status.success());
    assert!(said(&catalog(&["list", "--category", "crm"])).contains("hubspot "));
    for (option, word, one) in [
        ("--tier", "golden", "fixture"),
        ("--category", "crm2", "commerce"),
        ("--authentication", "oauth", "oauth2_code"),
    ] {
        let refused = catalog(&["list", option, word]);
        let told = String::from_utf8(refused.stderr.clone()).unwrap();
        assert_eq!((refused.status.code(), said(&refused).as_str()), (Some(1), ""));
        assert!(told.contains(word) && told.contains(one), "{told}");
    }
}

#[test]
fn shares_are_printed_and_broken_entries_told() {
    let shares = said(&catalog(&["shares", DOCUMENTS]));
    let closing = shares.lines().last().unwrap();
    assert!(closing.contains("clean 5 (") && closing.contains("refused 13 ("), "{closing}");
    assert!(closing.contains("needs several "), "{closing}");
    // A folder of entries with a broken one.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("broken.toml"), "schema = 2").unwrap();
    let checked = catalog(&["check", folder.path().to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(said(&checked).contains("broken.toml"));
}

#[test]
fn a_document_is_imported_completed_and_compared() {
    let open = document("asks-base_url-relative-server.yaml");
    let asked = catalog(&["import", &open]);
    assert_eq!(asked.status.code(), Some(1));
    assert!(said(&asked).contains("--answer base_url="), "{}", said(&asked));
    let made = catalog(&["import", &open, "--answer", "base_url=https://desk.acme.com"]);
    assert!(made.status.success());
    let folder = tempfile::tempdir().unwrap();
    let entry = folder.path().join("entry.toml");
    std::fs::write(&entry, said(&made)).unwrap();
    let compare =
        |answer: &str| catalog(&["import", &open, "--answer", answer, "--compare", entry.to_str().unwrap()]);
    assert!(compare("base_url=https://desk.acme.com").status.success());
    let elsewhere = compare("base_url=https://desk.evil.com");
    assert_eq!(elsewhere.status.code(), Some(1));
    assert!(said(&elsewhere).contains("breaking: calls go to https://desk.evil.com"), "{}", said(&elsewhere));
    assert_eq!(catalog(&["import", &document("refused-plain-http.yaml")]).status.code(), Some(1));
    // Nothing of it is asked: the address is this machine's.
    assert_eq!(catalog(&["import", "https://127.0.0.1/openapi.json"]).status.code(), Some(1));
}
